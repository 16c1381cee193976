"""The database a study lives in: its URL, its engine, its transactions, and what to say when it
cannot be had.

Choices, and why:

- SQLite keeps its rollback journal. A write-ahead log would let readers go on during a commit, but
  a study would then be two files (copying the first alone loses results), and cannot lie on a
  network file system. Commits take milliseconds; whoever meets one waits for `BUSY_SECONDS` at
  most.
- Transactions that write take SQLite's lock when they begin (`BEGIN IMMEDIATE`). One that starts by
  reading and then wants to write is refused at once when another came first, however long the
  timeout.
- No pool: a search writes once in seconds to minutes, and a connection held idle for an hour is one
  that a server or a firewall has closed.
"""

from __future__ import annotations

import os
import re
import sqlite3
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SAWarning, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from ...blocks.errors import AutomlError, InputError
from ...blocks.regular_file import require_regular
from .patience import Patience

CURSORS = "automl_cursors"
"""Key of a connection's cursors in its record."""
BUSY_SECONDS = 30
"""How long a statement waits for SQLite's lock before it is an error."""

_EXTRAS = {"psycopg": "postgres"}
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
}  # the driver of our extra, whatever SQLAlchemy's default is
_LONGEST_TIMEOUT = 1_000_000
_OF_THE_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM")
"""Errors of SQLite that are those of the machine."""
_SECRETS = {"password", "passwd", "pwd", "sslpassword"}


class DatabaseError(AutomlError):
    """The database refused or lost a read or a write after it was opened; nothing of that write was
    kept."""


