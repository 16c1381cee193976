"""Pairs the units of a network with those of a source network.

Stages are paired in order; where one network has more, by their relative place. Within a stage the
first units are paired, so that surplus units of the source are dropped from its end, as
Once-for-All's elastic depth does (arXiv:1908.09791, section 3.3), and units that the source lacks
are copies of the nearest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .network_layers import NetworkLayers, Placed


@dataclass(frozen=True, eq=False, kw_only=True)
class Pair:
    """A unit and its counterpart."""

    own: Placed
    """The unit."""
    source: Placed | None
    """The unit of the source; None if its stage has none of the kind."""
    extra: bool = False
    """Whether the counterpart belongs to another unit already, and this one is new."""


def pairs(network: NetworkLayers, source: NetworkLayers) -> list[Pair]:
    """The units of a network with their counterparts, in order."""
    found: list[Pair] = []
    for index, stage in enumerate(network.stages):
        theirs = source.stages[_counterpart(index, len(network.stages), len(source.stages))]
        found += [_pair(place, unit, theirs) for place, unit in enumerate(stage)]
    return found


def _counterpart(index: int, count: int, source: int) -> int:
    """The stage of the source at the relative place of a stage."""
    return index if count == source else round(index * (source - 1) / max(1, count - 1))


def _pair(place: int, own: Placed, theirs: Sequence[Placed]) -> Pair:
    """The unit of the same place, or the nearest of the kind; before all one that also keeps its
    map, or also does not. A further unit that keeps its map is no copy of one that makes another
    map, since the two read different channels."""
    fitting = [index for index, unit in enumerate(theirs) if unit.unit.kind == own.unit.kind]
    if not fitting:
        return Pair(own=own, source=None)
    alike = [index for index in fitting if theirs[index].unit.keeps == own.unit.keeps]
    nearest = min(alike or fitting, key=lambda index: (abs(index - place), index))
    extra = nearest != place
    reads_another = extra and own.unit.keeps and not theirs[nearest].unit.keeps
    return Pair(own=own, source=None if reads_another else theirs[nearest], extra=extra)
