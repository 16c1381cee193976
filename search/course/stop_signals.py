"""Ends a run in order when the process is told to stop: by Ctrl-C, a scheduler, a closed terminal.

Python lets a signal raise between any two instructions, in the middle of a transaction too. While
workers run, the first signal therefore only sets a flag, and the loop that runs the workers raises
KeyboardInterrupt where nothing is half done, with the signal as its argument. A second signal
raises at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""Ctrl-C; systemd, Slurm, Docker and preempted machines; a terminal that is closed."""

go_on = "finished evaluations are kept, the same call goes on"
"""What is kept of a run that ends early, and how to go on; a command puts itself in."""
said: Callable[[], None] | None = None
"""Called once a process that ends at once has said how to go on."""


def end_at_once(words: str, code: int) -> NoReturn:
    """Write a line to standard error and end this process, whatever its threads do."""
    try:
        with suppress(OSError):
            os.write(2, f"{words}\n".encode(errors="backslashreplace"))
        if said is not None:
            said()
    finally:
        os._exit(code)


_starting = False


def is_starting() -> bool:
    """Whether a command that is told to stop ends at once: see `starting`."""
    return _starting


@contextmanager
def starting() -> Iterator[None]:
    """Inside, a command that is told to stop ends at once: nothing has begun that could be kept,
    and a library that starts processes aborts when these are told to stop too."""
    global _starting
    _starting = True
    try:
        yield
    finally:
        _starting = False


class Stop:
    """Whether the process has been told to stop."""

    def __init__(self) -> None:
        self.number: int | None = None
        """The signal that told it; None if there was none."""

    def check(self) -> None:
        """Raise KeyboardInterrupt if the process has been told to stop."""
        if self.number is not None:
            raise KeyboardInterrupt(self.number)


_latest = Stop()


def check_latest() -> None:
    """Raise KeyboardInterrupt if the latest run of this process was told to stop."""
    _latest.check()


def forget() -> None:
    """A run begins: signals to earlier runs of this process do not stop it."""
    global _latest
    _latest = Stop()


@contextmanager
def orderly() -> Iterator[Stop]:
    """Inside, the first signal is only noted: call `Stop.check` where nothing is half done.

    Has no effect in other threads than the main one, where Python handles no signals.

    Raises:
        KeyboardInterrupt: a signal came, and `Stop.check` was not called since.
    """
    global _latest
    _latest = stop = Stop()

    def note(number: int, _: FrameType | None) -> None:
        stop.check()
        stop.number = number

    try:
        with kept_handlers() as handled:
            for number in handled:
                signal.signal(number, note)
            yield stop
    except OSError:  # the terminal may be gone, and with it standard output
        stop.check()
        raise
    stop.check()


@contextmanager
def kept_handlers() -> Iterator[list[int]]:
    """Puts the handlers of signals back at the end; yields the signals. Left out are those that the
    process was told to ignore, as `nohup` does, and those whose handler is not Python's."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in SIGNALS}
        before = {number: one for number, one in found.items() if one not in (signal.SIG_IGN, None)}
    try:
        yield list(before)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
