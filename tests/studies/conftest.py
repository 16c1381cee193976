"""A study in a fresh SQLite file, and a way to fill it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study, StudySpec
from optuna.distributions import CategoricalDistribution, FloatDistribution
from sqlalchemy import create_engine, text

BEGAN = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'study.db'}"


@pytest.fixture(scope="session")
def spec() -> StudySpec:
    return StudySpec(
        name="tiny",
        space={"name": "resnext-eca", "dimensions": {"depth": {"low": 0.5, "high": 2.0}, "attention": ["none", "eca"]}},
        budget="macs<=400000000",
        data={"name": "digits", "fingerprint": "ab" * 32, "classes": list("0123456789"), "channels": 1},
        settings={"image": 224, "fidelity": {"epochs": 3, "size": 32}, "seed": 0},
    )


@pytest.fixture(scope="session")
def created(tmp_path_factory: pytest.TempPathFactory, spec: StudySpec) -> Path:
    """A database with an empty study, made once: the making takes longer than most tests."""
    file = tmp_path_factory.mktemp("created") / "study.db"
    Study.create_or_continue(f"sqlite:///{file}", spec, command="automl search", versions={"python": "3.11"})
    return file


@pytest.fixture
def study(url: str, created: Path) -> Study:
    shutil.copy(created, url.removeprefix("sqlite:///"))
    return Study.open(url, "tiny")


@pytest.fixture
def candidate() -> Callable[..., CandidateRow]:
    def make(number: int = 0, **changes: Any) -> CandidateRow:
        return CandidateRow(
            **{
                "id": f"{number:064x}",
                "spec": f'{{"number":{number}}}',
                "macs": 1000 + number,
                "params": 10,
                "activations": 5,
                **changes,
            }
        )

    return make


@pytest.fixture
def evaluation() -> Callable[..., Evaluation]:
    def make(number: int = 0, **changes: Any) -> Evaluation:
        values: dict[str, Any] = {
            "candidate_id": f"{number:064x}",
            "fidelity": Fidelity(epochs=3, size=32),
            "seed": 0,
            "purpose": Purpose.SEARCH,
            "state": State.COMPLETE,
            "settings": {"attention": "eca", "eca_kernel": 5, "depth": 1.2},
            "curve": ((1, 0.1), (2, 0.2), (3, 0.1 + 0.2)),
            "accuracy": 0.1 + 0.2,
            "seconds": 1.5,
            "worker": "host:17",
            "started": BEGAN + timedelta(seconds=number),
            "finished": BEGAN + timedelta(seconds=number + 2),
        }
        return Evaluation(**{**values, **changes})

    return make


@pytest.fixture
def record(candidate: Callable[..., CandidateRow], evaluation: Callable[..., Evaluation]) -> Callable[..., Evaluation]:
    """Records evaluation `number`; its MACs and any field of the evaluation may be given."""

    def add(
        study: Study,
        number: int = 0,
        *,
        macs: int | None = None,
        depth: float = 1.0,
        choices: tuple[str, ...] = ("none", "eca"),
        **changes: Any,
    ) -> Evaluation:
        one = candidate(number) if macs is None else candidate(number, macs=macs)
        result = evaluation(number, **changes)
        complete = result.state is State.COMPLETE and result.purpose is Purpose.SEARCH
        return study.record(
            result,
            one,
            params={"depth": depth, "attention": "eca"},
            distributions={"depth": FloatDistribution(0.5, 2.0), "attention": CategoricalDistribution(choices)},
            values=(result.accuracy, one.macs) if complete and result.accuracy is not None else None,
        )

    return add


@pytest.fixture
def count() -> Callable[..., int]:
    """Rows of a table, seen from outside."""

    def rows(url: str, table: str, where: str = "1 = 1") -> int:
        engine = create_engine(url)
        try:
            with engine.connect() as connection:
                return connection.execute(text(f"SELECT count(*) FROM {table} WHERE {where}")).scalar_one()
        finally:
            engine.dispose()

    return rows
