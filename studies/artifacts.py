"""Locates the files of a study: trained weights and states of paused trainings.

They lie in a folder beside the database, unless the study was begun with `--artifacts`. Of weights
at a URL a copy is fetched into that folder when they are needed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..blocks.errors import InputError
from .evaluation import Evaluation, Fidelity, Purpose
from .store import Folder, Store, checked_place, store_at
from .store.opening import require_usable
from .store.store import checked
from .weights_folder import weights_folder

__all__ = [
    "PlaceNotNamed",
    "begin_at",
    "local_folder",
    "require_place",
    "store_of",
    "trial_weights",
    "weights_file",
    "weights_folder",
    "weights_name",
    "weights_place",
]

if TYPE_CHECKING:
    from .study import Study

NOTE = "artifacts"
"""Note of a study that was begun with `--artifacts`: the folder or URL, without secrets, and the
study's own folder there."""
TRIALS = "search"
"""Folder of the weights of trials, within the study's."""
VARIABLE = "AUTOML_ARTIFACTS"
"""Environment variable that names the place too."""

_named: set[str] = set()
"""Places that the user has named in this process. One that only a database names is not opened:
others may have written it."""


class PlaceNotNamed(InputError):
    """A study keeps its files at a place that the user has not named."""


def store_of(study: Study) -> Store:
    """The store of a study's files: at the place with which it began, else the folder beside the
    database.

    Raises:
        PlaceNotNamed: the user has not named that place.
        InputError: as `weights_folder`.
    """
    usual = weights_folder(study.storage_url, study.spec.name)
    place, folder = _noted(study)
    if place is None:
        return Folder(usual)
    given = os.environ.get(VARIABLE)
    if place not in _named and not (given and checked_place(given) == place):
        raise PlaceNotNamed(
            f"the study {study.spec.name} keeps its files at {place[:200]}: set {VARIABLE} to that if you trust it"
        )
    return store_at(f"{place.rstrip('/')}/{checked(folder)}")


def require_place(study: Study | None, asked: str | None) -> None:
    """Check, before anything is started, that the files of a study can be kept where it has them,
    or where they are `asked` for (`--artifacts`); None is a new study.

    Raises:
        InputError: the study keeps its files elsewhere, or the place cannot be written.
    """
    place = _place_for(study, asked)
    if place is not None:
        require_usable(place)
    elif study is not None:
        store_of(study)


def begin_at(study: Study, asked: str | None) -> Store:
    """The store of a study's files, at the place that is `asked` for if the study begins now.

    Raises:
        InputError: the study keeps its files elsewhere, or as `store_of`.
    """
    place = _place_for(study, asked)
    if place is not None:
        _named.add(place)
        if _noted(study)[0] is None:
            study.note(NOTE, {"place": place, "folder": _own_folder(study)})
    return store_of(study)


def _place_for(study: Study | None, asked: str | None) -> str | None:
    """The place that is asked for, or that the environment names; None for the folder beside the
    database."""
    given = asked or os.environ.get(VARIABLE)
    place = checked_place(given) if given else None
    noted = None if study is None else _noted(study)[0]
    if study is None or place is None or place == noted or not (noted or study.evaluations() or study.paused()):
        return place
    if noted is None and asked is None:
        return None  # the variable is meant for studies that begin
    has = "the folder beside its database" if noted is None else noted[:200]
    raise InputError(f"--artifacts must be that of the study, {has}, since its files are there; got {place[:200]}")


def _own_folder(study: Study) -> str:
    """The name of a study's folder at a place where studies of other databases may have its
    name."""
    told = f"{study.spec.name} {study.created:%Y-%m-%d %H:%M:%S}"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", study.spec.name)
    return f"{plain}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"


def _noted(study: Study) -> tuple[str | None, str]:
    """The place of a study's files and its folder there; None for the folder beside its
    database."""
    noted = study.notes().get(NOTE)
    if not isinstance(noted, dict) or not isinstance(noted.get("place"), str):
        return None, ""
    return str(noted["place"]), str(noted.get("folder", ""))


def local_folder(study: Study) -> Path:
    """The folder of a study's files on this machine, which of files at a URL holds copies; raises
    as `store_of`."""
    store = store_of(study)
    return store.folder if isinstance(store, Folder) else weights_folder(study.storage_url, study.spec.name)


def weights_place(study: Study, evaluation: Evaluation) -> Path | None:
    """Where this machine keeps the weights of an evaluation, from a URL once they are fetched; None
    if it kept none.

    The weights of a trial are found by their name alone, since they are kept only while it is among
    the best.

    Raises:
        StoreError: whether a trial has weights cannot be told, since the URL cannot be reached.
        PlaceNotNamed: as `store_of`.
    """
    name = _kept_name(evaluation)
    if name is None:
        return None
    try:
        file, store = local_folder(study) / name, store_of(study)
    except PlaceNotNamed:
        raise
    except InputError:  # a database in memory has no folder, and its trials have no weights
        if evaluation.checkpoint is not None:
            raise
        return None
    return file if evaluation.checkpoint is not None or file.is_file() or store.exists(name) else None


def weights_file(study: Study, evaluation: Evaluation) -> Path | None:
    """The file of the weights that an evaluation kept, fetched if they are at a URL; None if it
    kept none. If they are there no more, the file is missing.

    Raises:
        StoreError: the URL cannot be reached.
        PlaceNotNamed: as `store_of`.
        OSError: the copy cannot be written.
    """
    file = weights_place(study, evaluation)
    if file is None or file.exists():
        return file
    store, name = store_of(study), _kept_name(evaluation)
    if name is not None and not isinstance(store, Folder):
        copies = Folder(local_folder(study))
        with suppress(FileNotFoundError), store.reading(name) as found, copies.writing(name) as copy:
            shutil.copyfileobj(found, copy)
    return file


def weights_name(candidate_id: str, fidelity: Fidelity, seed: int) -> str:
    """The name of a weights file in a study's folder: candidate, fidelity and seed."""
    part = "" if fidelity.fraction == 1 else f"-{fidelity.fraction:g}"
    return f"{candidate_id[:16]}-{fidelity.epochs}x{fidelity.size}px{part}-seed{seed}.pt"


def trial_weights(candidate_id: str, seed: int) -> str:
    """The path of the weights of a trial in a study's folder, without the epoch: `-epochN.pt`
    follows."""
    return f"{TRIALS}/{candidate_id[:16]}-seed{seed}"


def _kept_name(evaluation: Evaluation) -> str | None:
    """The name of the weights of an evaluation in its study's store; None if it can have none.

    The database holds only the name of the file, so that database and folder can be moved together;
    of a path, which others may have written, only the name counts.
    """
    if evaluation.checkpoint is not None:
        name = Path(evaluation.checkpoint.replace("\\", "/")).name
        return "nameless.pt" if name in ("", "..") else name
    if evaluation.purpose is not Purpose.SEARCH or not evaluation.curve:
        return None
    return f"{trial_weights(evaluation.candidate_id, evaluation.seed)}-epoch{evaluation.curve[-1][0]}.pt"
