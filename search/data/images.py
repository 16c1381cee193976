"""A data set: its images, in memory or in a memory-mapped file of the cache, with labels and parts.

Shape letters: n images, c channels, h height, w width.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from ...studies.tasks.task import CLASSIFICATION, REGRESSION
from .mapped import blocks

NO_ROWS = np.zeros(0, np.bool_)
NO_GROUPS = np.zeros(0, np.int64)
NO_TARGETS = np.zeros((0, 0), np.float64)


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """Images of one data set."""

    name: str
    """The value of `--data`: the name of a known set, or the path as given."""
    images: NDArray[Any]
    """Pixels, (n, c, h, w), C-contiguous, h == w: uint8, 0..255; float32 while rows of
    `deep` are not levelled."""
    labels: NDArray[np.int64]
    """Class of each image, (n,): an index into `classes`; of other tasks its stratum, by which
    splits are drawn."""
    classes: tuple[str, ...]
    """Names of the classes, labels or targets; the place of a class is its label. A byte of a
    folder's name that is not UTF-8 is written as `\\xe9`."""
    official_test: NDArray[np.bool_]
    """(n,): True for the rows of the set's own test part; all False where it has none."""
    flip: bool
    """Whether a mirrored image keeps its class (False for digits)."""
    skipped: tuple[str, ...] = ()
    """Files that were left out, each with the reason."""
    official_validation: NDArray[np.bool_] = field(default_factory=lambda: NO_ROWS)
    """(n,): True for the rows of the set's own validation part; all False where it has none."""
    deep: NDArray[np.bool_] = field(default_factory=lambda: NO_ROWS)
    """(n,): True for grey of more than 8 bits, whose values are those of the file (the same in all
    channels) until they are levelled."""
    groups: NDArray[np.int64] = field(default_factory=lambda: NO_GROUPS)
    """(n,): rows with the same number stay in one part of a split; empty if there are no groups."""
    levels: tuple[float, float] | None = None
    """The grey values that became 0 and 255 in the rows of `deep`; None if these are not levelled,
    or if there are none."""
    native: int = 0
    """Side in pixels that the sources hold: the median of the shorter sides; that of `images`
    unless given."""
    files: Sequence[Path] = ()
    """The file of each row, for a folder; else empty."""
    kinds: tuple[tuple[str, int], ...] = ()
    """Kinds of the files and how many there are of each."""
    sources: tuple[tuple[str, str], ...] = ()
    """("train", "validation" or "test", the folder, split or arrays that it was read from), where
    the set has parts."""
    dropped: tuple[tuple[str, int], ...] = ()
    """Classes that were left out as too small, and the images to train on that each has."""
    fit: str = "crop"
    """How pictures became square: "crop" or "letterbox"."""
    stored: str = ""
    """Where the pixels are, in words for people, if not simply in memory."""
    task: str = CLASSIFICATION
    """What is predicted: "classification", "multi-label" or "regression"."""
    targets: NDArray[np.float64] = field(default_factory=lambda: NO_TARGETS)
    """Of other tasks than classification, (n, k): 1 for each label of an image and 0 for others, or
    the numbers in their units."""

    def __post_init__(self) -> None:
        shape, dtype = self.images.shape, self.images.dtype
        for name in ("official_validation", "deep"):
            if getattr(self, name) is NO_ROWS and shape:
                object.__setattr__(self, name, np.zeros(shape[0], np.bool_))
        scaled = dtype == np.uint8 or (dtype == np.float32 and self.deep.any() and self.levels is None)
        if not scaled or len(shape) != 4 or shape[2] != shape[3] or 0 in shape or not self.images.flags.c_contiguous:
            raise InputError(
                f"{self.name}: images must be contiguous uint8 of shape (n, channels, size, size), but they are {dtype}"
                f" of shape {shape}"
            )
        flags = ("official_test", "official_validation", "deep")
        for name, wanted in (("labels", np.int64), *((flag, np.bool_) for flag in flags)):
            array = getattr(self, name)
            if array.dtype != wanted or array.shape != shape[:1]:
                raise InputError(
                    f"{self.name}: {name} must be {np.dtype(wanted)} of shape ({shape[0]},), but it is {array.dtype} of"
                    f" shape {array.shape}"
                )
        if len(self.groups) and (self.groups.dtype != np.int64 or self.groups.shape != shape[:1]):
            raise InputError(f"{self.name}: groups must be one int64 for each of the {shape[0]} images")
        if (self.official_test & self.official_validation).any():
            raise InputError(
                f"{self.name}: no row may be in both official parts, but"
                f" {int((self.official_test & self.official_validation).argmax())} is"
            )
        if self.files and len(self.files) != shape[0]:
            raise InputError(
                f"{self.name}: files must be one for each of the {shape[0]} images, but they are {len(self.files)}"
            )
        self._check_answers(len(self.images))
        if not self.native:
            object.__setattr__(self, "native", shape[2])

    def _check_answers(self, count: int) -> None:
        """InputError if classes, labels or targets do not fit the images."""
        fewest = 1 if self.task == REGRESSION else 2
        if len(self.classes) < fewest:
            raise InputError(
                f"{self.name}: at least two classes are needed, but there is {len(self.classes)}:"
                f" {', '.join(self.classes) or 'none'}"
            )
        low, high = int(self.labels.min()), int(self.labels.max())
        if low < 0 or (self.task == CLASSIFICATION and high >= len(self.classes)):
            raise InputError(
                f"{self.name}: labels must lie in 0..{len(self.classes) - 1}, one for each class, but they lie in"
                f" {low}..{high}"
            )
        wanted = (0, 0) if self.task == CLASSIFICATION else (count, len(self.classes))
        if self.targets.shape != wanted or not np.isfinite(self.targets).all():
            raise InputError(
                f"{self.name}: targets must be finite numbers of shape {wanted}, but their shape is"
                f" {self.targets.shape}"
            )

    @property
    def strata(self) -> int:
        """Number of the strata by which splits are drawn: that of the classes, where there are
        any."""
        return len(self.classes) if self.task == CLASSIFICATION else int(self.labels.max()) + 1

    def differ(self, rows: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether rows have other classes, labels or targets than the rows beside them."""
        if self.task == CLASSIFICATION:
            return self.labels[rows] != self.labels[others]
        return (self.targets[rows] != self.targets[others]).any(axis=1)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for red, green, blue; arrays may have any number."""
        return self.images.shape[1]

    @property
    def size(self) -> int:
        """Height and width in pixels."""
        return self.images.shape[2]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over images, labels, classes and official parts: the same data has the
        same fingerprint on every machine.

        `levelled` keeps it: levels depend on which rows train, and the data do not.
        """
        deep = self.images.dtype != np.uint8
        digest = hashlib.sha256(json.dumps([self.images.shape, self.classes, *(["float32"] if deep else [])]).encode())
        for block in blocks(self.images):
            digest.update(hashable(block, "<f4") if deep else block.data)
        digest.update(hashable(self.labels, "<i8"))
        digest.update(hashable(self.official_test, "?"))
        for flags, counts in ((self.official_validation, self.official_validation.any()), (self.deep, deep)):
            if counts:  # sets without them have the fingerprint they always had
                digest.update(hashable(flags, "?"))
        if self.task != CLASSIFICATION:
            digest.update(self.task.encode())
            digest.update(hashable(self.targets, "<f8"))
        return digest.hexdigest()

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """For each image the number of the first row with exactly its pixels, (n,)."""
        from .duplicates import first_rows

        return first_rows(self.images)

    def levelled(self, rows: NDArray[np.int64] | None = None, levels: tuple[float, float] | None = None) -> ImageData:
        """The same data with uint8 images: grey of more than 8 bits is brought from `levels` to
        0..255, all else stays as it is.

        Args:
            rows: the rows that train; all rows when None. Without `levels`, their deep pixels
                decide: all but the lowest and the highest 0.01 %.
            levels: what becomes 0 and 255, from an earlier run.
        """
        if self.images.dtype == np.uint8:
            return self
        from .levels import eight_bits, levels_of

        levels = levels or levels_of(self.images, self.deep, rows)
        data = replace(self, images=eight_bits(self.images, self.deep, levels), levels=levels)
        data.__dict__["fingerprint"] = self.fingerprint
        return data

    def pooled(self) -> ImageData:
        """The same data with the official validation rows in the test part. Earlier versions put
        them there, and studies of these versions keep that fingerprint."""
        data = replace(self, official_test=self.official_test | self.official_validation, official_validation=NO_ROWS)
        data.__dict__.update({name: self.__dict__[name] for name in ("first",) if name in self.__dict__})
        return data

    def only(self, rows: NDArray[np.int64], **changes: Any) -> ImageData:
        """The data of some rows, in their order; `changes` are further fields."""
        by_row = {"images", "labels", "targets", "official_test", "official_validation", "deep", "groups"}
        arrays = {name: getattr(self, name) for name in by_row - changes.keys()}
        kept = {name: np.ascontiguousarray(array[rows]) for name, array in arrays.items() if len(array)}
        files = tuple(self.files[row] for row in rows.tolist()) if self.files else ()
        return replace(self, **{**kept, "files": files, **changes})


def hashable(array: NDArray[Any], dtype: str) -> memoryview:
    """The bytes of an array that are hashed, the same on every machine."""
    return np.ascontiguousarray(array, dtype=dtype).data
