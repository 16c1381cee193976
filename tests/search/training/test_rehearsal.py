"""A rehearsed update is one like those that train, and leaves no trace; an epoch broken off leaves
the network's modules as they were."""

from __future__ import annotations

import copy

import pytest
import torch
from automl.blocks.errors import InputError
from automl.search.training.recipe import OPTIMIZERS
from automl.search.training.threads import Threads
from automl.search.training.trainer import Trainer
from torch import nn


class Narrow(nn.Module):
    """Every module whose class is exchanged for an epoch, and what has a state or draws random
    numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.depthwise, self.strided = (
            nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False),
            nn.Conv2d(8, 12, 1, 2, bias=False),
        )
        self.drop, self.fc = nn.Dropout(0.2), nn.Linear(12, 3)
        self.met: list[tuple[int, ...]] = []
        self.breaks_at = 0

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        self.met.append((self.training, *x_bchw.shape))
        if len(self.met) == self.breaks_at:
            raise KeyboardInterrupt
        return self.fc(self.drop(self.strided(self.depthwise(self.norm(self.stem(x_bchw)).relu())).mean((2, 3))))


@pytest.fixture
def start(toy, recipe):
    """Makes a trainer whose epochs rise from 4 to 8 pixels, with everything random switched on."""

    def make(network: nn.Module | None = None, **changes):
        torch.manual_seed(0)
        everything = {
            "ema": 0.9,
            "cutout": 0.2,
            "flip": True,
            "low_size": 0.5,
            "low_fraction": 0.5,
            "batch_size": 16,
            "learning_rate": 0.003,
        }
        return Trainer(network or Narrow(), toy(), epochs=3, size=8, recipe=recipe(**{**everything, **changes}), seed=0)

    return make


def traces(trainer: Trainer) -> dict[str, object]:
    """All of a trainer and of torch that an update may touch, as copies."""
    gradients = {name: parameter.grad for name, parameter in trainer.network.named_parameters()}
    modes = {name: (module.training, type(module)) for name, module in trainer.network.named_modules()}
    return copy.deepcopy(
        {
            "state": trainer.state_dict(),
            "grad": gradients,
            "modes": modes,
            "random": torch.get_rng_state(),
            "met": trainer.network.met,
        }
    )


def equal(first: object, second: object) -> bool:
    """Bit for bit."""
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(equal(item, second[key]) for key, item in first.items())
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(equal, first, second))
    return torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second


class TestRehearsal:
    @pytest.mark.parametrize("epochs", [0, 1])
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    def test_it_leaves_no_trace(self, start, optimizer, epochs):
        trainer = start(optimizer=optimizer)
        for _ in range(epochs):
            trainer.epoch()
        trainer.network.eval()
        before = traces(trainer)
        step = trainer.rehearsal()
        for _ in range(3):
            step()
        assert equal(traces(trainer), before)

    def test_what_trains_afterwards_is_the_same_to_the_bit(self, start):
        plain, rehearsed = start(), start()
        while not plain.finished:
            rehearsed.rehearsal()()
            assert plain.epoch().loss == rehearsed.epoch().loss
        assert equal(plain.state_dict(), rehearsed.state_dict())

    def test_an_update_of_the_trainer_itself_leaves_traces(self, start):
        """The control: each of the things looked at changes in an epoch."""
        trainer = start()
        trainer.network.eval()
        before = traces(trainer)
        trainer.epoch()
        after = traces(trainer)
        assert {name for name in before if not equal(before[name], after[name])} >= {"state", "grad", "met", "modes"}
        assert all(not equal(before["state"][part], after["state"][part]) for part in ("network", "ema", "optimizer"))

    def test_it_trains_a_full_batch_of_the_largest_images(self, start):
        network = Narrow()
        seen: list[torch.Size] = []
        network.stem.register_forward_hook(
            lambda module, inputs, y: seen.append(inputs[0].shape) if module.training else None
        )
        trainer = start(network)
        assert trainer.rehearsal()() == 15  # 120 images in 8 batches of at most 16
        assert seen == [(15, 1, 8, 8)]
        seen.clear()
        trainer.epoch()
        assert {shape[2] for shape in seen} == {4}  # the control: the epoch to come is of smaller ones

    def test_it_updates_its_copy(self, start):
        network = Narrow()
        weights: list[torch.Tensor] = []
        network.stem.register_forward_hook(lambda module, inputs, y: weights.append(module.weight.detach().clone()))
        step = start(network).rehearsal()
        step(), step()
        assert not torch.equal(*weights)

    def test_once_all_epochs_are_done_there_is_nothing_to_rehearse(self, start):
        trainer = start()
        while not trainer.finished:
            trainer.epoch()
        with pytest.raises(InputError, match="before all 3 epochs are done"):
            trainer.rehearsal()

    def test_threads_measured_by_it_train(self, start):
        trainer = start()
        with Threads(trainer.device, cpus=2) as threads:
            assert threads.measure(trainer.rehearsal()) in (1, 2)
            report = trainer.epoch()
            assert 0 < report.training < report.seconds
            assert threads.ended(report.images, report.training) in (1, 2)
        assert torch.get_num_threads() == 1


class TestInterrupted:
    @pytest.mark.parametrize("update", [1, 3])
    def test_ctrl_c_between_updates_leaves_every_module_and_generator_as_it_was(self, start, update):
        network = Narrow()
        trainer = start(network)
        classes, random = [type(module) for module in network.modules()], torch.get_rng_state()
        within: list[str] = []
        network.stem.register_forward_hook(
            lambda module, inputs, y: within.extend(
                type(part).__name__ for part in (network.depthwise, network.strided)
            )
        )
        network.breaks_at = update
        with pytest.raises(KeyboardInterrupt):
            trainer.epoch()
        assert [type(module) for module in network.modules()] == classes
        assert torch.equal(torch.get_rng_state(), random)
        assert trainer.done_epochs == 0
        network.breaks_at = 0
        trainer.epoch()
        assert {"_Strips", "SafeConv2d"} <= set(within)  # the control: within an epoch they are others

    def test_an_epoch_broken_off_is_made_good_by_the_state_of_before(self, start):
        expected, broken = start(), start()
        expected.epoch(), broken.epoch()
        state, loss = broken.state_dict(), expected.epoch().loss
        broken.network.breaks_at = len(broken.network.met) + 2
        with pytest.raises(KeyboardInterrupt):
            broken.epoch()
        assert not equal(broken.state_dict()["network"], state["network"])  # the control: it had begun
        broken.load_state_dict(state)
        assert broken.epoch().loss == loss
        assert equal(broken.state_dict(), expected.state_dict())
