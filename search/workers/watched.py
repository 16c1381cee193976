"""Sees to it that what Ray has started ends with this process, however that ends.

Elsewhere than on Linux Ray sees to that itself.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = "AUTOML_DRIVER"
"""Variable in the environment of all of Ray's processes: a text that belongs to one driver."""
WATCHDOG = Path(__file__).with_name("watchdog.py")
"""The program that ends Ray's processes when their driver has died."""

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
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.environ[MARK] = value
    try:
        yield
    finally:
        del os.environ[MARK]
    assert _watchdog.stdin is not None
    _watchdog.stdin.write(b"%d" % raylet())
    _watchdog.stdin.flush()


def end() -> None:
    """End at once what is left of it."""
    global _watchdog
    if _watchdog is not None:
        _watchdog.communicate()  # it sees its standard input closed
        _watchdog = None
