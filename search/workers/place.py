"""Where a worker runs its jobs and with what, and the type of a function that evaluates one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ..course.job import Job

if TYPE_CHECKING:
    import torch

    from ..pretrained.source_weights import Source
    from ..training.pixels import Pixels
    from ..training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Place:
    """What all jobs of a worker share."""

    pixels: Pixels
    """The images, on the device."""
    recipe: Recipe
    """How networks are trained."""
    device: torch.device
    """The device that trains."""
    source: Source | None = None
    """The network from whose weights candidates begin; None begins from noise."""


Evaluate: TypeAlias = Callable[[Job, Place], Iterator[tuple[int, float]]]
"""Evaluates the network of a job on a worker: yields (epoch, accuracy) up to the job's epochs."""
