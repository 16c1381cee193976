"""The skeleton around one candidate, published or found: itself, made deeper, wider and taken to
other resolutions.

Source: compound scaling of any baseline network, Tan & Le, EfficientNet, ICML 2019,
arXiv:1905.11946, section 3.3. A deeper stage repeats its last unit, a shallower one drops units
from its end. Every unit is widened on its own (`Unit.widened`), so that what a candidate spells out
in numbers, as the squeezed channels of SE or the kernel of ECA, is scaled or kept as it stands
there: a skeleton that derives them anew from the wider map may round them otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from ...blocks import Part, Unit
from ..candidate import Candidate, Layers
from .rules import Rule
from .skeleton import SHARED, SHARED_OUTSIDE, SHARED_RULES, Local, Skeleton

DIMENSIONS = ("depth", "width", "resolution", "size_multiple")
"""All there are: the rest is the candidate's."""


@dataclass(frozen=True, kw_only=True)
class Given(Skeleton):
    """A candidate and its multiples; make one by `given`."""

    network: Candidate
    """What it is at depth, width and resolution 1."""

    family: ClassVar[Mapping[str, Any]] = {name: SHARED[name] for name in DIMENSIONS}
    rules: ClassVar[Mapping[str, Rule]] = {name: SHARED_RULES[name] for name in DIMENSIONS}
    per_stage: ClassVar[frozenset[str]] = frozenset()
    per_layer: ClassVar[frozenset[str]] = frozenset()
    numeric: ClassVar[frozenset[str]] = frozenset({"depth", "width", "resolution"})
    outside: ClassVar[frozenset[str]] = SHARED_OUTSIDE & frozenset(DIMENSIONS)

    def stem(self, local: Local) -> Part:
        return self.network.stem.widened(local["width"])

    def unit(self, local: Local) -> Unit:
        return local["unit"].widened(local["width"])

    def layer(self, local: Local, index: int) -> Unit:
        return self.unit(local)  # none is skipped

    def head(self, local: Local) -> Part:
        return self.network.head.widened(local["width"])

    def dimensions(self) -> list[str]:
        return list(DIMENSIONS)

    def may_differ(self, dimension: str, each: str) -> bool:
        return False

    def to_dict(self) -> dict[str, Any]:
        return {"candidate": self.network.to_dict()}


def given(candidate: Candidate) -> Given:
    """The skeleton whose baseline is `candidate`; its own layers and widths are depth 1 and width
    1."""
    return Given(
        name="given",
        layout=candidate.layout,
        stages=tuple(_row(layers) for layers in candidate.stages),
        network=candidate,
    )


def _row(layers: Layers) -> dict[str, Any]:
    """A stage: its units, one a layer, the last of which stands for all further ones; the one unit
    where all are equal."""
    units = [unit for unit, count in layers for _ in range(count)]
    row = {"stride": units[0].stride, "repeats": len(units)}
    if units[-1].stride != 1:
        units.append(replace(units[-1], stride=1))  # type: ignore[type-var]
    while len(units) > 1 and units[-1] == units[-2]:
        units.pop()
    return {**row, "unit": tuple(units) if len(units) > 1 else units[0]}
