"""Computes how many rows of each class go to each part of a split.

Rounding every class for itself adds up: a hundred classes of ten rows at 15 % would give 2 each,
which is 20 %. So what rounding takes from a part in one class is owed to it in the next ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def apportion(counts: ArrayLike, shares: Sequence[float]) -> NDArray[np.int64]:
    """Rows for each class and part, (classes, parts): each row of the table sums to the count of
    its class.

    Every number lies within one of count x share, and the columns' sums stay near theirs, unless a
    part would get nothing: each gets one row at least, taken from the largest, unless the class has
    fewer rows than there are parts. `shares` sum to 1.
    """
    counts = np.asarray(counts, dtype=np.int64)
    table = np.zeros((len(counts), len(shares)), dtype=np.int64)
    owed = np.zeros(len(shares))
    for rows, count in zip(table, counts, strict=True):
        ideal = count * np.asarray(shares)
        rows += np.floor(ideal + 1e-9).astype(np.int64)  # 0.15 * 20 may fall a hair short of 3
        owed += ideal - rows
        due = np.argsort(-owed, kind="stable")[: count - rows.sum()]
        rows[due] += 1
        owed[due] -= 1
        while rows.min() < 1 and count >= len(shares):
            giver, taker = rows.argmax(), rows.argmin()
            rows[giver] -= 1
            rows[taker] += 1
            owed[giver] += 1
            owed[taker] -= 1
    return table
