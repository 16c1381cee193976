"""A data set in memory, and which of its rows train, validate and test.

Shape letters: n images, c channels, h height, w width.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from .stratify import apportion


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """Images of one data set, once in memory."""

    name: str
    """What stands after `--data`: the name of a known set, or the path as given."""
    images: NDArray[np.uint8]
    """Pixels 0..255, (n, c, h, w), C-contiguous, c 1 or 3, h == w."""
    labels: NDArray[np.int64]
    """Class of each image, (n,): an index into `classes`."""
    classes: tuple[str, ...]
    """Names of the classes; their place is their label."""
    official_test: NDArray[np.bool_]
    """(n,): True for the rows of the set's own test part; all False where it has none."""
    flip: bool
    """Whether a mirrored image is still of its class (not so for digits)."""
    skipped: tuple[str, ...] = ()
    """Files that were left out, each with the reason."""

    def __post_init__(self) -> None:
        shape, dtype = self.images.shape, self.images.dtype
        if dtype != np.uint8 or len(shape) != 4 or shape[1] not in (1, 3) or shape[2] != shape[3] or 0 in shape or not self.images.flags.c_contiguous:
            raise InputError(f"{self.name}: images must be contiguous uint8 of shape (n, 1 or 3, size, size), but they are {dtype} of shape {shape}")
        for field, array, wanted in (("labels", self.labels, np.int64), ("official_test", self.official_test, np.bool_)):
            if array.dtype != wanted or array.shape != shape[:1]:
                raise InputError(f"{self.name}: {field} must be {np.dtype(wanted)} of shape ({shape[0]},), but it is {array.dtype} of shape {array.shape}")
        if len(self.classes) < 2:
            raise InputError(f"{self.name}: at least two classes are needed, but there is {len(self.classes)}: {', '.join(self.classes) or 'none'}")
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or high >= len(self.classes):
            raise InputError(f"{self.name}: labels must lie in 0..{len(self.classes) - 1}, one for each class, but they lie in {low}..{high}")

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for red, green, blue."""
        return self.images.shape[1]

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return self.images.shape[2]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over images, labels, classes and the test part: the same data has the same fingerprint on every machine."""
        digest = hashlib.sha256(json.dumps([self.images.shape, self.classes]).encode())
        digest.update(self.images.data)
        digest.update(_bytes(self.labels, "<i8"))
        digest.update(_bytes(self.official_test, "?"))
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Which rows train, validate and test: stratified by class, seeded, made once."""

    seed: int
    """The seed it was drawn with."""
    train: NDArray[np.int64]
    """Rows to train on, ascending."""
    validation: NDArray[np.int64]
    """Rows the search compares candidates on, ascending."""
    test: NDArray[np.int64]
    """Rows no decision of the search may look at, ascending."""

    def to_dict(self) -> dict[str, object]:
        """For JSON: the seed, the size of each part, and a SHA-256 over the rows of all three."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        counts = {part: len(rows) for part, rows in parts.items()}
        digest = hashlib.sha256(json.dumps(counts).encode())
        for rows in parts.values():
            digest.update(_bytes(rows, "<i8"))
        return {"seed": self.seed, "counts": counts, "sha256": digest.hexdigest()}


def split(data: ImageData, *, seed: int, validation: float = 0.15, test: float = 0.15) -> Split:
    """Deal the rows of `data` into three parts, each class in the same proportions.

    The official test rows, where there are any, are the test part, and `validation` is a share of the other rows; without them
    `validation` and `test` are shares of all rows. Every class is in every part.

    Raises:
        InputError: a share or the seed is out of range, or a class has too few images; nothing has been started.
    """
    official = bool(data.official_test.any())
    shares = (1 - validation, validation) if official else (1 - validation - test, validation, test)
    if not (validation > 0 and test > 0 and shares[0] > 0):
        raise InputError(f"the shares must be above 0 and leave rows to train on, but got (validation={validation}, test={test})")
    if seed < 0:
        raise InputError(f"the seed of a split must be 0 or more, but got {seed}")
    counts = np.bincount(data.labels[~data.official_test], minlength=len(data.classes))
    _check_every_class_suffices(data, counts, parts=len(shares), official=official)

    # random_raw is the one stream that numpy promises never to change; shuffle() and permutation() may differ in its next version.
    keys = np.random.PCG64(seed).random_raw(len(data.labels))
    by_class = np.lexsort((keys, data.labels))
    by_class = by_class[~data.official_test[by_class]]
    table = apportion(counts, shares)
    part = np.full(len(data.labels), 2)
    part[by_class] = np.repeat(np.tile(np.arange(len(shares)), len(counts)), table.ravel())
    train, held_out, tested = (np.flatnonzero(part == number).astype(np.int64) for number in range(3))
    return Split(seed=seed, train=train, validation=held_out, test=tested)


def _check_every_class_suffices(data: ImageData, counts: NDArray[np.int64], *, parts: int, official: bool) -> None:
    """Raise where some class cannot be in every part."""
    short = np.flatnonzero(counts < parts)
    if len(short):
        others = f" ({len(short) - 1} more classes have too few)" if len(short) > 1 else ""
        uses = "to train and validate, besides the official test part" if official else "to train, validate and test"
        raise InputError(
            f"{data.name}: every class needs at least {parts} images, one each {uses}, but class {data.classes[short[0]]!r} has {counts[short[0]]}{others}"
        )
    if official:
        tested = np.bincount(data.labels[data.official_test], minlength=len(data.classes))
        if not tested.all():
            raise InputError(f"{data.name}: the official test part must show every class, but it has no image of class {data.classes[int(tested.argmin())]!r}")


def _bytes(array: NDArray[np.generic], dtype: str) -> memoryview:
    """What is hashed of an array: the same bytes on every machine."""
    return np.ascontiguousarray(array, dtype=dtype).data
