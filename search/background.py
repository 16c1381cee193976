"""Computes something in a thread of its own while the caller does something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from time import monotonic, process_time
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """A call that runs in a thread."""

    def __init__(self, call: Callable[[], T], *, ends_first: bool = False) -> None:
        """Begin `call()`; if it `ends_first`, the process waits for it before it ends: an import of
        native code must not be broken off."""
        self._found: Future[T] = Future()
        self._call = call
        self.slowed: float = 1.0
        """Seconds that it took, for each second of CPU time of the process, whose other threads are
        thus no load; 1 before its end."""
        threading.Thread(target=self._run, name="automl-background", daemon=not ends_first).start()

    def result(self) -> T:
        """What the call has returned; waits for it. Raises what the call has raised."""
        return self._found.result()

    def _run(self) -> None:
        began, busy = monotonic(), process_time()
        try:
            found = self._call()
        except BaseException as error:
            self._found.set_exception(error)
            return
        seconds, busy = monotonic() - began, process_time() - busy
        self.slowed = max(1.0, seconds / busy) if busy > 0 else 1.0
        self._found.set_result(found)
