"""Evaluators: the built-in ones and one of a user's own keep to what a search asks of them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from automl.blocks import AutomlError, InputError
from automl.search.evaluators import EvaluatorKind, evaluators, find_evaluator, on_workers
from automl.search.options import SearchOptions
from automl.search.workers.job_runner import steps
from automl.spaces import Space

from ..conftest import SPACE, write_images
from .conformance import EvaluatorConformance


def options_for(folder: Path, evaluator: str) -> SearchOptions:
    return SearchOptions(
        space=Space.from_dict(SPACE),
        data=str(write_images(folder / "images.npz", images=60)),
        evaluator=evaluator,
        epochs=2,
        proxy_size=8,
        storage=f"sqlite:///{folder}/a.db",
        trials=2,
    )


class TestTrain(EvaluatorConformance):
    def kind(self) -> EvaluatorKind:
        return evaluators.get("train")

    def options(self, folder: Path) -> SearchOptions:
        return options_for(folder, "train")


class TestZeroCost(EvaluatorConformance):
    def kind(self) -> EvaluatorKind:
        return evaluators.get("zero-cost")

    def options(self, folder: Path) -> SearchOptions:
        return options_for(folder, "zero-cost:log_params")


class TestTable(EvaluatorConformance):
    def kind(self) -> EvaluatorKind:
        return evaluators.get("table")

    def options(self, folder: Path) -> SearchOptions:
        dimensions = {"width": [0.25, 0.5], "kernel": [3, 5]}
        rows = [{"width": w, "kernel": k, "accuracy": w} for w in (0.25, 0.5) for k in (3, 5)]
        (folder / "table.json").write_text(json.dumps(rows))
        space = Space.from_dict({**SPACE, "dimensions": dimensions})
        return SearchOptions(
            space=space, evaluator=f"table:{folder}/table.json", storage=f"sqlite:///{folder}/a.db", trials=2
        )


def rising(job, place) -> Iterator[tuple[int, float]]:
    for epoch in range(1, job.fidelity.epochs + 1):
        yield epoch, epoch / 10


def short(job, place) -> Iterator[tuple[int, float]]:
    yield 1, 0.5


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    before = dict(evaluators.parts())
    yield
    evaluators.known.clear()
    evaluators.known.update(before)


class TestOfAUser(EvaluatorConformance):
    def kind(self) -> EvaluatorKind:
        return evaluators.known.get("rising") or evaluators.add(
            "rising", on_workers("rising", "an accuracy that rises", rising)
        )

    def options(self, folder: Path) -> SearchOptions:
        self.kind()
        return options_for(folder, "rising")

    def test_a_resumed_trial_reports_only_what_follows_its_pause(self, tmp_path: Path):
        _, evaluator = self.prepared(tmp_path)
        assert [report["epoch"] for report in steps(*self.work(evaluator, start=1))] == [2]

    def test_control_one_that_ends_early_fails_the_trial(self, tmp_path: Path):
        evaluators.add("short", on_workers("short", "one epoch alone", short))
        options = options_for(tmp_path, "short")
        kind, argument = find_evaluator(options.evaluator)
        evaluator = kind.prepare(options, argument, 0.0, None)
        with pytest.raises(AutomlError, match="must report 2 epochs, but it ended after 1"):
            list(steps(*self.work(evaluator)))


class TestNames:
    @pytest.mark.parametrize("text", ["train:x", "table", "table:", "zero-cot", ""])
    def test_what_is_no_evaluator_is_refused_with_what_there_is(self, text: str):
        with pytest.raises(InputError, match=r"known: train, table:FILE, zero-cost, zero-cost:SCORE"):
            find_evaluator(text)

    @pytest.mark.parametrize("part", [rising, EvaluatorKind(name="other", words="", prepare=lambda *_: None)])  # type: ignore[arg-type, return-value]
    def test_what_is_no_evaluator_is_not_registered(self, part: object):
        with pytest.raises(InputError, match="must be an EvaluatorKind"):
            evaluators.add("mine", part)
