"""The record of a reference network that is scaled to a budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...blocks import Cost
from ...blocks.documented import documented
from ..candidates.candidate import Candidate
from ..scaling.family import cost_dict
from ..scaling.stage_sizes import stage_sizes
from .reference import Strides

Rule = Literal["width", "compound"]
"""How a network is scaled: its width alone, or depth, width and resolution at once."""


@documented
@dataclass(frozen=True, kw_only=True)
class Origin:
    """One way to a network: a reference, scaled by a rule."""

    reference: str
    """Name of the reference network."""
    rule: Rule
    """How it is scaled."""
    coefficients: Mapping[str, float]
    """Axis -> multiple of the published network's own value."""
    phi: float | None
    """φ of the compound rule; None for the width alone."""
    strides: Strides
    """Whether the strides are as published or fitted to the image."""

    @property
    def name(self) -> str:
        """The origin in short: `resnet18 width 0.27`, `resnet18 compound -1.52 fitted`.

        The published network itself has the name of its reference.
        """
        scaled = [] if self._published else [self.rule, f"{self._number:g}"]
        return " ".join([self.reference, *scaled, *(["fitted"] if self.strides == "fitted" else [])])

    @property
    def words(self) -> str:
        """The origin for a sentence: `resnet18 at width 0.27`, `resnet18 at φ -1.52 with fitted
        strides`."""
        scaled = "" if self._published else f" at {'width' if self.phi is None else 'φ'} {self._number:g}"
        fitted = " with fitted strides" if self.strides == "fitted" else ""
        return f"{self.reference}{scaled}{fitted}"

    @property
    def _number(self) -> float:
        """The width multiplier, or φ of the compound rule."""
        return self.coefficients["width"] if self.phi is None else self.phi

    @property
    def _published(self) -> bool:
        """Whether this is the published network itself."""
        return self._number == (1 if self.phi is None else 0)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "name": self.name,
            "reference": self.reference,
            "rule": self.rule,
            "phi": self.phi,
            "coefficients": dict(self.coefficients),
            "strides": self.strides,
        }


@documented
@dataclass(frozen=True, kw_only=True)
class ScaledReference:
    """The largest network within a budget that a reference can be scaled to by a rule."""

    origins: tuple[Origin, ...]
    """All ways that lead to this network; the first gives its name."""
    candidate: Candidate
    """The network."""
    cost: Cost
    """Its cost."""

    @property
    def name(self) -> str:
        """The network in short, such as `resnet18 width 0.27`."""
        return self.origins[0].name

    @property
    def reference(self) -> str:
        """Name of the reference network."""
        return self.origins[0].reference

    @property
    def rule(self) -> Rule:
        """How it is scaled."""
        return self.origins[0].rule

    @property
    def coefficients(self) -> Mapping[str, float]:
        """Axis -> multiple of the published network's own value."""
        return self.origins[0].coefficients

    @property
    def phi(self) -> float | None:
        """φ of the compound rule; None for the width alone."""
        return self.origins[0].phi

    @property
    def strides(self) -> Strides:
        """Whether the strides are as published or fitted to the image."""
        return self.origins[0].strides

    @property
    def widths(self) -> list[int]:
        """Channels of the output of every stage."""
        return [stage.width for stage in stage_sizes(self.candidate)]

    @property
    def repeats(self) -> list[int]:
        """Number of units of every stage."""
        return [stage.repeats for stage in stage_sizes(self.candidate)]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            **self.origins[0].to_dict(),
            "id": self.candidate.id,
            "image": list(self.candidate.image),
            **cost_dict(self.cost),
            "widths": self.widths,
            "repeats": self.repeats,
            "origins": [origin.to_dict() for origin in self.origins],
        }
