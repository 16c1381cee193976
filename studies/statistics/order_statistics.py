"""Computes the distribution of the best of n draws from a sample, by order statistics.

It gives the expected result of random search after n evaluations from a larger number of them.
Source: Dodge et al., Show Your Work, EMNLP 2019, arXiv:1909.03004; drawn without replacement as in
Tang et al., Showing Your Work Doesn't Always Work, ACL 2020, arXiv:2004.13705, since the estimate
with replacement is too low. An evaluation that was stopped before it had an accuracy is -inf: it
counts as a draw and is never the best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError


def weights(size: int, n: int) -> NDArray[np.float64]:
    """The probability that each of `size` rising values is the best of `n` draws.

    Draws are without replacement: C(i - 1, n - 1) / C(size, n) for the i-th smallest value.

    Raises:
        InputError: n is not in 1..size.
    """
    if not 1 <= n <= size:
        raise InputError(f"1 <= n <= {size} must hold for the best of n among {size} values, but got {n}")
    from scipy.special import gammaln

    i = np.arange(1, size + 1)
    below = i - n  # C(i - 1, n - 1) is 0 where this is negative
    kept = np.maximum(below, 0)
    logs = (
        gammaln(kept + n)
        - gammaln(n)
        - gammaln(kept + 1)
        - (gammaln(size + 1) - gammaln(n + 1) - gammaln(size - n + 1))
    )
    return np.where(below >= 0, np.exp(logs), 0.0)


def expected_best(values: Sequence[float], n: int) -> float:
    """The mean of the best of `n` of these values drawn without replacement.

    If some values are -inf, the mean is over the draws that contain a finite value; -inf if none
    does.
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    return _mean(ordered, weights(len(ordered), n))


def _mean(ordered: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    finite = np.isfinite(ordered)
    mass = float(weight[finite].sum())
    return float((weight[finite] * ordered[finite]).sum() / mass) if mass > 0 else -np.inf


def best_of(ordered: NDArray[np.float64], n: int, levels: Sequence[float]) -> tuple[float, list[float]]:
    """`expected_best` of `n`, and `best_quantile` at each of `levels`, of values that rise: they
    are sorted once for many n."""
    weight = weights(len(ordered), n)
    return _mean(ordered, weight), [_quantile(ordered, weight, level) for level in levels]


def best_quantile(values: Sequence[float], n: int, level: float) -> float:
    """The quantile `level` of the best of `n` of these values drawn without replacement."""
    ordered = np.sort(np.asarray(values, dtype=float))
    return _quantile(ordered, weights(len(ordered), n), level)


def _quantile(ordered: NDArray[np.float64], weight: NDArray[np.float64], level: float) -> float:
    below = np.cumsum(weight)
    return float(ordered[min(int(np.searchsorted(below, level - 1e-12)), len(ordered) - 1)])


def chance_of_better(better: int, guided: int, random: int) -> float:
    """The p-value of a precedence test: that guided networks are no better than random ones.

    It is the probability that at least k = `better` of n = `guided` draws exceed all of `random`
    others if all N come from the same distribution, C(N - k, n) / C(N, n), whatever that
    distribution is (Epstein, Technometrics 2, 1960).
    """
    from scipy.special import gammaln

    total = guided + random
    if better > guided:
        return 0.0
    logs = gammaln(total - better + 1) - gammaln(guided - better + 1) - (gammaln(total + 1) - gammaln(guided + 1))
    return float(min(1.0, np.exp(logs)))
