"""Kills what a driver has started of Ray when the driver is gone, however it ended.

Linux kills Ray's raylet and GCS with the driver, because Ray asks for that, but the agents of the
raylet go on for 90 s. This program waits for the end of its standard input, a pipe whose other end
the driver alone holds. Ray's processes are known by a variable of their environment, the argument
of this program. The agents overwrite theirs with their titles: they are known as the children of
the raylet.

Through the pipe come lines of JSON: the id of the raylet (a number); what to say if the driver ends
without a word, because it was killed or because Ray ended it, as Ray does when its raylet has died
(a text; an empty one from a driver that has said the last word itself); and null from a driver that
has stopped all in order.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path

ROUNDS, QUIET, PAUSE = 50, 10, 0.1
"""The most rounds in which processes are looked for, those without any after which none is left
that is being started, and the seconds between two rounds."""
STARTING = 60.0
"""Seconds in which the raylet has started its agents, or has given up."""
SHOW_CURSOR = "\x1b[?25h"
"""The view of a run hides the cursor of a terminal."""


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


def watch() -> tuple[dict[int, bytes], str | None]:
    """Wait until the driver is gone; the agents that were seen until then, and what is to say."""
    found: dict[int, bytes] = {}
    raylet, ends, last_word, left = 0, time.monotonic(), "", b""
    while True:
        starting = time.monotonic() < ends
        if not select.select([0], [], [], 1.0 if starting else None)[0]:
            found.update(agents(raylet))
            continue
        if not (said := os.read(0, 65_536)):
            return found, last_word
        *lines, left = (left + said).split(b"\n")
        for line in map(json.loads, lines):
            if isinstance(line, int):
                raylet, ends = line, time.monotonic() + STARTING
            else:
                last_word = line


def say(words: str) -> None:
    """Say something on standard error, below the view of a run that has been broken off."""
    with contextlib.suppress(OSError):
        before = f"{SHOW_CURSOR}\n" if os.isatty(2) else ""
        os.write(2, f"{before}{words}\n".encode(errors="backslashreplace"))


def kill(mark: str, known: dict[int, bytes]) -> bool:
    """Kill the processes with the mark, and those that are known; whether there was any."""
    left = marked(mark.encode())
    for process, start in known.items():
        with contextlib.suppress(OSError):
            if born(process)[1] == start:
                left.append(process)
    for process in left:
        with contextlib.suppress(OSError):
            os.kill(process, signal.SIGKILL)
    return bool(left)


def main(mark: str) -> None:
    """Wait until the driver is gone, then kill all that it has started.

    Signals to the whole job are the driver's matter: it starts this program so that it ignores
    them. A driver that died while it started processes may have left one that has not got its mark
    yet: they are looked for until none was seen for a second.
    """
    known, last_word = watch()
    unseen, enough = 0, 1 if last_word is None else QUIET
    for _ in range(ROUNDS):
        unseen = 0 if kill(mark, known) else unseen + 1
        if unseen == enough:
            break
        time.sleep(PAUSE)
    if last_word:  # last, because a terminal or a pipe that nobody reads would stop this program
        say(last_word)


if __name__ == "__main__":
    main(sys.argv[1])
