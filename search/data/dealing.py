"""Splits the rows of a data set into a part that trains, one that validates and one that tests.

Rows with the same pixels are dealt as one, so that no part holds a copy of what another holds.
Shape letters: n images.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from ...studies.tasks.task import CLASSIFICATION, NOUNS, REGRESSION
from .duplicates import leaders
from .groups import deal_groups, joined
from .images import ImageData, hashable
from .names import number_of, shown
from .stratify import apportion

TRAIN, VALIDATION, TEST, UNUSED = range(4)
LEAST, MOST = 0.15, 1 / 3
"""The smallest and the largest share of the images that validates by default; studies of earlier
versions have the smallest."""
TOLD_APART, TYPICAL_ACCURACY = 0.02, 0.9
"""Difference of two accuracies that is told apart by default, and the accuracy for which the number
of validation images is computed."""

MANY = 20
"""Above this number of classes named by numbers an error asks whether they are numbers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """The rows that train, validate and test: stratified by class, or by combinations of labels or
    tenths of numbers, drawn once with a seed."""

    seed: int
    """The seed it was drawn with."""
    train: NDArray[np.int64]
    """Rows to train on, ascending."""
    validation: NDArray[np.int64]
    """Rows the search compares candidates on, ascending."""
    test: NDArray[np.int64]
    """Rows that no decision of the search may use, ascending."""
    duplicates: int = 0
    """Rows with the pixels of an earlier row."""
    conflicting: int = 0
    """Duplicates whose class differs from that of the first row with their pixels."""
    unused: int = 0
    """Rows in no part: copies of official rows of another part."""
    share: float = LEAST
    """Share of the rows that were dealt which validates; `LEAST` where the data have a validation
    part of their own."""

    def to_dict(self) -> dict[str, object]:
        """For JSON: the seed, the size of each part, a SHA-256 over the rows of all three, the
        number of duplicates if there are any, and the share that validates if it is not `LEAST`,
        which splits of earlier versions do not name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        counts = {part: len(rows) for part, rows in parts.items()}
        digest = hashlib.sha256(json.dumps(counts).encode())
        for rows in parts.values():
            digest.update(hashable(rows, "<i8"))
        duplicates = {"duplicates": self.duplicates} if self.duplicates else {}
        share = {} if self.share == LEAST else {"share": self.share}
        return {"seed": self.seed, "counts": counts, "sha256": digest.hexdigest(), **duplicates, **share}


def validation_share(images: int) -> float:
    """The share of `images` images that validates by default: enough to tell candidates apart.

    The accuracies of two networks with the true accuracy p, measured on n images, differ by chance
    with the standard deviation s = √(2p(1 - p) / n), if their mistakes are independent; on the same
    images some mistakes are common, and s is smaller. A difference d is twice s from n = 8p(1 -
    p) / d² images on: 1,800 for d = `TOLD_APART` = 2 points at p = `TYPICAL_ACCURACY` = 90 %. That
    number validates, but at least `LEAST` of the images, and at most `MOST`, since what validates
    does not train: with the test part, half of a small set still trains.

    >>> [validation_share(images) for images in (1_797, 9_000, 12_000, 60_000)]
    [0.3333, 0.2, 0.15, 0.15]
    """
    wanted = 8 * TYPICAL_ACCURACY * (1 - TYPICAL_ACCURACY) / TOLD_APART**2
    return round(min(MOST, max(LEAST, wanted / max(images, 1))), 4)


def kept_share(kept: Mapping[str, Any]) -> float:
    """The share that validates in a split, from what `Split.to_dict` wrote, in earlier versions
    too."""
    return float(kept.get("share", LEAST))


def split(
    data: ImageData, *, seed: int, validation: float | None = None, test: float = 0.15, grouped: bool = True
) -> Split:
    """Deal the rows of `data` into three parts, each class in the same proportions.

    Official validation and test rows, where there are any, are those parts; what is missing is
    dealt from the other rows, of which `validation` and `test` are shares. Every class is in every
    part that is dealt. Of rows with the same pixels one is dealt (the first, or of several classes
    one of the rarest) and the others go with it; copies of official rows of another part are in no
    part. Official parts stay whole. Groups of images, where there are any, are dealt whole in the
    same way; images of a group that an official part holds too are in no other part. Where there
    are no groups and no two rows are the same, this is for the same shares the split of all earlier
    versions.

    Args:
        data: the images.
        seed: of the order in which rows are dealt.
        validation: share that validates; None takes `validation_share` of the rows to be dealt.
        test: share that tests.
        grouped: False deals copies one by one, as earlier versions did, and counts none.

    Raises:
        InputError: a share or the seed is out of range, or a class has too few images; nothing has
            been started.
    """
    official = np.where(data.official_test, TEST, np.where(data.official_validation, VALIDATION, TRAIN))
    dealt = [
        part for part, flags in ((VALIDATION, data.official_validation), (TEST, data.official_test)) if not flags.any()
    ]
    if seed < 0:
        raise InputError(f"the seed of a split must be 0 or more, but got {seed}")
    count = len(data.labels)
    first = data.first if grouped else np.arange(count)
    copied = first != np.arange(count)
    together = joined(first, data.groups) if len(data.groups) else first
    free = _usable(together, official)
    lead = leaders(first, data.labels, free)
    leads = free & (lead == np.arange(count))
    counts = np.bincount(data.labels[leads], minlength=data.strata)
    share = validation_share(int(counts.sum())) if validation is None else validation
    shares = [{VALIDATION: share, TEST: test}[part] for part in dealt]
    if not (share > 0 and test > 0 and _shares(shares)[0] > 0):
        raise InputError(
            f"the shares must be above 0 and leave rows to train on, but got (validation={share}, test={test})"
        )
    _check_every_class_suffices(data, counts if data.task == CLASSIFICATION else _answered(data, leads), dealt)

    # random_raw is the one stream that numpy promises never to change; shuffle() and permutation()
    # may differ in its next version.
    keys = np.random.PCG64(seed).random_raw(count)
    part = np.where(official == TRAIN, UNUSED, official)
    if len(data.groups):
        part[free] = np.array([TRAIN, *dealt])[deal_groups(data, together, free, _shares(shares), keys)]
    else:
        by_class = np.lexsort((keys, data.labels))
        by_class = by_class[leads[by_class]]
        table = apportion(counts, _shares(shares))
        part[by_class] = np.repeat(np.tile([TRAIN, *dealt], len(counts)), table.ravel())
        part[free] = part[lead[free]]
    train, held_out, tested = (np.flatnonzero(part == number).astype(np.int64) for number in (TRAIN, VALIDATION, TEST))
    return Split(
        seed=seed,
        train=train,
        validation=held_out,
        test=tested,
        duplicates=int(copied.sum()),
        conflicting=int(data.differ(np.arange(count), first)[copied].sum()),
        unused=int((part == UNUSED).sum()),
        share=share if VALIDATION in dealt else LEAST,
    )


def _answered(data: ImageData, rows: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The number of `rows`, flags, that have each label or number, (k,)."""
    if data.task == REGRESSION:
        return np.full(len(data.classes), rows.sum(), np.int64)
    return data.targets[rows].sum(axis=0).astype(np.int64)


