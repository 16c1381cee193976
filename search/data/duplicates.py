"""Finds rows with the same pixels: if one trained and another tested, the accuracy would count
memorised images."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .mapped import blocks


def first_rows(images: NDArray[Any]) -> NDArray[np.int64]:
    """For each image (n, c, h, w) the number of the first row with exactly its pixels, (n,)."""
    seen: dict[bytes, int] = {}
    rows = np.ascontiguousarray(images).reshape(len(images), -1)
    every = (row for block in blocks(rows) for row in block)
    found = (seen.setdefault(blake2b(row.data, digest_size=16).digest(), number) for number, row in enumerate(every))
    return np.fromiter(found, np.int64, len(rows))


def leaders(first: NDArray[np.int64], labels: NDArray[np.int64], free: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each row the row that represents all rows with its pixels, (n,): the first one, unless
    their classes differ.

    Then it is the first row of that class which has the fewest rows that stand for others so far: a
    class whose every image is also in a larger class would have nothing to be dealt otherwise.

    Args:
        first: as `first_rows` gives it.
        labels: class of each row.
        free: rows to count and to choose for; others keep their first.
    """
    lead = first.copy()
    differing = np.unique(first[free & (labels != labels[first])])
    if not len(differing):
        return lead
    among = np.isin(first, differing)
    counts = np.bincount(labels[free & ~among & (first == np.arange(len(first)))], minlength=int(labels.max()) + 1)
    rows = np.flatnonzero(among)
    rows = rows[np.argsort(first[rows], kind="stable")]
    for group in np.split(rows, np.flatnonzero(np.diff(first[rows])) + 1):
        chosen = group[np.argmin(counts[labels[group]])]
        counts[labels[chosen]] += 1
        lead[group] = chosen
    return lead
