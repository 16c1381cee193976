"""Locates the files of a study: trained weights and states of paused trainings.

They lie in a folder beside the database, unless the study was begun with `--artifacts`. Of weights
at a URL a copy is fetched into that folder when they are needed.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ...blocks.errors import InputError
from ..database.weights_folder import weights_folder
from ..driver import place as here
from ..records.evaluation import Evaluation, Fidelity, Purpose
from ..store import Folder, Store, checked_place, store_at
from ..store.open_store import require_usable
from ..store.store import checked

__all__ = [
    "PlaceNotNamed",
    "begin_at",
    "kept_at",
    "local_folder",
    "named_by",
    "require_place",
    "sent",
    "store_of",
    "trial_weights",
    "weights_file",
    "weights_folder",
    "weights_name",
    "weights_place",
]

if TYPE_CHECKING:
    from ..study import Study
    from ..writing.json_values import JSON

NOTE = "artifacts"
"""Note of where a study keeps its files: the folder or URL that `--artifacts` named, without
secrets, and the study's own folder there; without a place, the folder beside the database."""
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
    if place not in _named and not (given and checked_place(given, VARIABLE) == place):
        raise PlaceNotNamed(
            f"the study {study.spec.name} keeps its files at {place[:200]}: set {VARIABLE} to that if you trust it"
        )
    return store_at(_below(place, folder))


def named_by(study: Study) -> dict[str, str]:
    """The environment variables that a command needs to open a study's files, those that this
    process has left out."""
    place, _ = _noted(study)
    return {} if place is None or os.environ.get(VARIABLE) else {VARIABLE: place}


def kept_at(study: Study) -> list[str]:
    """Where files of a study may be: the folder beside the database, if it exists, and the place
    that the database notes. The place is only named, never opened: another user may have written
    that note."""
    found: list[str] = []
    with suppress(InputError):  # the name may be that of no folder
        usual = weights_folder(study.storage_url, study.spec.name)
        found += [str(usual)] if usual.exists() else []
    with suppress(InputError):
        place, folder = _noted(study)
        found += [] if place is None else [_below(place, folder)]
    return found


def require_place(study: Study | None, asked: str | None) -> None:
    """Check, before anything is started, that the files of a study can be kept where it has them,
    or where they are `asked` for (`--artifacts`); None is a new study.

    Raises:
        InputError: the study keeps its files elsewhere, or the place cannot be written.
    """
    place = _place_for(study, asked)
    if place is not None:
        require_usable(place, _told(asked))
    elif study is not None:
        store_of(study)


def begin_at(study: Study, asked: str | None) -> Store:
    """The store of a study's files, at the place that is `asked` for if the study begins now.

    Raises:
        InputError: the study keeps its files elsewhere, or as `store_of`.
    """
    begins = NOTE not in study.notes()  # read first: what another driver notes from here on stays
    place = _place_for(study, asked)
    if place is not None:
        _named.add(place)
    if _noted(study)[0] is None and not _has_files(study):
        # of drivers that begin together the first one decides, for all
        chosen: JSON = {"place": place, "folder": "" if place is None else _own_folder(study)}
        study.note(NOTE, chosen, once=begins or place is None)
        if place is not None:
            return begin_at(study, asked)
    return store_of(study)


def _place_for(study: Study | None, asked: str | None) -> str | None:
    """The place that is asked for, or that the environment names; None for the folder beside the
    database."""
    given = os.environ.get(VARIABLE) if asked is None else asked
    place = None if not given and asked is None else checked_place(str(given), _told(asked))
    noted = None if study is None else _noted(study)[0]
    if study is None or place is None or place == noted or not (noted or _has_files(study)):
        return place
    if noted is None and asked is None:
        return None  # the variable is meant for studies that begin
    has = "the folder beside its database" if noted is None else noted[:200]
    raise InputError(f"{_told(asked)} must be that of the study, {has}, since its files are there; got {place[:200]}")


def _told(asked: str | None) -> str:
    """What names the place that is asked for."""
    return VARIABLE if asked is None else "--artifacts"


def _has_files(study: Study) -> bool:
    """Whether a study that notes no place may have files in the folder beside its database: a
    training has ended or is paused, or another driver that has begun there runs one."""
    if any(study.counts().values()) or study.paused():
        return True
    own = here(), os.getpid()
    return NOTE in study.notes() and any((one.place, one.pid) != own for one in study.drivers())


def _own_folder(study: Study) -> str:
    """A name for a study's folder at a place where studies of other databases, or a deleted one,
    may have its name."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", study.spec.name)
    return f"{plain}-{secrets.token_hex(4)}"


def _below(place: str, folder: str) -> str:
    return f"{place.rstrip('/')}/{checked(folder)}"


def _noted(study: Study) -> tuple[str | None, str]:
    """The place of a study's files and its folder there; None for the folder beside its
    database."""
    noted = study.notes().get(NOTE)
    if not isinstance(noted, dict) or not isinstance(noted.get("place"), str):
        return None, ""
    return str(noted["place"]), str(noted.get("folder", ""))


def local_folder(study: Study) -> Path:
    """The folder of a study's files on this machine, which of files at a URL holds copies: those of
    this study alone, and not of a deleted one of its name. Raises as `store_of`."""
    store = store_of(study)
    if isinstance(store, Folder):
        return store.folder
    return weights_folder(study.storage_url, study.spec.name) / checked(_noted(study)[1])


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


def sent(study: Study, *files: Path) -> None:
    """Copy files of `local_folder` to the study's URL, if its files are at one; a file that does
    not exist is left out.

    Raises:
        StoreError: the URL cannot be reached.
        PlaceNotNamed: as `store_of`.
    """
    store = store_of(study)
    if isinstance(store, Folder):
        return
    folder = local_folder(study)
    for file in files:
        if file.is_file():
            with open(file, "rb") as copy, store.writing(file.relative_to(folder).as_posix()) as there:
                shutil.copyfileobj(copy, there)


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
