"""Sees to it that what Ray has started ends with this process, however that ends, and that the user
is told how to go on if it could not say so itself.

Elsewhere than on Linux Ray ends its processes itself, and nothing is said.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..course import stop_signals

MARK = "AUTOML_DRIVER"
"""Variable in the environment of all of Ray's processes: a text that belongs to one driver."""
WATCHDOG = Path(__file__).with_name("watchdog.py")
"""The program that ends Ray's processes when their driver has died."""
LAST_WORD = "broken off: process {} ended without a word (it was killed, or Ray ended it); {}"
"""What is said of a process that could not say it itself."""

_watchdog: subprocess.Popen[bytes] | None = None


@contextmanager
def watched(raylet: Callable[[], int]) -> Iterator[None]:
    """What is started inside ends within a second of this process; `raylet` gives the id of Ray's
    raylet once it has been started."""
    global _watchdog
    if sys.platform != "linux":
        yield
        return
    value = f"{os.getpid()}-{secrets.token_hex(8)}"
    _watchdog = subprocess.Popen(  # in a session of its own: no signal of a terminal reaches it
        [sys.executable, "-I", "-S", WATCHDOG, f"{MARK}={value}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_ignore_signals,  # from its first instruction on: a scheduler tells all processes of a job
    )
    _tell(LAST_WORD.format(os.getpid(), stop_signals.go_on))
    stop_signals.said = say_done
    os.environ[MARK] = value
    try:
        yield
    finally:
        del os.environ[MARK]
    _tell(raylet())


def _ignore_signals() -> None:
    for number in stop_signals.SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def say_done() -> None:
    """This process has said, or will, how it ends."""
    _tell("")


atexit.register(say_done)


def _tell(line: str | int | None) -> None:
    if (watchdog := _watchdog) is not None and watchdog.stdin is not None:
        with suppress(OSError, ValueError):  # the watchdog has ended, or its pipe is closed already
            watchdog.stdin.write(json.dumps(line).encode() + b"\n")
            watchdog.stdin.flush()


def end() -> None:
    """End at once what is left of it."""
    global _watchdog
    _tell(None)
    if _watchdog is not None:
        _watchdog.communicate()  # it sees its standard input closed
        _watchdog = None
