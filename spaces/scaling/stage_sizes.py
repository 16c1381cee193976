"""A network's stages as numbers: what scaling changes."""

from __future__ import annotations

import math
from typing import NamedTuple

from ..candidate import Candidate


class StageSize(NamedTuple):
    """One stage."""

    repeats: int
    """Units in it."""
    width: int
    """Channels of its output."""
    side: int
    """Height of its output in pixels."""


def stage_sizes(candidate: Candidate) -> list[StageSize]:
    """Every stage in order."""
    found, shape = [], candidate.stem.out(candidate.input)
    for stage in candidate.stages:
        for unit, _ in stage:
            shape = unit.out(shape)
        found.append(StageSize(sum(int(repeats) for _, repeats in stage), int(shape.channels), int(shape.height)))
    return found


def measures(candidate: Candidate) -> dict[str, float]:
    """Depth as layers; width and resolution as the geometric means over the stages of their
    channels and their maps' sides.

    Maps rather than the input: they are rounded up at every stride.
    """
    sizes = stage_sizes(candidate)

    def mean(values: list[int]) -> float:
        return math.exp(sum(map(math.log, values)) / len(values))

    return {
        "depth": sum(size.repeats for size in sizes),
        "width": mean([size.width for size in sizes]),
        "resolution": mean([size.side for size in sizes]),
    }
