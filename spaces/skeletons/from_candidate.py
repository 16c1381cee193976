"""The skeleton around one candidate: the candidate at other depths, widths and resolutions.

Source: compound scaling of any baseline network, Tan & Le, EfficientNet, ICML 2019,
arXiv:1905.11946, section 3.3. A deeper stage repeats its last unit, a shallower one drops units
from its end. Every unit is widened separately (`Unit.widened`): numbers that the candidate spells
out, such as the squeezed channels of SE or the kernel of ECA, are scaled or kept. A skeleton that
derives them from the wider map may round them differently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ...blocks import Part, Unit
from ..candidates.candidate import Candidate, Layers
from ..candidates.fitted_strides import SMALLEST_MAP, fitted
from .shared_dimensions import SHARED, SHARED_OUTSIDE, SHARED_RULES
from .skeleton import Local, Skeleton
from .value_rules import Rule

DIMENSIONS = ("depth", "width", "resolution", "size_multiple", "strides")
"""All dimensions of this skeleton; everything else is fixed by the candidate."""


@dataclass(frozen=True, kw_only=True)
class CandidateSkeleton(Skeleton):
    """A candidate, scaled in depth, width and resolution; `skeleton_of` makes one."""

    network: Candidate
    """The candidate at depth, width and resolution 1."""

    family: ClassVar[Mapping[str, Any]] = {name: SHARED[name] for name in DIMENSIONS}
    rules: ClassVar[Mapping[str, Rule]] = {name: SHARED_RULES[name] for name in DIMENSIONS}
    per_stage: ClassVar[frozenset[str]] = frozenset()
    per_layer: ClassVar[frozenset[str]] = frozenset()
    numeric: ClassVar[frozenset[str]] = frozenset({"depth", "width", "resolution"})
    outside: ClassVar[frozenset[str]] = SHARED_OUTSIDE & frozenset(DIMENSIONS)

    def stem(self, local: Local) -> Part:
        return local["stem"].widened(local["width"])

    def unit(self, local: Local) -> Unit:
        return local["unit"].widened(local["width"])

    def layer(self, local: Local, index: int) -> Unit:
        return self.unit(local)  # this skeleton has no dimension `skip`

    def head(self, local: Local) -> Part:
        return self.network.head.widened(local["width"])

    def fitted(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, side: int, smallest: int = SMALLEST_MAP
    ) -> CandidateSkeleton:
        found = fitted(self.network, side, smallest=smallest)
        return self if found == self.network else skeleton_of(found)

    def dimensions(self) -> list[str]:
        return list(DIMENSIONS)

    def may_differ(self, dimension: str, each: str) -> bool:
        return False

    def to_dict(self) -> dict[str, Any]:
        return {"candidate": self.network.to_dict()}


def skeleton_of(candidate: Candidate) -> CandidateSkeleton:
    """Return the skeleton whose network at depth 1 and width 1 is `candidate`."""
    return CandidateSkeleton(
        name="given",
        layout=candidate.layout,
        stages=tuple(_row(layers) for layers in candidate.stages),
        baseline={"stem": candidate.stem},
        network=candidate,
    )


def _row(layers: Layers) -> dict[str, Any]:
    """Return the row of a stage for `Skeleton.stages`.

    Its key `unit` holds one unit for each layer, of which the last also stands for all further
    layers; a single unit if all layers are equal.
    """
    units = [unit for unit, count in layers for _ in range(count)]
    row = {"stride": units[0].stride, "repeats": len(units)}
    if units[-1].stride != 1:
        units.append(replace(units[-1], stride=1))  # type: ignore[type-var]
    while len(units) > 1 and units[-1] == units[-2]:
        units.pop()
    return {**row, "unit": tuple(units) if len(units) > 1 else units[0]}
