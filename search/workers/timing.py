"""Times a few updates of a network on a worker."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..training.schedule import updates_for
from ..training.trainer import Trainer

FEWEST, MOST = 2, 12
"""Updates that are timed, after the first one, which allocates memory and chooses kernels."""
UPDATES, EPOCHS = 16, 2
"""Updates of an epoch, and epochs, by which a GPU is timed: the first epoch captures graphs."""


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


def timed_epochs(trainer: Trainer) -> list[list[float]]:
    """Train `trainer` to its end; (images, seconds) of an update in each epoch but the first.

    This is how a GPU is timed, since its updates return before they are done.
    """
    found: list[list[float]] = []
    while not trainer.finished:
        report = trainer.epoch()
        updates = updates_for(report.images, trainer.recipe.batch_size)
        found.append([report.images / updates, report.training / updates])
    return found[1:]
