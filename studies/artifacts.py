"""Locates the files beside a study's database: trained weights and states of paused trainings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..blocks.errors import InputError
from .evaluation import Evaluation, Fidelity

if TYPE_CHECKING:
    from .study import Study


def weights_folder(storage: str, study: str) -> Path:
    """The folder of a study's weights: beside its SQLite file, otherwise in the current folder.

    Raises:
        InputError: `storage` is no database URL, or an SQLite database in memory; or `study` is the
            name of no folder, which a database made by others may hold.
    """
    from .database.connection import sqlite_file

    if study in ("", ".", "..") or any(sign in study for sign in "/\\\0"):
        raise InputError(f"the name of a study must be one that a folder can have, but got {study!r}")
    database = sqlite_file(storage) or Path("automl")
    folder = database.resolve().with_name(database.name + ".artifacts") / study
    name = storage.partition("///")[2].partition("?")[0]
    former = Path(name).resolve().with_name(Path(name).name + ".artifacts") / study
    # earlier versions took the "file:" of an SQLite URI for a part of the path
    return former if name.startswith("file:") and former.exists() else folder


def weights_file(study: Study, evaluation: Evaluation) -> Path | None:
    """The file of the weights that an evaluation kept; None if it kept none.

    The database holds only the name of the file, so that database and folder can be moved together;
    of a path, which others may have written, only the name counts.
    """
    if evaluation.checkpoint is None:
        return None
    name = Path(evaluation.checkpoint.replace("\\", "/")).name
    return weights_folder(study.storage_url, study.spec.name) / ("nameless.pt" if name in ("", "..") else name)


def weights_name(candidate_id: str, fidelity: Fidelity, seed: int) -> str:
    """The name of a weights file in a study's folder: candidate, fidelity and seed."""
    return f"{candidate_id[:16]}-{fidelity.epochs}x{fidelity.size}px-seed{seed}.pt"
