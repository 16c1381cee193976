"""Ends this process when a process of its private Ray has died and a call of Ray waits for that.

Between two steps of Ray Tune a death is noticed, and Ray is started anew (see `deaths`). But a call
that waits for a dead GCS lets no Python run, and after a minute Ray ends the process without a
word. (A GCS that is started anew in its place does not help: Ray then aborts the process, as the
new one does not know it.) This thread ends the process before, and says how to go on. It watches
until Ray has been stopped, because that may wait for a dead process too. A driver that waits for
something else, such as its database, is left alone.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..course import stop_signals
from .own_ray import dead_of, vital_processes

PAUSE = 0.5
"""Seconds between two looks at the processes."""
PATIENCE = 8.0
"""Seconds in which a death is noticed elsewhere, if it can be."""
ENDING = 40.0
"""Seconds that calls of Ray may take once a death has been noticed, and that stopping Ray may take;
after 60 Ray ends the process itself."""


def end_process(words: str) -> None:
    """Write a line to standard error and end this process with exit code 1."""
    stop_signals.end_at_once(words, 1)


class VitalWatch:
    """Watches the private Ray of the thread that makes it, until `end` is called."""

    def __init__(self, ends: Callable[[str], None] = end_process) -> None:
        """Begin; `ends` is called with the line that says what died and how to go on."""
        self._ends, self._driver = ends, threading.get_ident()
        self._processes = vital_processes()  # Ray forgets those that it has killed
        self._since: float | None = None
        self._patience, self._stopping = PATIENCE, False
        self._over = threading.Event()
        self.thread: threading.Thread = threading.Thread(target=self._watch, name="automl-ray", daemon=True)
        """Looks at the processes."""
        self.thread.start()

    def noticed(self) -> None:
        """A death has been noticed: the driver gives up what it did, for which it has `ENDING`."""
        self._patience, self._since = ENDING, None

    def stops(self) -> None:
        """The driver stops Ray, which ends the processes: it may take `ENDING`."""
        self.noticed()
        self._stopping = True

    def end(self) -> None:
        """Watch no longer: Ray has been stopped."""
        self._over.set()

    def _watch(self) -> None:
        """Wait for a death after which the driver is inside calls of Ray for longer than it may."""
        while not self._over.wait(PAUSE):
            name = dead_of(self._processes)
            if name is None or not (self._stopping or in_ray(self._driver)):
                self._since = None
                continue
            since = self._since = self._since or time.monotonic()
            if time.monotonic() - since >= self._patience:
                self._ends(f"error: Ray's {name} has died, and a call to it does not return; {stop_signals.go_on}")
                return


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
    """A death of the private Ray has been noticed."""
    if _watch is not None:
        _watch.noticed()


@contextmanager
def while_stopping() -> Iterator[None]:
    """Inside, Ray is stopped; afterwards nothing is watched."""
    global _watch
    if _watch is not None:
        _watch.stops()
    try:
        yield
    finally:
        if _watch is not None:
            _watch.end()
            _watch = None
