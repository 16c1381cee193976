"""Which training of a network an export takes, and what it says of the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from automl.blocks import InputError
from automl.search.handover import selection
from automl.search.handover.export import export
from automl.search.handover.longer_training import train
from automl.search.handover.selection import better_of_search
from automl.studies import Evaluation, Study
from automl.studies.choosing.finals import trainings
from automl.studies.records.evaluation import DRIVER

from ..one_network import TINY, pictures, study_on


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Five trainings of one network."""
    folder = tmp_path_factory.mktemp("which")
    made = study_on(folder, pictures(folder, "png"), TINY)
    for epochs, size, seed in ((3, 32, 1), (3, 32, 2), (2, 48, 1), (1, 48, 1), (4, 24, 1)):
        train(made, epochs=epochs, size=size, seed=seed, threads=1)
    return made


class TestWhich:
    """Which training an export takes."""

    def taken(self, study: Study, out: Path, **options) -> tuple[int, int, int, int]:
        made = export(study, out, formats=(), check=False, **options)
        fidelity = made.evaluation.fidelity
        assert json.loads((out / "config.json").read_text())["training"]["size"] == fidelity.size
        return made.number, fidelity.epochs, fidelity.size, made.evaluation.seed

    @pytest.mark.parametrize(
        ("options", "number"),
        [
            ({}, 3),
            ({"size": 32}, 2),
            ({"size": 32, "seed": 1}, 1),
            ({"epochs": 1}, 4),
            ({"training": 1}, 1),
            ({"training": 5}, 5),
            ({"epochs": 4}, 5),
        ],
        ids=str,
    )
    def test_the_longest_at_the_largest_size_or_what_is_asked_for(
        self, study: Study, tmp_path: Path, options: dict, number: int
    ) -> None:
        assert self.taken(study, tmp_path / "found", **options)[0] == number

    def test_it_says_which(self, study: Study, tmp_path: Path) -> None:
        said: list[str] = []
        export(study, tmp_path / "found", formats=(), check=False, said=said.append)
        third = trainings(study)[2]
        assert (
            f"training 3, 48 px, 2 epochs, seed 1: validation accuracy {third.accuracy:.4f}, test accuracy"
            f" {third.test_accuracy:.4f}" in said[0]
        )

    @pytest.mark.parametrize("better", [True, False])
    def test_that_of_the_search_if_a_longer_one_is_worse(
        self, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, better: bool
    ) -> None:
        known = trainings(study)
        reached = known[2].accuracy or 0.0
        known[:2] = [
            replace(one, worker="host:1", accuracy=reached + more)
            for one, more in zip(known[:2], (0.1, 0.05 if better else -0.05), strict=True)
        ]
        monkeypatch.setattr(selection, "numbered_trainings", lambda _: known)
        said: list[str] = []
        export(study, tmp_path / "found", formats=(), check=False, said=said.append)
        assert f"training {1 if better else 3}, " in said[0]
        told = [line for line in said if line.startswith("training 3 was longer (2 epochs at 48 px), but its ")]
        assert [line.endswith(": --training 3 exports that one") for line in told] == [True] * better
        said.clear()
        export(study, tmp_path / "asked", training=3, formats=(), check=False, said=said.append)
        assert said[0].startswith(f"exporting {known[0].candidate_id[:12]}: training 3, ")
        assert [line for line in said if "exports that one" in line] == []  # it was asked for

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"training": 6}, "--training must be a number from 1 to 5"),
            ({"training": 0}, "--training must be a number from 1 to 5"),
            ({"size": 64}, "no training of .* has --size 64; there are 1: 3 epochs at 32 px, seed 1; 2: "),
            ({"size": 48, "seed": 7}, "has --size 48, --seed 7"),
        ],
    )
    def test_what_there_is_not_is_refused_with_what_there_is(
        self, study: Study, tmp_path: Path, options: dict, message: str
    ) -> None:
        with pytest.raises(InputError, match=message):
            export(study, tmp_path / "found", **options)
        assert not (tmp_path / "found").exists()


class TestBetterOfSearch:
    """Whether a training by hand is worse than those by which the search confirmed its network."""

    @pytest.fixture
    def final(self, study: Study) -> Callable[..., Evaluation]:
        one = trainings(study)[0]

        def make(accuracy: float, epochs: int = 3, *, by_hand: bool = False, **changes: Any) -> Evaluation:
            worker = DRIVER if by_hand else "host:1"
            fidelity = replace(one.fidelity, epochs=epochs)
            return replace(one, worker=worker, accuracy=accuracy, fidelity=fidelity, **changes)

        return make

    def test_it_is_the_best_of_them_if_all_are_better(self, final: Callable[..., Evaluation]) -> None:
        longer, finals = final(0.75, 9, by_hand=True), [final(0.8), final(0.78)]
        assert better_of_search([longer, *finals], longer) == finals[0]
        assert better_of_search([longer, *finals, final(0.74)], longer) is None

    @pytest.mark.parametrize(
        "changes",
        [{"by_hand": True}, {"checkpoint": None}, {"candidate_id": "0" * 64}],
        ids=lambda one: next(iter(one)),
    )
    def test_others_do_not_count(self, final: Callable[..., Evaluation], changes: dict[str, Any]) -> None:
        longer = final(0.75, 9, by_hand=True)
        assert better_of_search([longer, final(0.8, **changes)], longer) is None

    def test_another_that_was_as_long_and_better_speaks_for_its_length(self, final: Callable[..., Evaluation]) -> None:
        first, equal = (final(one, 9, by_hand=True) for one in (0.75, 0.85))
        confirming = final(0.8)
        assert better_of_search([first, equal, confirming], first) is None
        shorter = final(0.85, 5, by_hand=True)
        assert better_of_search([first, shorter, confirming], first) == confirming


def test_of_a_measure_that_is_minimised_a_higher_one_is_worse(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {0: -0.5, 1: -0.6, 2: -0.7}
    known = [replace(trainings(study)[place], metric="log-loss", accuracy=value) for place, value in values.items()]
    known[2] = replace(known[2], fidelity=replace(known[2].fidelity, epochs=50))
    monkeypatch.setattr(selection, "numbered_trainings", lambda _: known)
    first, second = selection.others(study, known[1])
    assert "training 3 was longer (50 epochs at 48 px), but its validation log loss, 0.7" in first
    assert ", is higher: --training 3 exports that one" in first
    assert "training 1 of it reached a lower validation log loss, 0.5" in second
