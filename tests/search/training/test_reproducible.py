"""The same seed gives the same bits, whatever ran before; stopping and going on changes nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from automl.blocks.errors import InputError
from automl.search.training.randomness import derive, seeded
from automl.search.training.recipe import OPTIMIZERS
from automl.search.training.subset import balanced_order
from automl.search.training.trainer import Trainer
from automl.studies.trained.checkpoint import load, save
from torch import nn

EPOCHS = 4


def flat(value, where=""):
    """Every leaf of a nested state by its path."""
    if isinstance(value, dict):
        return {path: leaf for key, item in value.items() for path, leaf in flat(item, f"{where}/{key}").items()}
    if isinstance(value, (list, tuple)):
        return {path: leaf for key, item in enumerate(value) for path, leaf in flat(item, f"{where}/{key}").items()}
    return {where: value}


def same(first, second) -> bool:
    """Whether two states are equal, bit for bit."""
    first, second = flat(first), flat(second)
    return first.keys() == second.keys() and all(
        torch.equal(a, second[k]) if isinstance(a, torch.Tensor) else a == second[k] for k, a in first.items()
    )


def run(trainer, epochs=EPOCHS):
    """The reports of the next epochs, without their times."""
    return [replace(trainer.epoch(), seconds=0.0, training=0.0) for _ in range(epochs)]


@pytest.fixture
def start(toy, tiny, recipe):
    """Makes a trainer at its start, with everything random switched on."""

    def make(seed=0, epochs=EPOCHS, **changes):
        everything = {
            "ema": 0.9,
            "cutout": 0.2,
            "flip": True,
            "optimizer": "lamb",
            "learning_rate": 0.02,
            "low_size": 0.5,
            "low_fraction": 0.5,
        }
        return Trainer(
            tiny(seed),
            toy(),
            epochs=epochs,
            size=8,
            recipe=recipe(**{**everything, **changes}),
            seed=seed,
            fraction=0.8,
        )

    return make


class TestDeterminism:
    def test_the_same_seed_gives_the_same_bits(self, start):
        first, second = start(), start()
        assert run(first) == run(second)
        assert same(first.state_dict(), second.state_dict())

    def test_another_seed_gives_others(self, start):
        first, second = start(seed=0), start(seed=1)
        assert run(first) != run(second)
        assert not same(first.state_dict()["network"], second.state_dict()["network"])

    def test_the_seed_matters_even_for_the_same_initial_weights(self, toy, tiny, recipe):
        first, second = (Trainer(tiny(0), toy(), epochs=1, size=8, recipe=recipe(), seed=seed) for seed in (0, 1))
        assert run(first, 1) != run(second, 1)

    def test_what_ran_before_in_the_process_does_not_matter(self, start):
        first = start()
        expected = run(first)
        torch.manual_seed(99)
        run(start(seed=7), 2)
        second = start()
        got = []
        for _ in range(EPOCHS):
            torch.rand(13)  # another candidate draws between two epochs
            got += run(second, 1)
        assert got == expected
        assert same(first.state_dict(), second.state_dict())

    def test_training_leaves_the_global_generator_as_it_was(self, start):
        before = torch.get_rng_state()
        run(start())
        assert torch.equal(torch.get_rng_state(), before)

    def test_each_epoch_and_purpose_draws_its_own_numbers(self):
        seeds = {
            derive(seed, purpose, number) for seed in (0, 1) for purpose in ("epoch", "images") for number in (1, 2, 11)
        }
        assert len(seeds) == 12
        with seeded(0, "epoch", 1):
            first = torch.rand(3)
        with seeded(0, "epoch", 2):
            assert not torch.equal(torch.rand(3), first)


class TestResume:
    @pytest.mark.parametrize("optimizer", OPTIMIZERS)
    @pytest.mark.parametrize("ema", [None, 0.9])
    def test_stopping_at_any_epoch_and_going_on_from_a_file_changes_nothing(self, start, tmp_path, optimizer, ema):
        changes = {"optimizer": optimizer, "ema": ema, "learning_rate": 0.003}
        whole = start(**changes)
        reports = run(whole)
        stopped = start(**changes)
        run(stopped, 1)
        for epoch in range(1, EPOCHS):  # a new trainer for each epoch
            save(tmp_path / "trainer.pt", stopped.state_dict())
            stopped = start(**changes)
            stopped.load_state_dict(load(tmp_path / "trainer.pt"))
            assert stopped.done_epochs == epoch
            assert run(stopped, 1) == [reports[epoch]]
        assert stopped.finished
        assert same(stopped.state_dict(), whole.state_dict())

    @pytest.mark.parametrize("forgotten", ["network", "ema", "optimizer"])
    def test_each_part_of_the_state_is_needed(self, start, forgotten):
        """The control: with one part as at the start, the resumed run is another."""
        full = {"low_size": 1.0, "low_fraction": 1.0}  # every part shows in the second epoch's accuracy or loss
        whole = start(**full)
        reports = run(whole, 2)
        stopped = start(**full)
        run(stopped, 1)
        resumed = start(**full)
        resumed.load_state_dict({**stopped.state_dict(), forgotten: start(**full).state_dict()[forgotten]})
        assert run(resumed, 1) != reports[1:]

    def test_a_state_is_a_copy_that_training_does_not_change(self, start):
        trainer = start()
        run(trainer, 1)
        state = trainer.state_dict()
        before = {path: leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for path, leaf in flat(state).items()}
        run(trainer, 1)
        assert same(before, flat(state))
        for _ in range(2):  # neither does training that went on from it
            again = start()
            again.load_state_dict(state)
            run(again, 1)
            assert same(before, flat(state))
            assert same(again.state_dict(), trainer.state_dict())

    def test_other_settings_are_refused_by_name(self, start):
        state = start().state_dict()
        with pytest.raises(InputError, match=r"epochs=9 instead of 4, learning_rate=0\.5 instead of 0\.02"):
            start(epochs=9, learning_rate=0.5).load_state_dict(state)

    def test_another_network_is_refused_in_one_line(self, toy, recipe, start):
        other = Trainer(nn.Sequential(nn.Flatten(), nn.Linear(64, 3)), toy(), epochs=1, size=8, recipe=recipe(), seed=0)
        this = Trainer(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), toy(), epochs=1, size=8, recipe=recipe(), seed=0)
        with pytest.raises(
            InputError, match=r"with the network it was begun with, but got another: [^\n]*size mismatch[^\n]*$"
        ):
            this.load_state_dict(other.state_dict())


class TestSubset:
    LABELS = torch.arange(1000) % 4 // 2 * 2 + (torch.arange(1000) % 10 == 0)

    def test_every_beginning_holds_each_class_in_its_proportion(self):
        order = balanced_order(self.LABELS, seed=0)
        assert torch.equal(order.sort().values, torch.arange(1000))
        shares = torch.bincount(self.LABELS) / 1000
        for count in (10, 100, 333, 1000):
            counts = torch.bincount(self.LABELS[order[:count]], minlength=len(shares))
            assert (counts - shares * count).abs().max() <= 1.5

    def test_the_seed_decides_which_images(self):
        assert torch.equal(balanced_order(self.LABELS, seed=0), balanced_order(self.LABELS, seed=0))
        assert set(balanced_order(self.LABELS, seed=0)[:100].tolist()) != set(
            balanced_order(self.LABELS, seed=1)[:100].tolist()
        )
