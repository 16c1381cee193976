"""Times a few updates of a network on a worker."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..training.trainer import Trainer

FEWEST, MOST = 2, 12
"""Updates that are timed, after the first one, which allocates memory and chooses kernels."""


def timed(trainer: Trainer, seconds: float, *, clock: Callable[[], float] = time.perf_counter) -> list[list[float]]:
    """Time updates of `trainer` on copies of its network for about `seconds`.

    Returns:
        (images, seconds) of each update. A network of which even one update takes longer has that
        one alone.
    """
    step = trainer.rehearsal()
    began = clock()
    images = step()
    found = [[float(images), clock() - began]]
    if clock() - began >= seconds:
        return found
    found = []
    while len(found) < FEWEST or (len(found) < MOST and clock() - began < seconds):
        start = clock()
        images = step()
        found.append([float(images), clock() - start])
        if clock() - began > 2 * seconds:
            break
    return found
