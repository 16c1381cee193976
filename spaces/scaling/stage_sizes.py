"""Measures the depth, width and resolution of a network's stages."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..candidates.candidate import Candidate


class StageSize(NamedTuple):
    """The size of one stage."""

    repeats: int
    """Number of units."""
    width: int
    """Channels of its output."""
    side: int
    """Height of its output in pixels."""


def stage_sizes(candidate: Candidate) -> list[StageSize]:
    """Return the size of every stage, in order."""
    found, shape = [], candidate.stem.out(candidate.input)
    for stage in candidate.stages:
        for unit, _ in stage:
            shape = unit.out(shape)
        found.append(StageSize(sum(int(repeats) for _, repeats in stage), int(shape.channels), int(shape.height)))
    return found


def measures(candidate: Candidate) -> dict[str, float]:
    """Measure the depth, width and resolution of a network.

    Depth is the number of layers. Width and resolution are the geometric means over the stages of
    their channels and of the heights of their maps. The maps are measured instead of the input,
    because they are rounded up at every stride.
    """
    sizes = stage_sizes(candidate)

    def mean(values: list[int]) -> float:
        return math.exp(sum(map(math.log, values)) / len(values))

    return {
        "depth": sum(size.repeats for size in sizes),
        "width": mean([size.width for size in sizes]),
        "resolution": mean([size.side for size in sizes]),
    }
