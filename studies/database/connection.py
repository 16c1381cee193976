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
- On a server, transactions that read see one moment (`REPEATABLE READ`); those that write see what
  others have committed meanwhile (`READ COMMITTED`): they lock a row first and then decide.
- A server that does not answer is noticed within a minute: see `_SERVERS`.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, create_engine, event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    PendingRollbackError,
    SQLAlchemyError,
)
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from ...blocks.errors import AutomlError, InputError
from .patience import Patience, is_refused
from .url import SECRETS, check_sqlite, file_of, masked, parsed

T = TypeVar("T")

CURSORS = "automl_cursors"
"""Key of a connection's cursors in its record."""
BUSY_SECONDS = 30
"""How long a statement waits for SQLite's lock before it is an error."""

_EXTRAS = {"psycopg": "postgres", "pymysql": "mysql"}
_SERVERS: dict[str, dict[str, Any]] = {
    "psycopg": {
        "connect_timeout": 10,
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    },
    "pymysql": {"connect_timeout": 10, "read_timeout": 90, "write_timeout": 30},
}
"""Times of the drivers in seconds (`tcp_user_timeout`: milliseconds) after which a server that does
not answer is an error; a statement of MySQL may wait 50 s for a lock."""
_OF_THE_DISK = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM")
"""Errors of SQLite that are those of the machine."""


class DatabaseError(AutomlError):
    """The database refused or lost a read or a write after it was opened; nothing of that write was
    kept."""


def unreadable(shown: str, error: Exception) -> DatabaseError:
    """The error of a row of the database `shown` that holds something else than was written."""
    return DatabaseError(
        f"cannot read {shown}: a row is damaged ({type(error).__name__}: {error}); `automl studies check` names it"
    )


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
        self.url = parsed(storage)
        self.patience: Patience = Patience()
        """How long a transaction waits that cannot begin."""
        self.arguments: dict[str, Any] = {"poolclass": NullPool, "connect_args": _times(self.url)}
        if self.url.get_backend_name() == "sqlite":
            check_sqlite(self.url, self.shown)
        try:
            self.engine = create_engine(self.url, **self.arguments)
        except (NoSuchModuleError, ArgumentError, ImportError) as error:
            raise InputError(f"cannot use {self.shown}: {self._engine_reason(error)}") from error
        if self.engine.dialect.name == "sqlite":
            _control_transactions(self.engine)
            _unlock_interrupted(self.engine)
            self.writing = self.engine.execution_options(automl_begin="BEGIN IMMEDIATE")
        else:
            self.writing = self.engine.execution_options(isolation_level="READ COMMITTED")
            self.engine = self.engine.execution_options(isolation_level="REPEATABLE READ")

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None for a server."""
        return file_of(self.url)

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

    def await_server(self) -> None:
        """Wait, with `patience`, until the server answers; a file needs none.

        Raises:
            InputError: it has not answered in time, or refuses this user or database.
        """

        def connect() -> None:
            with self.opening(), self.engine.connect():
                pass

        if self.file is None:
            self.patiently(connect)

    def patiently(self, action: Callable[[], T]) -> T:
        """What `action` returns, which opens a study: it is done again, with `patience`, while the
        database cannot be had. Raises: what `action` raises in the end."""
        while True:
            try:
                result = action()
            except (InputError, DatabaseError) as error:
                cause = error.__cause__
                if is_refused(cause) or not self.patience.waits(self.engine, cause, self.reason):
                    raise
            else:
                self.patience.had()
                return result

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees the database at one moment. Raises: DatabaseError, also for a row
        that holds something else than was written."""
        try:
            with self.patience.begun(self.engine, self.reason) as session:
                yield session
            self.patience.had()
        except SQLAlchemyError as error:
            raise DatabaseError(f"cannot read {self.shown}: {self.reason(error)}") from error
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            if isinstance(error, AutomlError):
                raise
            raise unreadable(self.shown, error) from error

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: all of it is kept at the end, or nothing if anything raises. Raises:
        DatabaseError."""
        try:
            with self.patience.begun(self.writing, self.reason) as session:
                yield session
                session.commit()
            self.patience.had()
        except SQLAlchemyError as error:
            raise DatabaseError(f"cannot write to {self.shown}: {self.reason(error)}") from error

    def fetch(self, action: Callable[[Session], T]) -> T:
        """What `action` reads in one transaction, which is begun anew if the connection is lost
        within it. Raises: DatabaseError, as `read`."""
        while True:
            try:
                with self.read() as session:
                    return action(session)
            except DatabaseError as error:
                if not self.patience.waits(self.engine, error.__cause__, self.reason):
                    raise

    def transact(self, action: Callable[[Session, bool], T]) -> T:
        """What `action` returns, done in one transaction, which is begun anew if the connection is
        lost within it; `action` is told whether it is done again: the commit before may have been
        kept, although its answer was lost. Raises: DatabaseError, as `write`."""
        again = clashed = False
        while True:
            try:
                with self.write() as session:
                    return action(session, again)
            except DatabaseError as error:
                if isinstance(error.__cause__, IntegrityError) and not clashed:
                    clashed = True  # another process has written the same since: now `action` sees it
                    continue
                if not self.patience.waits(self.engine, error.__cause__, self.reason):
                    raise
                again = True

    def reason(self, error: BaseException) -> str:
        """What the driver says, in one line, without the password."""
        if isinstance(error, PendingRollbackError) and isinstance(error.__context__, DBAPIError):
            error = error.__context__  # what it was that has to be rolled back
        said = str(error.orig if isinstance(error, DBAPIError) and error.orig is not None else error).strip()
        line = said.splitlines()[0] if said else type(error).__name__
        secrets = [self.url.password, *(value for key, value in self.url.query.items() if key in SECRETS)]
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


def _times(url: URL) -> dict[str, Any]:
    """The times of the driver, without those that the URL gives."""
    if url.get_backend_name() == "sqlite":
        return {} if "timeout" in url.query else {"timeout": BUSY_SECONDS}
    logging.getLogger("psycopg").setLevel(logging.ERROR)  # it warns of each connection that was cut
    given = url.drivername.partition("+")[2]
    return {name: value for name, value in _SERVERS.get(given, {}).items() if name not in url.query}


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