class Database:
    """One database by its URL; connects only inside `read` and `write`."""

    url: URL
    shown: str
    """The URL with its password masked: for messages."""
    engine: Engine
    """The connections of SQLAlchemy; its transactions only read."""
    writing: Engine
    """The same engine, whose transactions take SQLite's lock when they begin."""

    def __init__(self, storage: str) -> None:
        """Raises: InputError for what is no database URL, an in-memory SQLite, and a driver that is
        not installed."""
        self.shown = masked(storage)
        self.url = _parsed(storage)
        self.patience: Patience = Patience()
        """How long a transaction waits that cannot begin."""
        arguments: dict[str, Any] = {"poolclass": NullPool}
        if self.url.get_backend_name() == "sqlite" and "timeout" not in self.url.query:
            arguments["connect_args"] = {"timeout": BUSY_SECONDS}
        self.arguments = arguments
        if self.url.get_backend_name() == "sqlite":
            _check_sqlite(self.url, self.shown)
        try:
            self.engine = create_engine(self.url, **arguments)
        except (NoSuchModuleError, ArgumentError, ImportError) as error:
            raise InputError(f"cannot use {self.shown}: {self._engine_reason(error)}") from error
        if self.engine.dialect.name == "sqlite":
            _control_transactions(self.engine)
            _unlock_interrupted(self.engine)
        self.writing = self.engine.execution_options(automl_begin="BEGIN IMMEDIATE")

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None for a server."""
        return _file_of(self.url)

    @property
    def exists(self) -> bool:
        """False if it is an SQLite file that is not there yet."""
        return self.file is None or os.path.exists(self.file)

    def require_folder(self) -> None:
        """Raises: InputError, naming the nearest folder there is, if the SQLite file could not be
        created for want of one."""
        if self.file is None or os.path.isdir(self.file.parent):
            return
        nearest = next(parent for parent in self.file.absolute().parents if os.path.isdir(parent))
        raise InputError(
            f"cannot create {self.shown}: the folder {self.file.parent} does not exist (nearest one that does:"
            f" {nearest})"
        )

    @contextmanager
    def opening(self) -> Iterator[None]:
        """Turns the errors of a database that cannot be opened, or is none, into one-line
        InputErrors; a disk that is full or broken is a DatabaseError."""
        try:
            yield
        except SQLAlchemyError as error:
            name = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
            kind = DatabaseError if name.startswith(_OF_THE_DISK) else InputError
            raise kind(f"cannot open {self.shown}: {self.reason(error)}") from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees the database at one moment. Raises: DatabaseError, also for a row
        that holds something else than was written."""
        try:
            with self.patience.begun(self.engine, self.reason) as session:
                yield session
        except SQLAlchemyError as error:
            raise DatabaseError(f"cannot read {self.shown}: {self.reason(error)}") from error
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            if isinstance(error, AutomlError):
                raise
            raise DatabaseError(
                f"cannot read {self.shown}: a row is damaged ({type(error).__name__}: {error}); `automl studies check`"
                " names it"
            ) from error

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: all of it is kept at the end, or nothing if anything raises. Raises:
        DatabaseError."""
        try:
            with self.patience.begun(self.writing, self.reason) as session:
                yield session
                session.commit()
        except SQLAlchemyError as error:
            raise DatabaseError(f"cannot write to {self.shown}: {self.reason(error)}") from error

    def reason(self, error: BaseException) -> str:
        """What the driver says, in one line, without the password."""
        said = str(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error).strip()
        line = said.splitlines()[0] if said else type(error).__name__
        secrets = [self.url.password, *(value for key, value in self.url.query.items() if key in _SECRETS)]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                line = line.replace(secret, "***")
        return line

    def _engine_reason(self, error: Exception) -> str:
        if isinstance(error, NoSuchModuleError):
            return (
                f"there is no database {self.url.drivername!r} (known: sqlite, postgresql, mysql, mariadb, and others"
                " by packages for SQLAlchemy)"
            )
        if not isinstance(error, ImportError):
            return self.reason(error)
        missing = error.name or self.url.get_driver_name()
        extra = _EXTRAS.get(missing)
        return f"the driver {missing} is not installed; " + (
            f"pip install 'automl[{extra}]'" if extra else f"install the Python package {missing}"
        )


def sqlite_file(storage: str) -> Path | None:
    """The file of an SQLite database by its URL, without opening it; None for a server.

    Raises:
        InputError: `storage` is no database URL, or an SQLite database in memory.
    """
    return _file_of(_parsed(storage))


def masked(storage: str) -> str:
    """A database URL to show: passwords become `***`, also in what is no valid URL."""
    shown = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", storage)
    return re.sub(rf"(?i)([?&](?:{'|'.join(_SECRETS)})=)[^&]*", r"\1***", shown)


def _file_of(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database.removeprefix("file:"))


def _parsed(storage: str) -> URL:
    """The URL, with our driver for PostgreSQL and an absolute path for SQLite, so that a later
    `chdir` changes nothing."""
    try:
        url = make_url(storage)
    except (ArgumentError, ValueError):
        near = "" if ":/" in storage or not storage else f"; did you mean 'sqlite:///{storage}'?"
        raise InputError(
            f"a storage must be a database URL such as sqlite:///automl.db, but got {masked(storage)!r}{near}"
        ) from None
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() != "sqlite":
        return url
    if url.host:
        raise InputError(
            "an SQLite URL has three slashes before the file: did you mean"
            f" 'sqlite:///{url.host}{'/' + url.database if url.database else ''}'?"
        )
    if not url.database or ":memory:" in url.database or url.query.get("mode") == "memory":
        raise InputError(
            f"a study must outlive its process, but {masked(storage)} is in memory; give a file such as"
            " sqlite:///automl.db"
        )
    return url if url.database.startswith("file:") else url.set(database=os.path.abspath(url.database))


def _check_sqlite(url: URL, shown: str) -> None:
    """Raise InputError unless SQLite takes the options of the URL, and its file may be one."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SAWarning)  # SQLAlchemy passes over what it does not know
            _, options = url.get_dialect()().create_connect_args(url)
        if not 0 <= float(options.get("timeout", 0)) <= _LONGEST_TIMEOUT:
            raise ValueError(f"timeout must be a number of seconds from 0 to {_LONGEST_TIMEOUT:,}")
        sqlite3.connect(":memory:", **{**options, "uri": False}).close()
    except (TypeError, ValueError, OverflowError, sqlite3.Error, SQLAlchemyError, SAWarning) as error:
        raise InputError(f"cannot use {shown}: {error}") from None
    file = _file_of(url)
    if file is not None and os.path.exists(file):
        try:
            require_regular(file)
        except OSError as error:
            raise InputError(f"cannot use {shown}: {error.strerror}") from None


def _control_transactions(engine: Engine) -> None:
    """Takes BEGIN over from Python's sqlite3, which would start no transaction for a SELECT, a
    CREATE TABLE or a SAVEPOINT."""

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("automl_begin", "BEGIN"))


def _unlock_interrupted(engine: Engine) -> None:
    """Takes the locks from a connection that Ctrl-C has interrupted. SQLAlchemy only closes it, and
    SQLite keeps them as long as a cursor is open: the traceback of the interrupt holds one, until
    Python's garbage collector comes by."""

    @event.listens_for(engine, "before_cursor_execute")
    def _(connection: Connection, cursor: Any, *_: object) -> None:
        connection.info.setdefault(CURSORS, weakref.WeakSet()).add(cursor)

    @event.listens_for(engine, "invalidate")
    def _(connection: Any, record: Any, _error: object) -> None:
        with suppress(sqlite3.Error):  # it is closed already
            connection.rollback()
        for cursor in record.info.get(CURSORS, ()):
            with suppress(sqlite3.Error):
                cursor.close()
