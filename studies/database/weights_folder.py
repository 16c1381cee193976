"""Locates the folder of a study beside its database, by the database's URL and the study's name."""

from __future__ import annotations

from pathlib import Path

from ...blocks.errors import InputError


def weights_folder(storage: str, study: str) -> Path:
    """The folder of a study's weights: beside its SQLite file, otherwise in the current folder.

    Raises:
        InputError: `storage` is no database URL, or an SQLite database in memory; or `study` is the
            name of no folder, which a database made by others may hold.
    """
    from .url import sqlite_file

    if study in ("", ".", "..") or any(sign in study for sign in "/\\\0"):
        raise InputError(f"the name of a study must be one that a folder can have, but got {study!r}")
    database = sqlite_file(storage) or Path("automl")
    folder = database.resolve().with_name(database.name + ".artifacts") / study
    name = storage.partition("///")[2].partition("?")[0]
    former = Path(name).resolve().with_name(Path(name).name + ".artifacts") / study
    # earlier versions took the "file:" of an SQLite URI for a part of the path
    return former if name.startswith("file:") and former.exists() else folder
