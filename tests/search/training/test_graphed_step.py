"""Updates replayed as graphs train as those run from Python do; here a recording on the CPU takes
the place of a CUDA graph."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

import pytest
import torch
from automl.search.training.graphed_step import GraphedStep
from automl.search.training.graphs import Graphs
from automl.search.training.lamb import DeviceLamb
from automl.search.training.recipe import OPTIMIZERS
from automl.search.training.trainer import Trainer

from .recording import record
from .test_reproducible import run, same

READS = ("nadamw", "lamb")
"""Optimisers that read their step counter on the host when they are made for the CPU."""


def graphed(trainer: Trainer) -> Trainer:
    """The trainer with updates as on a GPU."""
    trainer._graphs = Graphs(record)
    trainer._step = GraphedStep(
        trainer.network, trainer._optimizer, trainer._ema, trainer.recipe, trainer.device, trainer._graphs
    )
    return trainer


@pytest.fixture
def start(toy, tiny, recipe):
    """Makes a trainer of three epochs at 8 pixels, with everything random switched on."""

    def make(optimizer="sgd", **changes):
        settings = {"ema": 0.9, "cutout": 0.2, "flip": True, "clip": 1.0, "learning_rate": 0.003, **changes}
        return Trainer(tiny(), toy(), epochs=3, size=8, recipe=recipe(optimizer=optimizer, **settings), seed=0)

    return make


def apart(first: Trainer, second: Trainer) -> float:
    """Largest difference of weights, averaged ones included."""
    pairs = zip(
        [*first.network.state_dict().values(), *first.network_for_use().state_dict().values()],
        [*second.network.state_dict().values(), *second.network_for_use().state_dict().values()],
        strict=True,
    )
    return max((a - b).abs().max().item() for a, b in pairs)


class TestAgainstRunning:
    @pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name not in READS])
    def test_losses_accuracies_and_weights_are_those_of_updates_from_python(self, start, optimizer):
        plain, replayed = start(optimizer), graphed(start(optimizer))
        for expected, got in zip(run(plain, 3), run(replayed, 3), strict=True):
            assert got.loss == pytest.approx(expected.loss, rel=1e-5)
            assert got.accuracy == expected.accuracy
        assert len(replayed._graphs._replays) == 1
        assert all(replayed._graphs._replays.values())
        assert apart(plain, replayed) < 1e-5

    def test_lamb_of_a_gpu_is_that_of_timm(self, start):
        plain, replayed = start("lamb", learning_rate=0.02), start("lamb", learning_rate=0.02)
        groups = [
            {"params": group["params"], "weight_decay": group["weight_decay"]}
            for group in replayed._optimizer.param_groups
        ]
        replayed._scheduler.optimizer = replayed._optimizer = DeviceLamb(groups, lr=0.02)
        graphed(replayed)
        for expected, got in zip(run(plain, 3), run(replayed, 3), strict=True):
            assert got.loss == pytest.approx(expected.loss, rel=1e-5)
        assert all(replayed._graphs._replays.values())
        assert apart(plain, replayed) < 1e-4

    def test_choices_that_are_made_in_python_are_not_those_of_the_capture(self, start, monkeypatch):
        pieces = {"augment": "randaugment", "crop": 0.5, "erasing": 0.5, "mixup": 0.4, "accumulate": 2}
        plain, replayed = start(**pieces), graphed(start(**pieces))
        for expected, got in zip(run(plain, 2), run(replayed, 2), strict=True):
            assert got.loss == pytest.approx(expected.loss, rel=1e-5)
        assert all(replayed._graphs._replays.values())
        assert apart(plain, replayed) < 1e-5
        # the control: with the choices in it no graph can be captured
        captured = graphed(start(**pieces))
        monkeypatch.setattr(
            GraphedStep,
            "__call__",
            lambda self, batches, rows_b, draws_b5, update: self._graphs.run(
                "whole", partial(self._whole, batches), rows_b, draws_b5
            ),
        )
        with pytest.warns(UserWarning, match="trains without CUDA graphs"):
            run(captured, 1)

    @pytest.mark.parametrize("fault", ["_rates_on_device", "_share"])
    def test_rates_and_shares_as_numbers_would_be_those_of_the_capture(self, start, monkeypatch, fault):
        """The control: a number that changes must not be in the graph."""
        plain, replayed = start(), graphed(start())
        if fault == "_rates_on_device":
            monkeypatch.setattr(GraphedStep, fault, lambda self: nullcontext())
        else:
            replayed._step._share = torch.tensor(0.5)
            monkeypatch.setattr(torch.Tensor, "fill_", _filling_all_but(replayed._step._share))
        run(plain, 3), run(replayed, 3)
        assert apart(plain, replayed) > 1e-4

    @pytest.mark.parametrize("optimizer", READS)
    def test_an_optimiser_that_reads_from_the_device_trains_from_python(self, start, optimizer):
        plain, replayed = start(optimizer), graphed(start(optimizer))
        with pytest.warns(UserWarning, match="without CUDA graphs"):
            got = run(replayed, 3)
        assert [report.loss for report in got] == pytest.approx([report.loss for report in run(plain, 3)], rel=1e-5)


class TestResume:
    def test_a_resumed_training_agrees_with_a_straight_one_to_the_bit(self, start):
        straight, stopped, resumed = (graphed(start("muon")) for _ in range(3))
        expected = run(straight, 3)
        run(stopped, 1)
        resumed.load_state_dict(stopped.state_dict())
        assert run(resumed, 2) == expected[1:]
        assert same(resumed.state_dict(), straight.state_dict())

    @pytest.mark.parametrize("forgets", [True, False])
    def test_graphs_of_before_a_state_was_loaded_are_not_replayed(self, start, monkeypatch, forgets):
        """With the control: they work on the optimiser's tensors of before."""
        trainer = graphed(start("adamw"))
        run(trainer, 1)
        state = trainer.state_dict()
        expected = run(trainer, 2)
        if not forgets:
            monkeypatch.setattr(Graphs, "forget", lambda self: None)
        trainer.load_state_dict(state)
        assert (run(trainer, 2) == expected) == forgets

    def test_rates_in_a_state_are_numbers(self, start):
        trainer = graphed(start("adamw"))
        run(trainer, 2)
        assert {type(group["lr"]) for group in trainer.state_dict()["optimizer"]["param_groups"]} == {float}

    def test_a_state_keeps_no_choice_of_kernels(self, start):
        """A state of a GPU is loaded on the CPU, which has no capturable AdamW."""
        trainer, other = start("adamw"), start("adamw")
        run(trainer, 1)
        state = trainer.state_dict()
        for group in state["optimizer"]["param_groups"]:
            group["capturable"] = group["foreach"] = True
            group["fused"] = False
        other.load_state_dict(state)
        assert run(other, 2) == run(trainer, 2)


class TestSizes:
    def test_graphs_of_a_smaller_size_are_released(self, start):
        trainer = graphed(start(low_size=0.5, rise=0.5))
        held = []
        for _ in trainer._schedule:
            trainer.epoch()
            held.append({name.size for name, *_ in trainer._graphs._replays})
        assert held == [{plan.size} for plan in trainer._schedule] == [{4}, {7}, {8}]

    def test_rehearsing_changes_nothing(self, start):
        plain, rehearsed = graphed(start()), graphed(start())
        for _ in range(3):
            step = rehearsed.rehearsal()
            for _ in range(3):
                step()
            assert plain.epoch().loss == rehearsed.epoch().loss
        assert same(plain.state_dict(), rehearsed.state_dict())


def _filling_all_but(kept: torch.Tensor):
    usual = torch.Tensor.fill_
    return lambda self, value: self if self is kept else usual(self, value)
