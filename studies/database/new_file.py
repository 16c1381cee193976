"""Creates the file of an SQLite database whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..writing.atomic_file import aside, refused, sync_folder
from .connection import Database


def create_whole(database: Database, make: Callable[[Database], None]) -> None:
    """Let `make` fill a file aside, which then gets the name of the database, unless another
    process was faster; nothing is done for a server, or where the file is there.

    Without this, a disk that is full at this instant leaves an empty file, which is no database.

    Raises:
        InputError: the file cannot have its name.
        AutomlError: the disk refuses it.
    """
    if database.file is None or database.exists:
        return
    file = Path(os.path.realpath(database.file))
    new = aside(file)
    scheme = "file:" if str(database.url.database).startswith("file:") else ""
    try:
        make(Database(database.url.set(database=f"{scheme}{new}").render_as_string(hide_password=False)))
        _name(new, file)
        sync_folder(file.parent)
    except OSError as error:
        raise refused(database.shown, error) from None
    finally:
        for ending in ("", "-journal"):
            Path(f"{new}{ending}").unlink(missing_ok=True)


def _name(new: Path, file: Path) -> None:
    """Give the file its name, which replaces no file of another process."""
    with suppress(FileExistsError):
        try:
            os.link(new, file)
        except FileExistsError:
            raise
        except OSError:  # the file system has no hard links
            if not os.path.exists(file):
                new.rename(file)
