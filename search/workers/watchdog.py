"""Kills what a driver has started of Ray when the driver is gone, however it ended.

Linux kills Ray's raylet and GCS with the driver, because Ray asks for that, but the agents of the
raylet go on for 90 s. This program waits for the end of its standard input, a pipe whose other end
the driver alone holds. Ray's processes are known by a variable of their environment, an argument of
this program. The agents overwrite theirs with their titles: they are known as the children of the
raylet, whose process id comes through the pipe.

A driver that ends in order says so through the pipe. For one that does not, because it was killed
or because Ray ended it (which it does without a word when its raylet has died), this program says
what is kept and how to go on.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
from pathlib import Path

ROUNDS, PAUSE = 50, 0.1
"""The most rounds in which processes are looked for, and the seconds between two of them: one that
is being started is not seen in the first."""
STARTING = 60.0
"""Seconds in which the raylet has started its agents, or has given up."""
DONE = b"done"
"""What a driver says that ends in order, or has said the last word itself."""
SHOW_CURSOR = "\r\x1b[J\x1b[?25h"
"""Removes the view of a run from a terminal, which hides the cursor."""


def marked(mark: bytes) -> list[int]:
    """Ids of the processes that have `mark` ("NAME=VALUE") in their environment."""
    found: list[int] = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if mark in Path(f"/proc/{name}/environ").read_bytes().split(b"\0"):
                    found.append(int(name))
    return found


def agents(raylet: int) -> dict[int, bytes]:
    """The agents among the children of a process: id -> when it was started."""
    found: dict[int, bytes] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                parent, start = born(int(name))
                if parent == raylet and b"gent" in Path(f"/proc/{name}/cmdline").read_bytes():
                    found[int(name)] = start
    return found


def born(process: int) -> tuple[int, bytes]:
    """The parent of a process, and when it was started: ids are used again.

    Raises:
        OSError: there is no such process.
    """
    fields = Path(f"/proc/{process}/stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[1]), fields[19]


def watch() -> tuple[dict[int, bytes], bool]:
    """Wait until the driver is gone; the agents that were seen until then, and whether the driver
    said that it was done."""
    found: dict[int, bytes] = {}
    raylet, ends, done = 0, time.monotonic(), False
    while True:
        starting = time.monotonic() < ends
        if not select.select([0], [], [], 1.0 if starting else None)[0]:
            found.update(agents(raylet))
            continue
        if not (said := os.read(0, 64)):
            return found, done
        for word in said.split():
            if word == DONE:
                done = True
            else:
                raylet, ends = int(word), time.monotonic() + STARTING


def say(words: str) -> None:
    """Say something on standard error, below the view of a run that has been broken off."""
    with contextlib.suppress(OSError):
        os.write(2, f"{SHOW_CURSOR if os.isatty(2) else ''}{words}\n".encode())


def main(mark: str, last_word: str) -> None:
    """Wait until the driver is gone, then kill all that it has started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # those of the whole job are the driver's matter
        signal.signal(number, signal.SIG_IGN)
    known, done = watch()
    if not done:
        say(last_word)
    for _ in range(ROUNDS):
        left = marked(mark.encode())
        for process, start in known.items():
            with contextlib.suppress(OSError):
                if born(process)[1] == start:
                    left.append(process)
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        if not left:
            break
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(*sys.argv[1:])
