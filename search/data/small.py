"""Leaves out the classes that have too few images."""

from __future__ import annotations

import numpy as np

from ...blocks.errors import InputError
from .images import ImageData
from .mapped import moved_up
from .names import listed, shown


def without_small_classes(data: ImageData, fewest: int, *, in_place: bool = False) -> ImageData:
    """The data without the classes that have fewer than `fewest` images to train on, in all its
    parts. `in_place` moves the images within their array, and `data` must not be used further.

    Copies of an image count, since whether two images are the same may depend on the size at which
    they are read.

    Raises:
        InputError: fewer than two classes would be left.
    """
    counts = np.bincount(data.labels[~(data.official_test | data.official_validation)], minlength=len(data.classes))
    kept, small = np.flatnonzero(counts >= fewest), np.flatnonzero(counts < fewest)
    if not len(small):
        return data
    if len(kept) < 2:
        largest = listed(
            [f"{shown(data.classes[n])} with {counts[n]}" for n in np.argsort(-counts, kind="stable")], 80, most=3
        )
        raise InputError(
            f"{data.name}: --drop-small-classes {fewest} must leave at least two classes, but leaves {len(kept)}; the"
            f" largest are {largest}"
        )
    places = np.full(len(counts), -1, np.int64)
    places[kept] = np.arange(len(kept))
    rows = np.flatnonzero(places[data.labels] >= 0)
    return data.only(
        rows,
        **({"images": moved_up(data.images, rows)} if in_place else {}),
        labels=places[data.labels[rows]],
        classes=tuple(data.classes[number] for number in kept),
        dropped=tuple((data.classes[number], int(counts[number])) for number in small),
    )
