"""Which training of a network an export takes, and what it says of the others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.blocks import InputError
from automl.search.handover import selection
from automl.search.handover.export import export
from automl.search.handover.longer_training import train
from automl.studies import Study
from automl.studies.choosing.chosen import trainings

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
        own = study.candidate(known[0].candidate_id)
        known[0] = replace(known[0], accuracy=(known[2].accuracy or 0.0) + (0.1 if better else -0.1))
        monkeypatch.setattr(selection, "trainings", lambda _: known)
        monkeypatch.setattr(selection, "best", lambda _: SimpleNamespace(candidate=own, evaluation=known[0]))
        said: list[str] = []
        export(study, tmp_path / "found", formats=(), check=False, said=said.append)
        assert f"training {1 if better else 3}, " in said[0]
        told = [line for line in said if line.startswith("training 3 was longer (2 epochs at 48 px), but its ")]
        assert [line.endswith(": --training 3 exports that one") for line in told] == [True] * better

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
