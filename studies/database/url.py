"""Reads the URLs of databases: the driver, the file, what is shown; refuses what is none."""

from __future__ import annotations

import os
import re
import sqlite3
import warnings
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SAWarning, SQLAlchemyError

from ...blocks.errors import InputError
from ...blocks.regular_file import require_regular

SECRETS = {"password", "passwd", "pwd", "sslpassword"}
"""Options of a URL that are never shown."""
_DRIVERS = {
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}  # the drivers of our extras, whatever SQLAlchemy's default is
_LONGEST_TIMEOUT = 1_000_000


def sqlite_file(storage: str) -> Path | None:
    """The file of an SQLite database by its URL, without opening it; None for a server.

    Raises:
        InputError: `storage` is no database URL, or an SQLite database in memory.
    """
    return file_of(parsed(storage))


def masked(storage: str) -> str:
    """A database URL to show: passwords become `***`, also in what is no valid URL."""
    shown = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", storage)
    return re.sub(rf"(?i)([?&](?:{'|'.join(SECRETS)})=)[^&]*", r"\1***", shown)


def file_of(url: URL) -> Path | None:
    """The file of an SQLite database; None for a server."""
    if url.get_backend_name() != "sqlite" or not url.database:
        return None
    return Path(url.database.removeprefix("file:"))


def parsed(storage: str) -> URL:
    """The URL, with the drivers of our extras, and an absolute path for SQLite, so that a later
    `chdir` changes nothing.

    Raises:
        InputError: it is no database URL, or an SQLite database in memory.
    """
    try:
        url = make_url(storage)
    except (ArgumentError, ValueError):
        near = "" if ":/" in storage or not storage else f"; did you mean 'sqlite:///{storage}'?"
        raise InputError(
            f"a storage must be a database URL such as sqlite:///automl.db, but got {masked(storage)!r}{near}"
        ) from None
    if not (url.drivername in ("mysql", "mariadb") and find_spec("MySQLdb")):  # which whoever has it means
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


def check_sqlite(url: URL, shown: str) -> None:
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
    file = file_of(url)
    if file is not None and os.path.exists(file):
        try:
            require_regular(file)
        except OSError as error:
            raise InputError(f"cannot use {shown}: {error.strerror}") from None
