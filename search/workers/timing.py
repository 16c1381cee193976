"""Times a few updates of a network on a worker."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..training.schedule import updates_for
from ..training.trainer import Trainer

MOST = 12
"""Updates that are timed at most, after the first one, which allocates memory and chooses
kernels."""
FIRST = 2.0
"""Time of the first update, in times of the others, by which it is judged whether a second one ends
in time."""
UPDATES, EPOCHS = 16, 2
"""Updates of an epoch, and epochs, by which a GPU is timed: the first epoch captures graphs."""


def timed(trainer: Trainer, seconds: float, *, clock: Callable[[], float] = time.perf_counter) -> list[list[float]]:
    """Time updates of `trainer` on copies of its network, within `seconds`.

    An update is begun only if one that takes as long as the last ends in time. The first update
    takes `FIRST` times as long as the others, which alone count if there are any.

    Returns:
        (images, seconds) of each update; at least one.
    """
    ends = clock() + seconds
    step = trainer.rehearsal()
    found: list[list[float]] = []
    while len(found) <= MOST:
        began = clock()
        images = step()
        now = clock()
        found.append([float(images), now - began])
        if now + found[-1][1] / (FIRST if len(found) == 1 else 1.0) > ends:
            break
    return found[1:] or found


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
