"""Width multipliers: a network whose width alone is scaled, as the MobileNets are published.

Sources: Howard et al., MobileNets, arXiv:1704.04861, section 3.3 (every layer has α times its
channels); Sandler et al., MobileNetV2, CVPR 2018, arXiv:1801.04381, section 6.1 (a multiplier below
1 leaves out the last convolution). MobileNetV3 (arXiv:1905.02244) and MnasNet (arXiv:1807.11626)
are released with 1280 channels before the classifier at every multiplier.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...blocks import InputError
from ..budget import Budget
from ..candidates.candidate import Candidate
from .baseline import Baseline
from .family import Member, described
from .largest import Steps
from .single_axis import FURTHEST, ideals

FINEST = 1_000
"""`width_for` returns multiples of 1 / FINEST."""
HEADS: Mapping[str, Callable[[float], float]] = {
    "mobilenetv2": lambda width: max(1.0, width),
    "mobilenetv3": lambda width: 1.0,
    "mnasnet": lambda width: 1.0,
}
"""Skeleton → width of the last convolution at a width coefficient, as multiples of those at 1. In
all other networks the last convolution is scaled like the others."""


def widened(baseline: Baseline, multiplier: float) -> Candidate:
    """Return the baseline with `multiplier` times its width.

    Raises:
        InputError: the baseline has no width for the whole network, or the multiplier is not within
            1 / FURTHEST and FURTHEST.
        InvalidBlock: no network can be built at that width.
    """
    baseline.require_axes(["width"])
    if not 1 / FURTHEST <= multiplier <= FURTHEST:
        raise InputError(f"a width multiplier must lie between 1/{FURTHEST:g} and {FURTHEST:g}, but got {multiplier:g}")
    head = HEADS.get(baseline.at_one.skeleton.name)
    if head is None or multiplier == 1 or "head_width" not in baseline.own:
        return baseline.candidate({"width": multiplier})
    own, width = baseline.own["width"], baseline.value("width", multiplier)
    channels = baseline.own["head_width"] * own * head(width) / head(own)
    changed: dict[str, Any] = {"width": width, "head_width": max(1, round(channels / width))}
    return baseline.with_settings(changed)


def by_width(baseline: Baseline, multipliers: Sequence[float]) -> list[Member]:
    """Return the baseline at every width multiplier, in the order given.

    Raises:
        InputError: as `widened`, or there are no multipliers.
    """
    if not multipliers:
        raise InputError("a family needs at least one width multiplier")
    exponents = ideals(baseline, ["width"])
    return [
        described(baseline, widened(baseline, multiplier), {"width": multiplier}, None, exponents)
        for multiplier in multipliers
    ]


def width_for(baseline: Baseline, budget: Budget) -> float:
    """Return the largest width multiplier, in steps of 0.001, whose network is within `budget`.

    Raises:
        InputError: as `width_steps` and `Steps.within`.
    """
    steps = width_steps(baseline)
    return steps.value(steps.within(budget))


def width_steps(baseline: Baseline) -> Steps:
    """Return the networks of all width multipliers in steps of 1 / FINEST; step 0 is the baseline.

    Raises:
        InputError: the baseline has no width for the whole network, or cannot be built.
    """
    baseline.require_axes(["width"])
    _ = baseline.network  # raises the error if the baseline itself cannot be built
    return Steps(
        name=baseline.name,
        symbol="width",
        scale=FINEST,
        zero=FINEST,
        build=lambda step: widened(baseline, (FINEST + step) / FINEST),
        least=-(-FINEST // int(FURTHEST)) - FINEST,
        most=FINEST * (int(FURTHEST) - 1),
        beyond=f"more than {FURTHEST:g} times the width",
    )
