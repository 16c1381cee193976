"""One number that stands for a network's accuracy where none is trained, and the mean of ranks for
many networks.

Ranks are known only among many, so that what takes the accuracy's place for a network by itself is
one score. By default that is naswot: of the papers' scores it ranks NAS-Bench-Macro's networks
best, within a budget slice too, where cost says little (benchmarks/results/zero-cost.md). On that
table the mean rank of naswot and grad_norm is better still; to choose a pair by one table would be
to fit it.
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
"""Images of the batch from which scores are computed."""


def zero_cost_value(scores: Mapping[str, float], name: str = DEFAULT) -> float:
    """What takes the accuracy's place when candidates are judged without training: the score
    `name`, larger is better. It is no share of anything.

    Raises:
        InputError: no score is called that, it is not among `scores`, or it is no finite number.

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
    """The mean over `names` of each network's rank among `rows`, scaled from 0 (last by every
    score) to 1; equal values share a rank.

    Raises:
        InputError: no names, an unknown one, or a row that lacks one.

    >>> rank_average([{"zen": 1.0, "naswot": 5.0}, {"zen": 2.0, "naswot": 4.0}, {"zen": 3.0, "naswot": 6.0}], ["zen", "naswot"]).tolist()
    [0.25, 0.25, 1.0]
    """
    from scipy.stats import rankdata  # SciPy's statistics take long to import

    if not names:
        raise InputError("ranks need at least one score, but got none")
    if not rows:
        return np.zeros(0)
    values = np.array([[zero_cost_value(row, name) for name in names] for row in rows])
    return (rankdata(values, axis=0) - 1).mean(1) / max(1, len(rows) - 1)
