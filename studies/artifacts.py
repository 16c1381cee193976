"""The files beside a study's database: weights of trained networks, and states of trainings that
are paused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .evaluation import Evaluation, Fidelity

if TYPE_CHECKING:
    from .study import Study


def weights_folder(storage: str, study: str) -> Path:
    """Where a study's trained weights lie: beside an SQLite file, else in the current folder."""
    from sqlalchemy.engine import make_url

    url = make_url(storage)
    in_file = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
    database = Path(url.database) if in_file and url.database else Path("automl")
    return database.resolve().with_name(database.name + ".artifacts") / study


def weights_file(study: Study, evaluation: Evaluation) -> Path | None:
    """The weights that an evaluation kept. Only the name is in the database, so that database and
    folder can be moved together."""
    return (
        None
        if evaluation.checkpoint is None
        else weights_folder(study.storage_url, study.spec.name) / evaluation.checkpoint
    )


def weights_name(candidate_id: str, fidelity: Fidelity, seed: int) -> str:
    """The file of a trained network's weights within a study's folder."""
    return f"{candidate_id[:16]}-{fidelity.epochs}x{fidelity.size}px-seed{seed}.pt"
