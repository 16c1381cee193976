"""The best of n draws from a sample, exactly: how good random search is after n evaluations, from
more of them.

Source: Dodge et al., Show Your Work, EMNLP 2019, arXiv:1909.03004; drawn without replacement, as in
Tang et al., Showing Your Work Doesn't Always Work, ACL 2020, arXiv:2004.13705: with replacement the
estimate is too low. What was stopped before it had an accuracy is -inf: it is a draw, and never the
best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError


def weights(size: int, n: int) -> NDArray[np.float64]:
    """For each of `size` values, rising, the probability of being the best of `n` drawn without
    replacement: C(i - 1, n - 1) / C(size, n).

    Raises: InputError unless 1 <= n <= size.
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
    """Mean of the best of `n` of these values drawn without replacement; where some are -inf, of
    the draws that hold a finite one."""
    ordered = np.sort(np.asarray(values, dtype=float))
    weight = weights(len(ordered), n)
    finite = np.isfinite(ordered)
    mass = float(weight[finite].sum())
    return float((weight[finite] * ordered[finite]).sum() / mass) if mass > 0 else -np.inf


def best_quantile(values: Sequence[float], n: int, level: float) -> float:
    """The smallest value that the best of `n` drawn without replacement does not exceed with
    probability `level`."""
    ordered = np.sort(np.asarray(values, dtype=float))
    below = np.cumsum(weights(len(ordered), n))
    return float(ordered[min(int(np.searchsorted(below, level - 1e-12)), len(ordered) - 1)])


def chance_of_better(better: int, guided: int, random: int) -> float:
    """Probability that at least `better` of `guided` draws exceed all of `random` others, if all
    come from one distribution: C(N - k, n) / C(N, n).

    It needs no assumption about that distribution (a precedence test; Epstein, Technometrics 2,
    1960).
    """
    from scipy.special import gammaln

    total = guided + random
    if better > guided:
        return 0.0
    logs = gammaln(total - better + 1) - gammaln(guided - better + 1) - (gammaln(total + 1) - gammaln(guided + 1))
    return float(min(1.0, np.exp(logs)))
