"""Shows how far the reading of a large data set has come."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

SHOWN_FROM = 1000
"""Number of files below which nothing is shown: they are read in a moment."""

Watch = Callable[[str, int, int | None], None]
"""Is told what is being done, how much of it is done, and how much there is to do, None if that is
not known."""

_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(watch: Watch, *, every: float) -> Iterator[None]:
    """Within the `with` block `watch` is told of progress in place of a bar that is drawn on
    standard error; between two calls lie at least `every` seconds."""
    last = -math.inf

    def now_and_then(what: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= every:
            last = time.monotonic()
            watch(what, done, total)

    token = _watch.set(now_and_then)
    try:
        yield
    finally:
        _watch.reset(token)


def in_words(what: str, done: int, total: int | None) -> str:
    """What a watch is told, in words."""
    return what if total is None else f"{what}: {done:,} of {total:,}"


@contextmanager
def progress(what: str, total: int | None) -> Iterator[Callable[[int], object]]:
    """Yield a function to be told how much of `total` is done, which may be unknown; `what` is for
    people."""
    watch = _watch.get()
    if total is not None and total < SHOWN_FROM:
        yield lambda done: None
    elif watch is not None:
        yield lambda done: watch(what, done, total)
    else:
        from rich.console import Console
        from rich.progress import Progress

        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
