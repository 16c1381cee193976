"""Leaves out the classes that have too few images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...blocks.errors import InputError
from ...studies.tasks.task import MULTI_LABEL
from .images import ImageData
from .mapped import moved_up
from .names import listed, shown
from .strata import label_strata


def without_small_classes(data: ImageData, fewest: int, *, in_place: bool = False) -> ImageData:
    """The data without the classes or labels that have fewer than `fewest` images to train on, in
    all its parts. `in_place` moves the images within their array, and `data` must not be used
    further.

    Copies of an image count, since whether two images are the same may depend on the size at which
    they are read.

    Raises:
        InputError: fewer than two classes would be left.
    """
    training = ~(data.official_test | data.official_validation)
    if data.task == MULTI_LABEL:
        counts = data.targets[training].sum(axis=0).astype(np.int64)
    else:
        counts = np.bincount(data.labels[training], minlength=len(data.classes))
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
    dropped = tuple((data.classes[number], int(counts[number])) for number in small)
    if data.task == MULTI_LABEL:  # the images stay: they have other labels, or none
        targets = np.ascontiguousarray(data.targets[:, kept])
        classes = tuple(data.classes[number] for number in kept)
        found = replace(data, targets=targets, labels=label_strata(targets), classes=classes, dropped=dropped)
        found.__dict__.update({name: data.__dict__[name] for name in ("first",) if name in data.__dict__})
        return found
    places = np.full(len(counts), -1, np.int64)
    places[kept] = np.arange(len(kept))
    rows = np.flatnonzero(places[data.labels] >= 0)
    return data.only(
        rows,
        **({"images": moved_up(data.images, rows)} if in_place else {}),
        labels=places[data.labels[rows]],
        classes=tuple(data.classes[number] for number in kept),
        dropped=dropped,
    )