def _usable(first: NDArray[np.int64], official: NDArray[Any]) -> NDArray[np.bool_]:
    """The rows that may be dealt, (n,): those of no official part (`official` 0) of which no
    official row is a copy."""
    taken = np.zeros(len(first), np.bool_)
    taken[first[official != TRAIN]] = True
    return ~taken[first]


def _shares(shares: list[float]) -> tuple[float, ...]:
    """The share that trains, followed by the others. The order of subtractions is fixed, since
    another rounding could put a row into another part."""
    train = 1.0
    for share in shares:
        train -= share
    return (train, *shares)


def _check_every_class_suffices(data: ImageData, counts: NDArray[np.int64], dealt: list[int]) -> None:
    """Raise InputError if a class has too few images for every part that is dealt."""
    needed = 1 + len(dealt)
    short = np.flatnonzero(counts < needed)
    if not len(short):
        return
    noun, nouns = NOUNS[data.task]
    others = f" ({len(short) - 1} more {nouns} have too few)" if len(short) > 1 else ""
    name, count = shown(data.classes[short[0]]), int(counts[short[0]])
    training = ~(data.official_test | data.official_validation)
    files = (
        np.bincount(data.labels[training], minlength=len(data.classes))
        if data.task == CLASSIFICATION
        else _answered(data, training)
    )
    copies = f" ({files[short[0]]} with copies of the same pictures)" if files[short[0]] > count else ""
    dropping = (
        f", or give --drop-small-classes {max(needed, int(files[short].max()) + 1)}" if data.task != REGRESSION else ""
    )
    numbers = "; numbers to be predicted need --task regression" if _are_numbers(data.classes) else ""
    raise InputError(
        f"{data.name}: every {noun} needs at least {needed} image{'s' if needed > 1 else ''}, {_uses(dealt)}, but"
        f" {noun} {name!r} has {count}{copies}{others}; add images{dropping}{numbers}"
    )


def _are_numbers(names: tuple[str, ...]) -> bool:
    """Whether the names are numbers, and more than `MANY`: they may be values, and no classes."""
    try:
        return len(names) > MANY and all(math.isfinite(number_of(name)) for name in names)
    except ValueError:
        return False


def _uses(dealt: list[int]) -> str:
    """The use of the images of a class, for the error message."""
    return {
        (VALIDATION, TEST): "one each to train, validate and test",
        (VALIDATION,): "one each to train and validate, besides the official test part",
        (TEST,): "one each to train and test, besides the official validation part",
        (): "to train on, besides the official validation and test parts",
    }[tuple(dealt)]
