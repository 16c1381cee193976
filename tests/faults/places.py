"""Where a search that is killed runs: a folder, a database, and processes that are found again.

Everything that a search starts carries a variable of its environment (`MARK`), by which it is
found; nothing else is ever killed.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from ..studies.database.servers import Server
from .invariants import Contents, Row, read
from .searches import STUDY, Search, write_files

MARK = "AUTOML_FAULTS"
COMMAND = [sys.executable, "-c", "from automl.cli.main import run; run()"]
ENDED = re.compile(r"^(complete|pruned|fail|confirmed) +([0-9a-f]{12}) ", re.MULTILINE)
"""What a search says of an evaluation that has ended, and is in the database."""
RECOVERY = 60.0
"""Seconds for which a database that cannot be read is waited for."""


class Driver:
    """A process that searches."""

    def __init__(self, place: Place) -> None:
        self.log = place.folder / f"log-{place.starts}.txt"
        place.starts += 1
        self._place = place
        self.before = place.contents().rows
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                place.command,
                cwd=place.folder,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=place.environment,
                start_new_session=True,
                preexec_fn=_takes_signals,
            )
        self.began = time.monotonic()

    @property
    def said(self) -> str:
        """What it has written."""
        return self.log.read_text("utf-8", "replace")

    def lost(self, rows: list[Row]) -> int:
        """How many of the evaluations that it said had ended are not among `rows`."""
        told = Counter((word == "confirmed", name) for word, name in ENDED.findall(self.said))
        there = Counter((row.purpose == "final", row.candidate[:12]) for row in rows)
        there.subtract(Counter((row.purpose == "final", row.candidate[:12]) for row in self.before))
        return sum((told - there).values())


class Place:
    """A folder in which one search runs, with its database."""

    def __init__(self, folder: Path, search: Search, server: Server | None) -> None:
        self.folder, self.search, self.server, self.starts = folder, search, server, 0
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        write_files(folder, search)
        self.url = f"sqlite:///{folder / 'automl.db'}" if server is None else server.fresh()
        self.database = make_url(self.url).database
        self.mark = f"{MARK}={folder.name}"
        self.command = [*COMMAND, "search", *search.options, "--storage", self.url, "--study", STUDY]
        self.environment = {
            **os.environ,
            MARK: folder.name,
            "TMPDIR": str(self.temporary),
            "AUTOML_CACHE": "none",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }
        self._engine = create_engine(self.url, poolclass=NullPool)
        self._children: set[psutil.Process] = set()

    def contents(self) -> Contents:
        """What the database holds; one that recovers is waited for."""
        until = time.monotonic() + RECOVERY
        while True:
            try:
                return read(self.url, STUDY)
            except SQLAlchemyError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    def count(self) -> int:
        """Number of evaluations in the database; 0 if it cannot be asked."""
        if self.server is None and not (self.folder / "automl.db").exists():
            return 0
        with suppress(SQLAlchemyError), self._engine.connect() as connection:
            return connection.execute(text("SELECT count(*) FROM automl_evaluations")).scalar_one()
        return 0

    def processes(self) -> list[psutil.Process]:
        """All that the search has started and that lives. Ray's agents write their titles over
        their environments: they are known as children of the raylet, once they have been seen."""
        parents: dict[psutil.Process, int] = {}
        marked: set[psutil.Process] = set()
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                parents[process] = process.ppid()
                if self.mark.encode() in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0"):
                    marked.add(process)
        numbers = {process.pid for process in marked}
        self._children |= {process for process, parent in parents.items() if parent in numbers}
        return [process for process in marked | self._children if _lives(process)]

    def kill_all(self) -> None:
        """Leave nothing of it."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()


@contextmanager
def place(search: Search, server: Server | None = None) -> Iterator[Place]:
    """A new place, which is removed with all that runs there."""
    folder = Path(tempfile.mkdtemp(prefix="af-", dir="/tmp"))  # Ray's sockets need a short path
    made = Place(folder, search, server)
    try:
        yield made
    finally:
        made.kill_all()
        shutil.rmtree(folder, ignore_errors=True)


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def words_of(process: psutil.Process) -> str:
    """Its command, as far as it says what the process is."""
    with suppress(psutil.Error):
        line = process.cmdline()
        # Ray's agents are Python programs; the raylet's own command names them too
        first = Path(line[0]).name if line else ""
        return " ".join(line[:4]) if first.startswith(("python", "ray::")) else first
    return ""


def _takes_signals() -> None:
    """Take Ctrl-C and a closed terminal even where the parent ignores them, as under `nohup`."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
