"""Rows that hold the same pixels: on both sides of a split they would let a network be tested on what it has learnt by heart."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray


def first_rows(images: NDArray[Any]) -> NDArray[np.int64]:
    """For each image (n, c, h, w) the first row with exactly its pixels, (n,): its own number where there is none before it."""
    seen: dict[bytes, int] = {}
    rows = np.ascontiguousarray(images).reshape(len(images), -1)
    found = (seen.setdefault(blake2b(row.data, digest_size=16).digest(), number) for number, row in enumerate(rows))
    return np.fromiter(found, np.int64, len(rows))
