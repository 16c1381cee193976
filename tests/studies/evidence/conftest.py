"""Searches as one wants them: rows without a database, and whole studies in one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study, StudySpec
from automl.studies.evidence import Row
from optuna.distributions import FloatDistribution

BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
EPOCHS = 9


@pytest.fixture
def row() -> Callable[..., Row]:
    """One evaluation; with `reached` it is complete, with `curve` alone it was stopped where the
    curve ends."""

    def make(
        number: int = 0,
        reached: float | None = None,
        origin: str = "predictor",
        curve: tuple[tuple[int, float], ...] = (),
        **changes: Any,
    ) -> Row:
        state = "COMPLETE" if reached is not None else "PRUNED" if curve else "FAIL"
        epochs = EPOCHS if reached is not None else curve[-1][0] if curve else 0
        values = {
            "id": f"{number:064x}",
            "origin": origin,
            "state": state,
            "epochs": epochs,
            "full": EPOCHS,
            "seconds": 2.0 * epochs,
            "curve": curve,
        }
        return Row(**{**values, "reached": reached, **changes})

    return make


@pytest.fixture
def search(row: Callable[..., Row]) -> Callable[..., list[Row]]:
    """Networks trained to the end, the first `random` of them drawn at random."""

    def make(accuracies: np.ndarray, random: int) -> list[Row]:
        return [
            row(number, float(value), "random" if number < random else "predictor")
            for number, value in enumerate(accuracies)
        ]

    return make


@pytest.fixture(scope="session")
def spec() -> StudySpec:
    return StudySpec(
        name="tiny",
        space={"name": "resnext-eca"},
        budget="macs<=400000000",
        data={"name": "digits", "fingerprint": "ab" * 32, "images": 1797},
        settings={
            "image_size": 32,
            "proxy_size": 16,
            "epochs": EPOCHS,
            "fraction": 1.0,
            "seed": 0,
            "recipe": {"name": "sgd", "lr": 0.1},
        },
    )


@pytest.fixture(scope="session")
def created(tmp_path_factory: pytest.TempPathFactory, spec: StudySpec) -> Path:
    """A database with an empty study, made once."""
    file = tmp_path_factory.mktemp("created") / "study.db"
    Study.create_or_continue(
        f"sqlite:///{file}", spec, command="automl search --data digits", versions={"python": "3.11", "torch": "2.15"}
    )
    return file


@pytest.fixture
def study(tmp_path: Path, created: Path) -> Study:
    shutil.copy(created, tmp_path / "automl.db")
    return Study.open(f"sqlite:///{tmp_path / 'automl.db'}", "tiny")


@pytest.fixture(scope="session")
def record() -> Callable[..., Evaluation]:
    """Records evaluation `number` of a study: complete where `accuracy` is given, stopped after
    `stopped` epochs, else failed."""

    def add(
        study: Study,
        number: int,
        accuracy: float | None = None,
        *,
        stopped: int = 0,
        origin: str = "random",
        final: int = 0,
        **changes: Any,
    ) -> Evaluation:
        complete = accuracy is not None and not stopped
        epochs = stopped or (EPOCHS if complete else 0)
        reached = accuracy or 0.0
        curve = tuple((epoch, reached * epoch / EPOCHS) for epoch in range(1, epochs + 1))
        one = CandidateRow(
            id=f"{number:064x}", spec=f'{{"number":{number}}}', macs=1_000_000 + 1000 * number, params=10, activations=5
        )
        values: dict[str, Any] = {
            "candidate_id": one.id,
            "fidelity": Fidelity(epochs=2 * EPOCHS if final else EPOCHS, size=16),
            "seed": final,
            "purpose": Purpose.FINAL if final else Purpose.SEARCH,
            "state": State.COMPLETE if complete else State.PRUNED if stopped else State.FAIL,
            "settings": {"width": 0.5 + number / 100},
            "curve": curve,
            "accuracy": curve[-1][1] if curve else None,
            "seconds": 2.0 * epochs,
            "worker": "host:17",
            "device": "cpu",
            "reason": None if complete else "for a reason",
            "started": BEGAN,
            "finished": BEGAN + timedelta(seconds=number + 1),
            "origin": "" if final else origin,
        }
        evaluation = Evaluation(**{**values, **changes})
        searched = evaluation.purpose is Purpose.SEARCH
        return study.record(
            evaluation,
            one,
            params={"width": 0.5} if searched else {},
            distributions={"width": FloatDistribution(0.1, 2.0)} if searched else {},
            values=(
                (evaluation.accuracy, one.macs) if searched and complete and evaluation.accuracy is not None else None
            ),
        )

    return add


@pytest.fixture
def searched(tmp_path: Path, searched_file: Path) -> Study:
    """A search of 30 with a random part of 6, some stopped early, one failed, the three best
    trained again from three seeds, and notes."""
    shutil.copy(searched_file, tmp_path / "automl.db")
    return Study.open(f"sqlite:///{tmp_path / 'automl.db'}", "tiny")


@pytest.fixture(scope="session")
def searched_file(tmp_path_factory: pytest.TempPathFactory, created: Path, record: Callable[..., Evaluation]) -> Path:
    """The database of `searched`, recorded once."""
    file = tmp_path_factory.mktemp("searched") / "study.db"
    shutil.copy(created, file)
    study = Study.open(f"sqlite:///{file}", "tiny")
    generator = np.random.default_rng(3)
    for number in range(30):
        origin = "random" if number < 6 else "predictor"
        accuracy = float(0.8 + 0.02 * generator.normal() + (0 if number < 6 else 0.05))
        if number == 10:
            record(study, number, origin=origin)
        else:
            record(study, number, accuracy, stopped=3 if number % 4 == 1 else 0, origin=origin)
    for point in sorted(study.front(), key=lambda point: -point.accuracy)[:3]:
        for seed in (1, 2, 3):
            record(study, int(point.id, 16), point.accuracy + 0.003 * float(generator.normal()), final=seed)
    study.note("gate", {"refused": 100, "duplicates": 4})
    study.note("surrogate", {"rank_correlation": 0.71, "n": 22})
    return file
