"""Takes over what an earlier run of a study could not write to its database."""

from __future__ import annotations

from contextlib import suppress

from ...blocks.errors import AutomlError, InputError
from ..database.recovery import Kept, Result, read_recovery, recovery_files
from ..database.url import sqlite_file
from ..database.weights_folder import weights_folder
from ..records.evaluation import Purpose
from ..store import Folder, Url
from ..study import Study
from ..trained.artifacts import store_of
from ..writing.atomic_file import remove_unfinished


def tidy(study: Study) -> None:
    """Remove what processes of this machine left unfinished when they were killed, beside the
    database of a study and among its weights."""
    file = sqlite_file(study.storage_url)
    if file is not None:
        remove_unfinished(file.resolve().parent)
    with suppress(AutomlError):  # a store that cannot be had is told when it is needed
        store = store_of(study)
        if isinstance(store, Folder):
            remove_unfinished(store.folder, below=True)
        elif isinstance(store, Url):
            store.remove_unfinished()


def take_over(study: Study) -> list[str]:
    """Record what the recovery files of a study hold, and remove them; call it within
    `study.driven()`.

    What the study has already is left out, and so is what a living driver is at.

    Returns:
        What was taken over, in lines for the reader.

    Raises:
        DatabaseError: the database cannot be had; the files stay.
    """
    try:
        folder = weights_folder(study.storage_url, study.spec.name)
    except InputError:  # a name that no folder can have
        return []
    said: list[str] = []
    living = [one.id for one in study.drivers()] if folder.is_dir() else []
    for path in recovery_files(folder, but=living):
        try:
            kept = read_recovery(path, study.spec.name, study.created)
        except InputError as error:
            said.append(f"{error}; it is left where it is")
            continue
        taken, refused = 0, None
        for one in kept:
            try:
                taken += _recorded(study, one)
            except InputError as error:
                refused = error
        if refused is not None:
            said.append(f"{path} holds what contradicts the study ({refused}); it is left where it is")
            continue
        path.unlink(missing_ok=True)
        said.append(f"{taken} of {len(kept)} results that an earlier run kept in {path} were missing in the study")
    return said


def _recorded(study: Study, one: Kept) -> bool:
    """Whether the study lacked a result, and has it now."""
    purpose = one.evaluation.purpose if isinstance(one, Result) else Purpose.SEARCH
    if study.lease is not None and study.lease.claim(one.key, purpose) != "mine":
        return False
    if isinstance(one, Result):
        study.record(
            one.evaluation, one.candidate, params=one.params, distributions=one.distributions, values=one.values
        )
        return True
    before = next((each for each in study.paused() if each.key == one.key), None)
    if before is not None and len(before.curve) >= len(one.curve):
        return False
    study.pause(one)
    return True
