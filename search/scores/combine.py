"""Reduces several scores to one number: a single score for one network, mean ranks for many.

Ranks exist only among several networks, so a single network is evaluated by one score. The default
is naswot, which ranks the networks of NAS-Bench-Macro best among the papers' scores, also among
networks of similar cost (benchmarks/results/zero-cost.md). On this table the mean rank of naswot
and grad_norm is better still, but choosing a pair by one table would overfit to it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from .registry import score

DEFAULT = "naswot"
BATCH = 16
"""Number of images from which scores are computed."""


def zero_cost_value(scores: Mapping[str, float], name: str = DEFAULT) -> float:
    """The number that replaces the accuracy in a search without training: the score `name`. Larger
    is better; unlike an accuracy it is not limited to [0, 1].

    Raises:
        InputError: unknown score, missing from `scores`, or not finite.

    >>> zero_cost_value({"naswot": 81.5, "log_macs": 17.0})
    81.5
    """
    wanted = score(name).name
    if wanted not in scores:
        raise InputError(f"the score {wanted} must have been computed, but got {', '.join(scores) or 'none'}")
    if not math.isfinite(scores[wanted]):
        raise InputError(f"a score must be a finite number, but {wanted} is {scores[wanted]}")
    return float(scores[wanted])


def rank_average(rows: Sequence[Mapping[str, float]], names: Sequence[str]) -> NDArray[np.float64]:
    """Mean rank of each network over the scores `names`, from 0 (last by every score) to 1 (first
    by every score). Equal values share their mean rank.

    Raises:
        InputError: no names, an unknown name, or a row without one of the scores.

    >>> rows = [{"zen": 1.0, "naswot": 5.0}, {"zen": 2.0, "naswot": 4.0}, {"zen": 3, "naswot": 6}]
    >>> rank_average(rows, ["zen", "naswot"]).tolist()
    [0.25, 0.25, 1.0]
    """
    from scipy.stats import rankdata  # SciPy's statistics take long to import

    if not names:
        raise InputError("ranks need at least one score, but got none")
    if not rows:
        return np.zeros(0)
    values = np.array([[zero_cost_value(row, name) for name in names] for row in rows])
    return (rankdata(values, axis=0) - 1).mean(1) / max(1, len(rows) - 1)
