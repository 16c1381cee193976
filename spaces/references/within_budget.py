"""Scales every reference network to the largest network within a budget.

Two rules: the width alone, as the MobileNets are published (`scaling.width`), and depth, width and
resolution at once with the coefficients of EfficientNet (arXiv:1905.11946), where φ has either
sign. The compound rule changes the image size by γ^φ, and the cost is counted at that size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...blocks import Cost, InputError
from ...blocks.documented import documented
from ..budget import Budget, parse_budget
from ..candidates.candidate import Candidate
from ..scaling.family import PAPER, phi_steps
from ..scaling.largest import Steps
from ..scaling.width import width_steps
from .reference import Reference, Strides
from .registry import reference_networks
from .scaled import Origin, Rule, ScaledReference

RULES: tuple[Rule, ...] = ("width", "compound")
STRIDES: tuple[Strides, ...] = ("published", "fitted")


@documented
@dataclass(frozen=True, kw_only=True)
class NotScaled:
    """A reference that no scaling brings within a budget."""

    reference: str
    """Name of the reference network."""
    rule: Rule
    """How it was to be scaled."""
    strides: Strides
    """Whether the strides were as published or fitted to the image."""
    reason: str
    """Why none fits, in one line."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {"reference": self.reference, "rule": self.rule, "strides": self.strides, "reason": self.reason}


def references(
    budget: Budget | str | Sequence[str], *, image_size: int | None = None, classes: int = 1000, channels: int = 3
) -> tuple[ScaledReference, ...]:
    """Scale every reference network to the largest network within a budget.

    Args:
        budget: bounds on cost such as "3MFLOPs" or ["3MFLOPs", "200kParams"].
        image_size: height and width of an image in pixels, before the compound rule changes it;
            None takes each network's published size.
        classes: outputs of the classifier.
        channels: channels of an image.

    Returns:
        The networks, sorted by reference, rule and strides. Equal networks appear once, with all
        their origins. References that no scaling brings within the budget are left out.

    Raises:
        InputError: there is no budget, or an argument is out of its range.
    """
    return scaled_references(budget, image_size=image_size, classes=classes, channels=channels)[0]


def scaled_references(
    budget: Budget | str | Sequence[str], *, image_size: int | None = None, classes: int = 1000, channels: int = 3
) -> tuple[tuple[ScaledReference, ...], tuple[NotScaled, ...]]:
    """Return what `references` returns, and the references that are left out, with the reasons."""
    bounds = budget if isinstance(budget, Budget) else parse_budget(budget)
    if not bounds.bounds:
        raise InputError("references are scaled to a budget such as 3MFLOPs, but got none")
    for name, value, least in (("image size", image_size, 1), ("classes", classes, 1), ("channels", channels, 1)):
        if value is not None and value < least:
            raise InputError(f"{name} must be at least {least}, but got {value}")
    found: dict[str, tuple[list[Origin], Candidate, Cost]] = {}
    left_out: list[NotScaled] = []
    for name, reference in sorted(reference_networks.parts().items()):
        for rule in RULES:
            for strides in STRIDES:
                try:
                    origin, candidate, cost = _largest(
                        reference, rule, strides, bounds, image_size=image_size, classes=classes, channels=channels
                    )
                except InputError as error:
                    left_out.append(NotScaled(reference=name, rule=rule, strides=strides, reason=str(error)))
                    continue
                found.setdefault(candidate.id, ([], candidate, cost))[0].append(origin)
    scaled = (
        ScaledReference(origins=tuple(origins), candidate=candidate, cost=cost)
        for origins, candidate, cost in found.values()
    )
    return tuple(scaled), tuple(left_out)


def scaled_reference(
    reference: Reference,
    budget: Budget,
    *,
    rule: Rule = "width",
    strides: Strides = "published",
    image_size: int | None = None,
    classes: int = 1000,
    channels: int = 3,
) -> ScaledReference:
    """Scale one reference network by one rule to the largest network within a budget.

    The arguments are those of `references`.

    Raises:
        InputError: no scaling brings it within the budget.
    """
    origin, candidate, cost = _largest(
        reference, rule, strides, budget, image_size=image_size, classes=classes, channels=channels
    )
    return ScaledReference(origins=(origin,), candidate=candidate, cost=cost)


def _largest(
    reference: Reference, rule: Rule, strides: Strides, budget: Budget, **inputs: Any
) -> tuple[Origin, Candidate, Cost]:
    """Return the largest network within the budget, and how it is scaled.

    Of the coefficients that build it, the one with the fewest digits is given.

    Raises:
        InputError: none is within the budget, or the published network cannot be built.
    """
    steps = _steps(reference, rule, strides, **inputs)
    last = steps.within(budget)
    number, network = steps.roundest(last), steps.at(last)
    assert network is not None  # `within` has counted its cost
    if rule == "width":
        phi, coefficients = None, {"width": number}
    else:
        phi, coefficients = number, {axis: value**number for axis, value in PAPER.items()}
    origin = Origin(reference=reference.name, rule=rule, coefficients=coefficients, phi=phi, strides=strides)
    return origin, *network


@lru_cache(maxsize=64)
def _steps(reference: Reference, rule: Rule, strides: Strides, **inputs: Any) -> Steps:
    """The networks that a reference is scaled to; a search, its report and its verification ask for
    the same ones.

    Raises:
        InputError: the published network cannot be built.
    """
    base = reference.baseline(strides=strides, **inputs)
    return width_steps(base) if rule == "width" else phi_steps(base, PAPER)
