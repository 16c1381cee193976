"""Brings the tables of a database up to date, after a copy of an SQLite file has been made."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...blocks.documented import documented
from ...blocks.errors import AutomlError, InputError
from ..database.connection import Database
from ..database.schema import HEAD, migrate, revision
from ..storage_url import storage_url
from ..writing.atomic_file import aside, refused, sync_folder


@documented
@dataclass(frozen=True, kw_only=True)
class Upgraded:
    """What `upgrade` has done."""

    before: str | None
    """The schema of the tables before; None if there were none."""
    after: str | None
    """The schema now."""
    backup: Path | None
    """The copy of an SQLite file as it was; None if nothing was to be done, and for a server, whose
    copies are made by its own tools."""

    def to_dict(self) -> dict[str, Any]:
        """Both schemas and the copy as plain JSON, as `automl studies upgrade --json` prints."""
        return {"before": self.before, "after": self.after, "backup": self.backup and str(self.backup)}


def upgrade(storage: str | None = None) -> Upgraded:
    """Bring the tables of a database up to date; the first command that opens an older one does the
    same, without a copy.

    Args:
        storage: database URL; AUTOML_STORAGE or sqlite:///automl.db if None.

    Raises:
        InputError: there is no such database, or it is that of a newer version.
        AutomlError: the copy cannot be written; nothing has been changed.
    """
    database = Database(storage_url(storage))
    if not database.exists:
        raise InputError(f"there is no database {database.shown}")
    with database.opening(), database.engine.connect() as connection:
        found = revision(connection)
    if found in (None, HEAD):
        return Upgraded(before=found, after=found, backup=None)
    known = found < HEAD  # else `migrate` refuses
    backup = _copied(database.file, found) if known and database.file is not None else None
    migrate(database)
    return Upgraded(before=found, after=HEAD, backup=backup)


def _copied(file: Path, schema: str) -> Path:
    """A copy of a database that nobody needs to have closed, beside it."""
    copy = file.with_name(f"{file.name}.schema-{schema}.bak")
    if copy.exists():
        copy = copy.with_name(f"{copy.name[:-4]}-{secrets.token_hex(3)}.bak")
    new = aside(copy)
    try:
        with closing(sqlite3.connect(file)) as here, closing(sqlite3.connect(new)) as there:
            here.backup(there)
        with open(new, "rb") as written:
            os.fsync(written.fileno())
        os.replace(new, copy)
        sync_folder(copy.parent)
    except OSError as error:
        raise refused(str(copy), error) from None
    except sqlite3.Error as error:
        raise AutomlError(f"{copy} cannot be written: {error}") from None
    finally:
        new.unlink(missing_ok=True)
    return copy
