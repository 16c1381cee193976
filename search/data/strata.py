"""Sorts images without classes into strata, by which splits and shorter epochs are drawn.

Shape letters: n images, k labels, t targets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MOST = 256
"""Number of combinations of labels up to which each is a stratum."""
FEWEST = 4
"""Images that a combination needs for it: of fewer, three parts have no shares."""
BINS = 10
"""Number of bins of numbers, over all targets together."""


def label_strata(labels_nk: NDArray[np.float64]) -> NDArray[np.int64]:
    """The stratum of each image, (n,), from 0: its combination of labels; of rare combinations, and
    above `MOST` of all, its rarest label, so that a label of few images is in every part.

    Strata with a rare label in common are neighbours, so that what rounding takes from a part in
    one of them is given back in the next ones.
    """
    rarest_first = np.argsort(labels_nk.sum(axis=0), kind="stable")
    ranked_nk = labels_nk[:, rarest_first] > 0.5
    combinations, place, count = np.unique(ranked_nk, axis=0, return_inverse=True, return_counts=True)
    place = place.reshape(-1)
    rarest = np.where(ranked_nk.any(axis=1), ranked_nk.argmax(axis=1), ranked_nk.shape[1])
    alone = (count[place] >= FEWEST) & (len(combinations) <= MOST)
    _, stratum = np.unique(np.stack([rarest, np.where(alone, place, -1)]), axis=1, return_inverse=True)
    return stratum.reshape(-1).astype(np.int64)


def number_strata(targets_nt: NDArray[np.float64]) -> NDArray[np.int64]:
    """The stratum of each image, (n,), from 0: the quantiles that its numbers lie in, tenths of one
    target and fewer of several."""
    count, targets = targets_nt.shape
    bins = max(2, round(BINS ** (1 / targets)))
    places = np.argsort(np.argsort(targets_nt, axis=0, kind="stable"), axis=0, kind="stable")
    _, stratum = np.unique(places * bins // count, axis=0, return_inverse=True)
    return stratum.reshape(-1).astype(np.int64)
