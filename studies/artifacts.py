"""Locates the files beside a study's database: trained weights and states of paused trainings."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..blocks.errors import InputError
from .evaluation import Evaluation, Fidelity, Purpose

if TYPE_CHECKING:
    from .study import Study


def weights_folder(storage: str, study: str) -> Path:
    """The folder of a study's weights: beside its SQLite file, otherwise in the current folder.

    Raises:
        InputError: `storage` is no database URL, or an SQLite database in memory; or `study` is the
            name of no folder, which a database made by others may hold.
    """
    from .database.url import sqlite_file

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
    of a path, which others may have written, only the name counts. The weights of a trial are found
    by their name alone, since they are kept only while it is among the best.
    """
    if evaluation.checkpoint is None:
        return _of_trial(study, evaluation)
    name = Path(evaluation.checkpoint.replace("\\", "/")).name
    return weights_folder(study.storage_url, study.spec.name) / ("nameless.pt" if name in ("", "..") else name)


def weights_name(candidate_id: str, fidelity: Fidelity, seed: int) -> str:
    """The name of a weights file in a study's folder: candidate, fidelity and seed."""
    part = "" if fidelity.fraction == 1 else f"-{fidelity.fraction:g}"
    return f"{candidate_id[:16]}-{fidelity.epochs}x{fidelity.size}px{part}-seed{seed}.pt"


def trial_weights(candidate_id: str, seed: int) -> str:
    """The path of the weights of a trial in a study's folder, without the epoch: `-epochN.pt`
    follows."""
    return f"search/{candidate_id[:16]}-seed{seed}"


def _of_trial(study: Study, evaluation: Evaluation) -> Path | None:
    """The file of the weights of a trial after its last epoch; None if there is none."""
    if evaluation.purpose is not Purpose.SEARCH or not evaluation.curve:
        return None
    with suppress(InputError):  # a database in memory has no folder
        folder = weights_folder(study.storage_url, study.spec.name)
        file = folder / f"{trial_weights(evaluation.candidate_id, evaluation.seed)}-epoch{evaluation.curve[-1][0]}.pt"
        return file if file.is_file() else None
    return None
