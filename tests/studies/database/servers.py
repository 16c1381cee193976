"""Starts real database servers for tests: PostgreSQL and MariaDB, from the binaries on this
machine.

Each has its own folder, closed to other users, and a socket in it: it listens on no port. A server
refuses to run as root, so there it runs as a user without rights.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

PLACES = ["/usr/local/bin", "/usr/local/sbin", "/usr/sbin", "/usr/libexec", "/opt/homebrew/bin"]
USERS = {"postgresql": ("postgres", "nobody"), "mariadb": ("mysql", "nobody")}
KINDS = tuple(USERS)


class Absent(Exception):
    """There is no such server, or no driver for it, here."""


class Server:
    """A server with its data in `folder`."""

    def __init__(self, kind: str, folder: Path) -> None:
        """Make its data folder; raises `Absent`."""
        self.kind, self.folder, self._numbers = kind, folder, count()
        self._process: subprocess.Popen[bytes] | None = None
        self._user: dict[str, Any] = {}
        _require_driver(kind)
        if os.geteuid() == 0:
            found = next(filter(None, map(_user, USERS[kind])), None)
            if found is None:
                raise Absent(f"there is no user for a {kind} server")
            self._user = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
            os.chown(folder, found.pw_uid, found.pw_gid)
        if kind == "postgresql":
            made = [binary("initdb"), "-D", folder / "data", "-U", "automl", "-A", "trust", "-E", "UTF8", "--no-sync"]
            self._command = [binary("postgres"), "-D", folder / "data", "-k", folder, "-c", "listen_addresses="]
            self._command += ["-c", "fsync=off", "-c", "max_connections=200"]
        else:
            data = f"--datadir={folder / 'data'}"
            made = [binary("mariadb-install-db"), "--no-defaults", data, "--skip-test-db"]
            made += ["--auth-root-authentication-method=normal"]
            self._command = [binary("mariadbd"), "--no-defaults", data, f"--socket={folder / 'socket'}"]
            self._command += ["--skip-networking", f"--pid-file={folder / 'pid'}", "--innodb-flush-log-at-trx-commit=0"]
        done = subprocess.run(made, cwd=folder, capture_output=True, text=True, check=False, **self._user)
        if done.returncode:
            raise Absent(f"{Path(str(made[0])).name} failed: {(done.stderr or done.stdout).strip()[-300:]}")

    def url(self, database: str) -> str:
        """The URL of a database."""
        if self.kind == "postgresql":
            return f"postgresql+psycopg://automl@/{database}?host={self.folder}"
        return f"mysql+pymysql://root@localhost/{database}?unix_socket={self.folder / 'socket'}&charset=utf8mb4"

    def fresh(self) -> str:
        """The URL of a new database."""
        name = f"automl{next(self._numbers)}"
        utf8 = "" if self.kind == "postgresql" else " CHARACTER SET utf8mb4"
        self.run(f"CREATE DATABASE {name}{utf8}")
        return self.url(name)

    def run(self, statement: str, url: str | None = None) -> list[Any]:
        """The rows of a statement that is not part of a transaction."""
        whole = self.url("postgres" if self.kind == "postgresql" else "mysql")
        engine = create_engine(url or whole, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            found = connection.execute(text(statement))
            return list(found.all()) if found.returns_rows else []

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(
                list(map(str, self._command)), cwd=self.folder, stdin=-3, stdout=log, stderr=log, **self._user
            )
        self._until(self._answers, 60)

    def stop(self) -> None:
        """Stop it at once, in order: transactions are undone, connections cut."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT if self.kind == "postgresql" else signal.SIGTERM)
        self._process.wait(60)
        self._process = None

    def crash(self) -> None:
        """End it at once, as by a crash: it recovers when it is started again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGQUIT if self.kind == "postgresql" else signal.SIGKILL)
        self._process.wait(60)
        self._process = None

    def cut(self) -> int:
        """Cut all connections to it, as a network does; the number of them."""
        if self.kind == "postgresql":
            own = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
            return len(self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {own}"))
        listed = "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND user = 'root'"
        found = self.run(listed)
        for (number,) in found:
            try:
                self.run(f"KILL CONNECTION {number}")
            except DBAPIError:  # it has ended meanwhile
                continue
        return len(found)

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise Absent(f"the server ended: {(self.folder / 'log').read_text()[-500:]}")
        try:
            self.run("SELECT 1")
        except DBAPIError:
            return False
        return True

    @staticmethod
    def _until(there: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not there():
            if time.monotonic() > end:
                raise Absent("the server does not answer")
            time.sleep(0.05)

    def __repr__(self) -> str:
        return self.kind


def binary(name: str) -> str:
    """A program of a server: on the path, or where packages put it."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name, reverse=True)
    path = os.pathsep.join([os.environ.get("PATH", ""), *map(str, versions), *PLACES])
    found = shutil.which(name, path=path)
    if found is None:
        raise Absent(f"{name} is not installed")
    return os.path.realpath(found) if name in ("initdb", "postgres") else found


@contextmanager
def serving(kind: str) -> Iterator[Server]:
    """A running server, which is stopped and removed at the end; raises `Absent`."""
    folder = Path(tempfile.mkdtemp(prefix=f"automl-{kind[:2]}-", dir="/tmp"))  # sockets need a short path
    server = None
    try:
        server = Server(kind, folder)
        server.start()
        yield server
    finally:
        if server is not None and server._process is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _require_driver(kind: str) -> None:
    name = {"postgresql": "psycopg", "mariadb": "pymysql"}[kind]
    try:
        __import__(name)
    except ImportError as error:
        raise Absent(f"the driver {name} is not installed: {error}") from None


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None
