"""Groups of images that belong together, such as photographs of one object: no group is split.

Shape letters: n images, g groups, k classes, p parts.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from ...studies.tasks.task import CLASSIFICATION, MULTI_LABEL
from .images import ImageData
from .names import shown

BY_FOLDER = "folder"
"""The value of `--group` that takes the folders within a class folder as groups."""


def numbered(names: Sequence[str | None]) -> NDArray[np.int64]:
    """A number for each image, equal for those with the same name of a group, (n,); an image
    without a name is a group of its own."""
    seen: dict[object, int] = {}
    return np.array(
        [seen.setdefault((place,) if name is None else name, len(seen)) for place, name in enumerate(names)], np.int64
    )


def joined(first: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each image the number of the first row that it must stay together with, (n,): rows of a
    group, rows with the same pixels (`first`, as `first_rows` gives it), and chains of both."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(first)
    rows = np.arange(count)
    leader = np.full(int(groups.max(initial=0)) + 1, count)
    np.minimum.at(leader, groups, rows)
    ends = np.concatenate([first, leader[groups]])
    links = coo_array((np.ones(2 * count, np.bool_), (np.concatenate([rows, rows]), ends)), shape=(count, count))
    _, component = connected_components(links, directed=False)
    _, start, back = np.unique(component, return_index=True, return_inverse=True)
    return start[back].astype(np.int64)


def deal_groups(
    data: ImageData,
    together: NDArray[np.int64],
    free: NDArray[np.bool_],
    shares: Sequence[float],
    keys: NDArray[np.uint64],
) -> NDArray[np.int64]:
    """The part of each free row, a place in `shares`: rows that stay together (`together`, as
    `joined` gives it) are in one part, and every class is in every part. `keys` are random numbers,
    (n,).

    Raises:
        InputError: a class is in fewer groups than there are parts, or its groups, which hold other
            classes too, cannot be shared so.
    """
    leads, group = np.unique(together[free], return_inverse=True)
    if data.task == MULTI_LABEL:  # a last column counts the images without a label
        labels_nk = data.targets[free].astype(np.int64)
        counts = np.zeros((len(leads), labels_nk.shape[1] + 1), np.int64)
        np.add.at(counts, group, np.hstack([labels_nk, labels_nk.sum(axis=1, keepdims=True) == 0]))
    else:
        counts = np.zeros((len(leads), data.strata), np.int64)
        np.add.at(counts, (group, data.labels[free]), 1)
    part = deal(counts, shares, keys[leads])
    held = np.array([(counts[part == number] > 0).any(axis=0) for number in range(len(shares))])
    if not held.all() and data.task == CLASSIFICATION:
        short = int(np.argmin(held.all(axis=0)))
        raise InputError(
            f"{data.name}: every class needs at least {len(shares)} groups of images, one for each part of the split,"
            f" but class {shown(data.classes[short])!r} has {int((counts[:, short] > 0).sum())} with"
            f" {int(counts[:, short].sum())} images; add images, or give other groups"
        )
    return part[group]


def deal(counts: NDArray[np.int64], shares: Sequence[float], keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The part of each group, (g,), so that each part gets its share of every class, as nearly as
    whole groups allow.

    Large groups are dealt first, those of one size in the order of `keys`. Each goes to the part
    that lacks most of the group's classes, or to one that would otherwise get none of a class of
    which few groups are left. scikit-learn's StratifiedGroupKFold does the same for equal folds;
    its choices may change with its version, and a study must find its split again.

    Args:
        counts: images of each group and class, (g, k).
        shares: the share of each part, (p,); they sum to 1.
        keys: random numbers, (g,).
    """
    parts = np.full(len(counts), -1, np.int64)
    total = np.maximum(1, counts.sum(axis=0))
    lacking = np.asarray(shares)[:, None] * np.ones(counts.shape[1])  # share of each class that a part still lacks
    has = np.zeros(lacking.shape, np.bool_)
    left = (counts > 0).sum(axis=0)
    for group in np.lexsort((keys, -counts.sum(axis=1))).tolist():
        classes = np.flatnonzero(counts[group])
        share = counts[group, classes] / total[classes]
        missing = ~has[:, classes]
        urgent = (missing & (left[classes] <= missing.sum(axis=0))).sum(axis=1)
        best = np.flatnonzero(urgent == urgent.max())
        part = best[np.argmax(lacking[best][:, classes] @ share)]
        parts[group] = part
        lacking[part, classes] -= share
        has[part, classes] = True
        left[classes] -= 1
    return parts
