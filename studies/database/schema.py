"""Brings the tables of a database to those of `models`, by the migrations in `migrations/versions`.

Alembic takes long to import, so it is imported only when the version table says that something is
to be done. That table is ours (`automl_alembic_version`): Optuna keeps its own migrations in
`alembic_version` of the same database.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import column, inspect, select, table, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from ...blocks.errors import AutomlError, InputError
from .connection import Database
from .new_file import create_whole

_Result = TypeVar("_Result")

HEAD = "0005"
"""The newest migration; a test compares it with the folder."""
VERSION_TABLE = "automl_alembic_version"
MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 7_091_126
"""Number of the lock under which tables are created and changed on a server."""


def revision(connection: Connection) -> str | None:
    """The migration at which the database stands; None if it holds no tables of ours."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(column("version_num")).select_from(table(VERSION_TABLE))).scalar()


def existing(storage: str) -> tuple[Database, bool]:
    """The database at `storage`, and whether it holds our tables; then they are today's. Raises:
    InputError if there is no such database."""
    database = Database(storage)
    if not database.exists:
        raise InputError(f"there is no database {database.shown}")
    with database.opening(), database.engine.connect() as connection:
        found = revision(connection)
    if found not in (None, HEAD):
        migrate(database)
    return database, found is not None


def migrate(database: Database) -> None:
    """Creates our tables, or changes older ones; costs one query when there is nothing to do.

    Several processes may do this at the same time: one of them migrates, in one transaction, and
    the others find it done.
    Raises: InputError if the database was made by a newer version of automl, or cannot be written.
    """
    with database.opening(), alone(database):
        create_whole(database, _upgrade)
        at_once(lambda: _upgrade(database))


@contextmanager
def alone(database: Database) -> Iterator[None]:
    """Within it no other process creates or changes tables on the same server, which would not keep
    two of them apart. SQLite's own lock does."""
    dialect = database.engine.dialect.name
    if dialect not in ("postgresql", "mysql", "mariadb"):
        yield
        return
    with database.engine.connect() as connection:  # which gives the lock back when it is closed
        if dialect == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_lock({LOCK})"))
        else:  # asked again and again: a driver gives a connection up that does not answer for long
            for _ in range(20):
                if connection.execute(text(f"SELECT GET_LOCK('automl {LOCK}', 30)")).scalar():
                    break
            else:
                raise AutomlError(f"another process has been changing the tables of {database.shown} for 10 minutes")
        yield


def at_once(action: Callable[[], _Result], attempts: int = 6) -> _Result:
    """Runs an `action` that creates what is not there, again if somebody else was creating it at
    the same time. Raises: its last SQLAlchemyError."""
    for attempt in range(attempts - 1):
        try:
            return action()
        except SQLAlchemyError:
            time.sleep(random.uniform(0.02, 0.05) * 2**attempt)
    return action()


def _upgrade(database: Database) -> None:
    with database.engine.connect() as connection:
        found = revision(connection)
    if found == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))  # ConfigParser would interpolate a %
    try:
        ScriptDirectory.from_config(config).get_revision(found or "base")
    except CommandError:
        raise InputError(
            f"{database.shown} was made by a newer automl (schema {found}, this one knows {HEAD}): upgrade automl to"
            " open it"
        ) from None
    with database.writing.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
