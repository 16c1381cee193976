"""Ends a call to Ray that waits in vain because a process of the private Ray has died.

Between two steps of Ray Tune a death is noticed, and Ray is started anew (see `deaths`). But a call
that waits for a dead GCS lets no Python run, and after a minute Ray ends the process without a
word. This thread gives such a call a GCS that answers it, so that it returns, with an error; what
follows is that of any other death. If the call does not return all the same, a line says how to go
on before Ray ends the process.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from ..course import stopping
from . import private_ray

PAUSE = 0.5
"""Seconds between two looks at the processes."""
PATIENCE = 8.0
"""Seconds in which a death is noticed elsewhere, if it can be."""


def say(text: str) -> None:
    """Write a line to standard error."""
    with suppress(OSError):
        os.write(2, f"{text}\n".encode())


class VitalWatch:
    """Watches the private Ray of the thread that makes it, until `end` is called."""

    def __init__(self, says: Callable[[str], None] = say, revives: Callable[[], None] = private_ray.revive) -> None:
        """Begin.

        Args:
            says: is given the line that says what died and how to go on.
            revives: makes calls that wait for a dead GCS return.
        """
        self._says, self._revives, self._driver = says, revives, threading.get_ident()
        self._over = threading.Event()
        self.thread = threading.Thread(target=self._watch, name="automl-ray", daemon=True)
        """Looks at the processes."""
        self.thread.start()

    def end(self) -> None:
        """Watch no longer: a death has been noticed, or Ray is stopped."""
        self._over.set()

    def _watch(self) -> None:
        """Wait for a death after which the driver is inside calls of Ray for `PATIENCE`. A driver
        that waits for something else, such as its database, notices the death later."""
        since: float | None = None
        revived = False
        while not self._over.wait(PAUSE):
            if (name := private_ray.dead_process()) is None or not in_ray(self._driver):
                since = None
                continue
            since = time.monotonic() if since is None else since
            if time.monotonic() - since < PATIENCE:
                continue
            if revived:
                self._says(f"error: Ray's {name} has died, and a call to it does not return; {stopping.go_on}")
                return
            revived, since = True, None
            with suppress(OSError):
                self._revives()


def in_ray(thread: int) -> bool:
    """Whether a thread is inside a call of Ray."""
    frame = sys._current_frames().get(thread)
    return frame is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "ray"


_watch: VitalWatch | None = None


def begin() -> None:
    """Watch the private Ray that this process has started."""
    global _watch
    _watch = VitalWatch()


def noticed() -> None:
    """Watch no longer: a death of the private Ray has been noticed, or Ray is to be stopped."""
    if _watch is not None:
        _watch.end()
