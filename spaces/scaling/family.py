"""Families of networks: one baseline scaled by α^φ, β^φ, γ^φ, and the largest φ within a budget.

A negative φ gives networks smaller than the baseline.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, section 3.3, step 2: fix the
coefficients, scale with φ; section 5.2: larger models need more regularisation, so dropout rises
linearly from 0.2 (B0) to 0.5 (B7). Not in the paper: the rate of stochastic depth rises in the same
way; the paper uses 0.2 for all of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from ...blocks import Cost, InputError
from ..budget import Budget
from ..candidates.candidate import Candidate
from .baseline import Baseline, in_letters
from .largest import Steps
from .single_axis import FURTHEST, factor_alone, ideals
from .stage_sizes import StageSize, stage_sizes

PAPER = {"depth": 1.2, "width": 1.1, "resolution": 1.15}
"""The coefficients α, β, γ that the paper found for EfficientNet-B0."""
FIRST_RATE, LAST_RATE, LAST_PHI = 0.2, 0.5, 7.0
"""Rate of dropout and of stochastic depth at φ = 0, at the largest φ, and that φ."""
FINEST = 10_000
"""`phi_for` returns multiples of 1 / FINEST."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One network of a family."""

    phi: float | None
    """The compound coefficient; None for a network whose width alone is multiplied."""
    factors: dict[str, float]
    """Axis → coefficient to the power of φ: the multiple by which the baseline is scaled."""
    candidate: Candidate
    """The network after rounding."""
    cost: Cost
    """Cost of the network after rounding."""
    factor: float
    """True factor: MACs of the network over MACs of the baseline."""
    ideal: float
    """Idealised factor: 2^φ if α·β²·γ² = 2."""

    @property
    def label(self) -> str:
        """The network in short: "phi1.5", or "width0.5" if its width alone is multiplied."""
        return f"width{self.factors['width']:g}" if self.phi is None else f"phi{self.phi:g}"

    @property
    def dropout(self) -> float:
        """Dropout rate before the classifier: 0.2 at φ = 0, 0.5 from φ = 7 on.

        Below φ = 0 it falls at the same rate, to 0. Networks without φ have that of φ = 0.
        """
        rate = FIRST_RATE + (LAST_RATE - FIRST_RATE) * (self.phi or 0.0) / LAST_PHI
        return min(LAST_RATE, max(0.0, rate))

    @property
    def drop_path(self) -> float:
        """Rate of stochastic depth at the last unit; equal to the dropout rate."""
        return self.dropout

    @cached_property
    def stages(self) -> list[StageSize]:
        """Repeats, width and map side of every stage."""
        return stage_sizes(self.candidate)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "phi": self.phi,
            "factors": self.factors,
            "id": self.candidate.id,
            "image": list(self.candidate.image),
            **cost_dict(self.cost),
            "factor": self.factor,
            "idealised": self.ideal,
            "two_to_phi": None if self.phi is None else 2**self.phi,
            "dropout": self.dropout,
            "drop_path": self.drop_path,
            "widths": [stage.width for stage in self.stages],
            "repeats": [stage.repeats for stage in self.stages],
        }


def cost_dict(cost: Cost) -> dict[str, int]:
    """MACs, parameters and activations as plain JSON with stable keys."""
    return {"macs": int(cost.macs), "params": int(cost.params), "activations": int(cost.activations)}


def member(baseline: Baseline, coefficients: Mapping[str, float], phi: float) -> Member:
    """Scale the baseline by `coefficients` (axis → value at φ = 1) to the power of `phi`.

    Raises:
        InputError: a coefficient is below 1, φ is too far from 0, or the network cannot be built.
    """
    _check(baseline, coefficients, phi)
    return _member(
        baseline, {axis: value**phi for axis, value in coefficients.items()}, phi, ideals(baseline, list(coefficients))
    )


def _member(baseline: Baseline, factors: Mapping[str, float], phi: float, exponents: Mapping[str, float]) -> Member:
    return described(baseline, baseline.candidate(factors), factors, phi, exponents)


def described(
    baseline: Baseline,
    found: Candidate,
    factors: Mapping[str, float],
    phi: float | None,
    exponents: Mapping[str, float],
) -> Member:
    """Return the network `found` as the baseline scaled by `factors`, with its cost.

    `exponents` are the idealised cost exponents of the axes.
    """
    cost = found.cost()
    ideal = math.prod(value ** exponents[axis] for axis, value in factors.items())
    return Member(
        phi=phi,
        factors=dict(factors),
        candidate=found,
        cost=cost,
        factor=float(cost.macs / baseline.cost.macs),
        ideal=ideal,
    )


