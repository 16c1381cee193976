"""Which database is meant where none is named: that of the variable AUTOML_STORAGE, else a file in
the current folder."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..blocks.errors import InputError

if TYPE_CHECKING:
    from .study import Study

VARIABLE = "AUTOML_STORAGE"
"""Environment variable with the database URL that is used where none is given."""
DEFAULT_STORAGE = "sqlite:///automl.db"
"""Database URL used where neither an argument nor the variable gives one."""


def storage_url(storage: str | None = None) -> str:
    """The database URL to use: `storage` if given, else AUTOML_STORAGE if set and not empty, else
    `DEFAULT_STORAGE`.

    Without an argument it serves as the `default_factory` of a dataclass field.

    Raises:
        InputError: `storage` is no text.
    """
    if storage is not None and not isinstance(storage, str):
        raise InputError(f"a database is given by its URL, but got {storage!r}")
    return storage or os.environ.get(VARIABLE) or DEFAULT_STORAGE


def open_study(study: Study | str, storage: str | None = None) -> Study:
    """The study itself, or the study of that name in `storage` (see `storage_url`).

    Raises:
        InputError: there is no such database or study, `study` is neither, or `storage` is given
            beside a `Study`, which knows its own database.
    """
    from .study import Study

    if isinstance(study, Study):
        if storage is not None and storage != study.storage_url:
            raise InputError("storage= goes with the name of a study; a Study knows its own database")
        return study
    if not isinstance(study, str):
        raise InputError(f"a study is given as a Study or by its name, but got {study!r}")
    return Study.open(storage_url(storage), study)
