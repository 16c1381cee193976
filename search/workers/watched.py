"""Sees to it that what Ray has started ends with this process, however that ends, and that the user
is told how to go on if it could not say so itself.

Elsewhere than on Linux Ray ends its processes itself, and nothing is said.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..course import stop_signals
from . import watchdog

MARK = "AUTOML_DRIVER"
"""Variable in the environment of all of Ray's processes: a text that belongs to one driver."""
WATCHDOG = Path(__file__).with_name("watchdog.py")
"""The program that ends Ray's processes when their driver has died."""
LAST_WORD = "broken off: this process was killed, or Ray ended it; {}"
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
        [sys.executable, "-I", "-S", WATCHDOG, f"{MARK}={value}", LAST_WORD.format(stop_signals.go_on)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    stop_signals.said = say_done
    os.environ[MARK] = value
    try:
        yield
    finally:
        del os.environ[MARK]
    _tell(b"%d" % raylet())


def say_done() -> None:
    """This process has said, or will, how it ends."""
    if _watchdog is not None:
        with suppress(OSError):
            _tell(watchdog.DONE)


def _tell(word: bytes) -> None:
    assert _watchdog is not None
    assert _watchdog.stdin is not None
    _watchdog.stdin.write(word + b"\n")
    _watchdog.stdin.flush()


def end() -> None:
    """End at once what is left of it."""
    global _watchdog
    say_done()
    if _watchdog is not None:
        _watchdog.communicate()  # it sees its standard input closed
        _watchdog = None
