"""What a command does when it is told to stop by Ctrl-C, SIGTERM or SIGHUP."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


def raise_on_signals() -> None:
    """From now on SIGTERM and SIGHUP raise KeyboardInterrupt as Ctrl-C does, with the signal as its
    argument; those that the process was told to ignore, as `nohup` does, stay ignored."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise)


def _raise(number: int, _: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt(number)


def exit_code(error: KeyboardInterrupt) -> int:
    """130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP: 128 and the signal, as in a shell."""
    return 128 + next((int(one) for one in error.args if isinstance(one, int)), signal.SIGINT)


@contextmanager
def interruptible(typed: str, kept: str = "finished evaluations") -> Iterator[None]:
    """Inside, a command that is told to stop says what is kept, and how to go on.

    Args:
        typed: the command as it was typed.
        kept: what is kept.

    Raises:
        Interrupted: it was told to stop.
    """
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        # where the terminal was closed, the view cannot even restore it
        stopped = error.__context__ if isinstance(error, OSError) else error
        if not isinstance(stopped, KeyboardInterrupt):
            raise
        from ..blocks.errors import Interrupted

        raise Interrupted(f"interrupted; {kept} are kept, go on with: {typed}", exit_code(stopped)) from None
