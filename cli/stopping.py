"""What a command does when it is told to stop by Ctrl-C, SIGTERM or SIGHUP."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

LIMIT = 8.0
"""Seconds in which a command that is told to stop must have ended."""
STOPS = [int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""The signals that tell it to."""
SHOW_CURSOR = "\r\x1b[J\x1b[?25h"
"""Removes the view of a run that is ended on a terminal, which hides the cursor."""
_told: int = signal.SIGINT
"""The latest of them."""


def raise_on_signals() -> None:
    """From now on SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, all with the signal as
    their argument; those that the process was told to ignore, as `nohup` does, stay ignored."""
    for number in STOPS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _raise)


def _raise(number: int, _: FrameType | None) -> NoReturn:
    global _told
    _told = number
    raise KeyboardInterrupt(number)


def told() -> KeyboardInterrupt:
    """What the latest signal raised, where only its place is known: typer keeps its exit code for
    itself."""
    return KeyboardInterrupt(_told)


def exit_code(error: KeyboardInterrupt) -> int:
    """130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP: 128 and the signal, as in a shell."""
    return 128 + next((int(one) for one in error.args if isinstance(one, int)), signal.SIGINT)


@contextmanager
def interruptible(typed: str, kept: str = "finished evaluations", *, limit: float = LIMIT) -> Iterator[None]:
    """Inside, a command that is told to stop says what is kept, and how to go on.

    Args:
        typed: the command as it was typed.
        kept: what is kept.
        limit: seconds after the signal in which the command must have ended.

    Raises:
        Interrupted: it was told to stop.
    """
    from ..search.course import stop_signals

    stop_signals.go_on = f"{kept} are kept, go on with: {typed}"
    said = f"interrupted; {stop_signals.go_on}"
    try:
        with _ends_at_last(said, limit):
            yield
    except (KeyboardInterrupt, OSError) as error:
        # where the terminal was closed, the view cannot even restore it
        stopped = error.__context__ if isinstance(error, OSError) else error
        if not isinstance(stopped, KeyboardInterrupt):
            raise
        from ..blocks.errors import Interrupted

        raise Interrupted(said, exit_code(stopped)) from None


@contextmanager
def _ends_at_last(said: str, limit: float) -> Iterator[None]:
    """Inside, the process ends `limit` seconds after a signal even if it hangs: a library that
    waits for a dead process lets no handler of Python run. While it is still starting its workers
    it ends at once. Whatever was written is whole."""
    from ..search.course import stop_signals

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reads, writes = socket.socketpair()
    writes.setblocking(False)
    before = signal.set_wakeup_fd(writes.fileno(), warn_on_full_buffer=False)
    ended = threading.Event()

    def watch() -> None:
        while (number := reads.recv(1)) and number[0] not in STOPS:
            pass
        if number and (stop_signals.is_starting() or not ended.wait(limit)):
            with suppress(OSError):
                if (terminal := next(filter(os.isatty, (1, 2)), None)) is not None:
                    os.write(terminal, SHOW_CURSOR.encode())
            stop_signals.end_at_once(said, 128 + number[0])

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        ended.set()
        writes.close()
        watcher.join()
        reads.close()
