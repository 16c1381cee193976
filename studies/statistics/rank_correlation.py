"""Rank correlations of two samples with approximate confidence intervals.

Intervals use Fisher's z transform, with the variance of Bonett & Wright, Psychometrika 65 (2000),
for Spearman's rho and of Fieller et al., Biometrika 44 (1957), for Kendall's tau.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .intervals import LEVEL, Interval

MIN_PAIRS = 5
"""Pairs needed for a correlation and its interval."""


@dataclass(frozen=True, kw_only=True)
class RankCorrelation:
    """A rank correlation and its 95 % confidence interval."""

    value: float
    """The correlation, from -1 to 1."""
    interval: Interval
    """The 95 % confidence interval."""


def spearman_and_kendall(
    first: Sequence[float], second: Sequence[float]
) -> tuple[RankCorrelation, RankCorrelation] | None:
    """Spearman's rho and Kendall's tau-b, which corrects for ties, of paired values.

    None with fewer than `MIN_PAIRS` pairs, or where all values of one side are equal.
    """
    n = len(first)
    if n < MIN_PAIRS or len(set(first)) < 2 or len(set(second)) < 2:
        return None
    from scipy.stats import kendalltau, spearmanr

    rho = float(spearmanr(first, second).statistic)  # pyright: ignore[reportAttributeAccessIssue]
    tau = float(kendalltau(first, second).statistic)  # pyright: ignore[reportAttributeAccessIssue]
    # Fisher's z is infinite at ±1: such values are moved inward by half the effect of one swap of
    # neighbouring ranks.
    largest_rho, largest_tau = 1 - 6 / (n * (n * n - 1)), 1 - 2 / (n * (n - 1))
    return (
        RankCorrelation(value=rho, interval=_fisher(rho, largest_rho, math.sqrt((1 + rho * rho / 2) / (n - 3)))),
        RankCorrelation(value=tau, interval=_fisher(tau, largest_tau, math.sqrt(0.437 / (n - 4)))),
    )


def _fisher(value: float, largest: float, error: float) -> Interval:
    """The interval of `value`, bounded to ±`largest`, whose z has the standard error `error`."""
    from scipy.special import ndtri

    z = math.atanh(max(-largest, min(largest, value)))
    half = float(ndtri((1 + LEVEL) / 2)) * error
    return Interval(min(value, math.tanh(z - half)), max(value, math.tanh(z + half)))