def family(baseline: Baseline, coefficients: Mapping[str, float], phis: Sequence[float]) -> list[Member]:
    """Scale the baseline by every φ in `phis`, which must be in rising order.

    Raises:
        InputError: as `member`, or `phis` is empty or not in rising order.
    """
    if not phis:
        raise InputError("a family needs at least one φ")
    for before, after in pairwise(phis):
        if after <= before:
            raise InputError(f"φ must rise, but {after:g} follows {before:g}")
    return [member(baseline, coefficients, phi) for phi in phis]


@dataclass(frozen=True, kw_only=True)
class Alone:
    """Two networks that scale one axis alone, for comparison with a member of a family."""

    axis: str
    """The axis that is scaled."""
    idealised: Member
    """The network scaled by the idealised rule: depth 4, width 2 or resolution 2 at φ = 2."""
    equal: Member
    """The network whose true cost is nearest to the cost aimed at."""


def alone(baseline: Baseline, axes: Sequence[str], phi: float, *, target: float = 2.0) -> list[Alone]:
    """Scale each of `axes` alone to `target` ^ φ times the baseline's cost.

    Raises:
        InputError: `phi` is 0 or `target` not above 1, the baseline lacks an axis, or a network
            cannot be built.
    """
    if not (math.isfinite(phi) and phi != 0):
        raise InputError(f"φ must be a number other than 0 to scale one axis alone, but got {phi:g}")
    if not (math.isfinite(target) and target > 1):
        raise InputError(f"--target must be above 1 to scale one axis alone, but got {target:g}")
    exponents, found = ideals(baseline, axes), []
    for axis in axes:
        at_one = {axis: target ** (1 / exponents[axis])}
        _check(baseline, at_one, phi)
        factors = [target ** (phi / exponents[axis]), factor_alone(baseline, axis, target**phi)]
        idealised, equal = (_member(baseline, {axis: factor}, phi, exponents) for factor in factors)
        found.append(Alone(axis=axis, idealised=idealised, equal=equal))
    return found


def scaled(baseline: Baseline, factors: Mapping[str, float], phi: float = 0.0) -> Member:
    """Scale the baseline by `factors` directly; `phi` is recorded with the result."""
    baseline.require_axes(list(factors))
    return _member(baseline, factors, phi, ideals(baseline, list(factors)))


def phi_for(baseline: Baseline, coefficients: Mapping[str, float], budget: Budget) -> float:
    """Return the largest φ, in steps of 0.0001, whose network is within `budget`.

    It is negative if the budget lies below the baseline's cost.

    Raises:
        InputError: all coefficients are 1, the smallest network exceeds the budget, the largest one
            does not reach it, or the largest network below the upper bound is below the lower
            bound.
    """
    steps = phi_steps(baseline, coefficients)
    return steps.value(steps.within(budget))


def phi_steps(baseline: Baseline, coefficients: Mapping[str, float]) -> Steps:
    """Return the networks of all φ in steps of 1 / FINEST, in which the axis that grows fastest is
    scaled by 1 / FURTHEST to FURTHEST.

    Raises:
        InputError: a coefficient is below 1 or all are 1, the baseline lacks an axis, or it cannot
            be built itself.
    """
    _check(baseline, coefficients, 0.0)
    if all(value == 1 for value in coefficients.values()):
        raise InputError(f"nothing grows with φ: all coefficients are 1 ({in_letters(coefficients)})")
    _ = baseline.network  # raises the error if the baseline itself cannot be built
    furthest = math.floor(FINEST * math.log(FURTHEST) / math.log(max(coefficients.values())))
    return Steps(
        name=baseline.name,
        symbol="φ",
        scale=FINEST,
        build=lambda step: baseline.candidate({axis: value ** (step / FINEST) for axis, value in coefficients.items()}),
        least=-furthest,
        most=furthest,
        beyond=f"more than {FURTHEST:g} times the {_largest(coefficients)}",
    )


def _check(baseline: Baseline, coefficients: Mapping[str, float], phi: float) -> None:
    baseline.require_axes(list(coefficients))
    for axis, value in coefficients.items():
        if not (math.isfinite(value) and value >= 1):
            raise InputError(f"a coefficient must be at least 1, but got {in_letters({axis: value})}")
    if not math.isfinite(phi):
        raise InputError(f"φ must be a finite number, but got {phi:g}")
    axis = _largest(coefficients)
    if abs(phi) * math.log(coefficients[axis]) > math.log(FURTHEST) + 1e-9:
        limit = f"at most {FURTHEST:g} times" if phi > 0 else f"at least 1/{FURTHEST:g} of it"
        raise InputError(
            f"φ = {phi:g} makes the {axis} {coefficients[axis] ** max(-100, min(phi, 100)):.4g} times the baseline's;"
            f" {limit} is allowed"
        )


def _largest(coefficients: Mapping[str, float]) -> str:
    return max(coefficients, key=lambda axis: coefficients[axis])
