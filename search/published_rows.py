"""Figures that the EfficientNet paper prints of a scaled baseline, beside the true cost.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, Tables 3 and 7.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any

from ..blocks.documented import documented
from ..spaces.scaling.baseline import Baseline
from ..spaces.scaling.family import PAPER, member, scaled
from ..spaces.scaling.paper_tables import SCALED, agrees


@documented
@dataclass(frozen=True, kw_only=True)
class PublishedRow:
    """What the paper prints of this baseline at four times its cost, beside the true cost."""

    scaled_by: str
    """Factors in words."""
    factors: dict[str, float]
    """Axis -> factor by which the baseline is scaled."""
    macs: int
    """True MACs of the network."""
    printed: str
    """FLOPs as printed, where one FLOP is one MAC."""
    agrees: bool
    """Whether the true MACs, rounded as printed, are those printed."""
    top1: float
    """ImageNet accuracy in percent, as printed."""
    remark: str
    """Why the figures differ, if they do and it is known."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "scaled_by": self.scaled_by,
            "factors": self.factors,
            "macs": self.macs,
            "printed": self.printed,
            "agrees": self.agrees,
            "top1": self.top1,
            "remark": self.remark,
        }


def published_rows(baseline: Baseline, axes: Set[str]) -> list[PublishedRow]:
    """List what the paper prints of a baseline that one of `axes` alone scales.

    With several axes these are all the rows of the baseline, those that scale everything included.
    """
    found = []
    for row in SCALED:
        if row.baseline == baseline.name and (row.way in axes or len(axes) > 1):
            made = member(baseline, PAPER, 2.0) if row.factors is None else scaled(baseline, row.factors)
            by = ", ".join(f"{axis} {value:g}" for axis, value in made.factors.items())
            macs = int(made.cost.macs)
            found.append(
                PublishedRow(
                    scaled_by=by if row.factors is not None else "φ = 2 (coefficients not printed)",
                    factors=made.factors,
                    macs=macs,
                    printed=row.flops,
                    agrees=agrees(macs, row.flops),
                    top1=row.top1,
                    remark=row.remark,
                )
            )
    return found
