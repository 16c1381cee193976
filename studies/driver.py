"""Holds what is known of a driver: a process that runs the trainings of a study."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Any

SILENCE = timedelta(seconds=60)
"""A driver without a sign of life for longer is dead."""

_here: set[str] = set()
"""Names of the drivers that this process is now."""


@dataclass(frozen=True, kw_only=True)
class Driver:
    """A process that runs the trainings of a study, as its row in the database describes it."""

    id: str
    """A random text, its name in the database."""
    host: str
    """The name of its machine."""
    pid: int
    """Its process id."""
    place: str
    """Names the machine and PID namespace within which `pid` is unique: see the function
    `place`."""
    since: datetime
    """When it began."""
    seen: datetime
    """Its last sign of life."""
    silence: timedelta = timedelta()
    """Time since then when it was read, by the clock of the database if that has one."""

    @classmethod
    def here(cls) -> Driver:
        """This process."""
        now, name = datetime.now(UTC), token_hex(16)
        _here.add(name)
        return cls(id=name, host=socket.gethostname()[:255], pid=os.getpid(), place=place(), since=now, seen=now)

    def end(self) -> None:
        """Note that this process has given the study up, whether or not the database knows."""
        _here.discard(self.id)

    @property
    def gone(self) -> bool:
        """Whether it ran on this machine, in this PID namespace, and has ended; False for a driver
        elsewhere, of which this process cannot tell."""
        ended = self.pid == os.getpid() and self.id not in _here
        return self.place == place() and (ended or is_gone(self.pid))

    @property
    def alive(self) -> bool:
        """Whether it must be taken for alive: it gave a sign of life within `SILENCE`, and is not
        known to be gone."""
        return self.silence <= SILENCE and not self.gone

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON for programs."""
        return {"host": self.host, "pid": self.pid, "since": self.since.isoformat(), "seen": self.seen.isoformat()}

    def __str__(self) -> str:
        silent = self.silence.total_seconds()
        return (
            f"process {self.pid} on {self.host}, since {self.since:%Y-%m-%d %H:%M} UTC (last sign of life"
            f" {silent:.0f} s ago)"
        )


@cache
def place() -> str:
    """Names the machine and the namespace of process ids of this process.

    A container may have the name of its host and other process ids. After a restart of the machine
    the place is another.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()[:255]


def is_gone(pid: int) -> bool:
    """Whether there is no process of this id here; False where that cannot be asked."""
    if sys.platform == "win32":  # there, os.kill would end it
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
