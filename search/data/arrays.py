"""An `.npz` archive: `x_train`, `y_train`, perhaps `x_val`, `y_val` and `x_test`, `y_test`; or `x`,
`y`; or `images`, `labels`.

Images are uint8, nhwc or nchw, or nhw (grey); of the second and the last axis the shorter one is
that of the channels, of which there may be any number. Labels are whole numbers, one for each
image. An array `classes` may name the classes. No pickle is read. Other arrays in the archive are
left alone. Shape letters: n images, h height, w width, c channels.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from ...blocks.regular_file import require_regular
from .array_names import Pair, find_pairs
from .images import ImageData
from .reading_options import Reading
from .room import IN_MEMORY, Room
from .square import native_side, squares

MOST = 256
"""Channels of an image, at most."""


def read_npz(
    path: Path, *, name: str, size: int | None = None, reading: Reading | None = None, room: Room = IN_MEMORY
) -> ImageData:
    """Read the archive into `room`; images larger than `size` are made smaller.

    Raises:
        InputError: it is no such archive, or an array is missing, of the wrong type, or does not
            fit the others.
    """
    try:
        require_regular(path)
        with path.open("rb") as file:  # given the path, numpy leaves the file open when it is no archive
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(
                    f"{name} is a single array, not an .npz archive of images and labels (numpy.savez writes one)"
                )
            with archive:
                return _from_arrays(archive, name=name, size=size, reading=reading or Reading(), room=room)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{name} cannot be read as an .npz archive: {' '.join(str(error).split())}") from error


def _from_arrays(
    archive: Mapping[str, NDArray[np.generic]], *, name: str, size: int | None, reading: Reading, room: Room
) -> ImageData:
    """Check the arrays of an archive against one another and put them together."""
    found, skipped = find_pairs(list(archive), reading, name)
    pairs = list(found.values())
    labels = [_labels(archive[pair.labels], pair.labels, name) for pair in pairs]
    parts_nhwc = [_images(archive[pair.images], pair.images, name) for pair in pairs]
    for pair, part, part_labels in zip(pairs, parts_nhwc, labels, strict=True):
        _check_they_fit(pair, part, part_labels, pairs[0], parts_nhwc[0], name)
    together, classes = _classes(np.concatenate(labels), archive, name)
    part = np.repeat(list(found), [len(part_labels) for part_labels in labels])
    return ImageData(
        name=name,
        images=squares(parts_nhwc, size, room, reading.fit),
        labels=together,
        classes=classes,
        official_test=part == "test",
        official_validation=part == "validation",
        flip=True,
        native=native_side(parts_nhwc[0].shape[1], parts_nhwc[0].shape[2], reading.fit),
        sources=tuple((part, pair.images) for part, pair in found.items()) if len(found) > 1 else (),
        skipped=skipped,
    )


def _check_they_fit(
    pair: Pair,
    part: NDArray[np.uint8],
    labels: NDArray[np.int64],
    first: Pair,
    first_part: NDArray[np.uint8],
    name: str,
) -> None:
    """Raise where images and labels differ in number, or images in shape from those of the first
    part."""
    if len(part) != len(labels):
        raise InputError(
            f"{name}: every image needs one label, but {pair.images} has {len(part)} images and {pair.labels} has"
            f" {len(labels)} labels"
        )
    if part.shape[1:] != first_part.shape[1:]:
        raise InputError(
            f"{name}: all images must be of one shape, but they are {first_part.shape[1:]} in {first.images} and"
            f" {part.shape[1:]} in {pair.images}"
        )


def _images(array: NDArray[np.generic], key: str, name: str) -> NDArray[np.uint8]:
    """A view of the images as nhwc."""
    if array.dtype != np.uint8:
        raise InputError(f"{name}: {key} must be uint8, pixels 0..255, but it is {array.dtype}")
    array = array.view(np.uint8)
    if array.size and array.ndim == 3:
        return array[..., None]
    if array.size and array.ndim == 4 and array.shape[3] in (1, 3):
        return array
    if array.size and array.ndim == 4 and array.shape[1] in (1, 3):
        return array.transpose(0, 2, 3, 1)
    if array.size and array.ndim == 4 and array.shape[1] != array.shape[3] and min(array.shape[1:]) <= MOST:
        return array if array.shape[3] < array.shape[1] else array.transpose(0, 2, 3, 1)
    raise InputError(
        f"{name}: {key} must have the shape (n, h, w), (n, h, w, channels) or (n, channels, h, w), none of them 0 and"
        f" at most {MOST} channels, fewer than pixels a side, but it is {array.shape}"
    )


def _labels(array: NDArray[np.generic], key: str, name: str) -> NDArray[np.int64]:
    """The labels as one row of 64-bit integers."""
    if array.ndim == 2 and array.shape[1] == 1:  # as Keras writes those of CIFAR-10
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(
            f"{name}: {key} must hold one number for each image, shape (n,), but its shape is {array.shape}"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{name}: {key} must hold whole numbers, but it is {array.dtype}")
    labels = array.astype(np.int64)
    if len(labels) and labels.min() < 0:  # unsigned numbers beyond 2**63 end up here too
        raise InputError(f"{name}: labels must be 0 or more, but {key} holds {array[labels.argmin()]}")
    return labels


def _classes(
    labels: NDArray[np.int64], archive: Mapping[str, NDArray[np.generic]], name: str
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as 0..k-1 and the names of the k classes: those of the archive, or else the labels as
    they were."""
    if "classes" not in archive:
        values, places = np.unique(labels, return_inverse=True)
        return places.astype(np.int64), tuple(str(value) for value in values)
    names = archive["classes"]
    if names.ndim != 1 or names.dtype.kind not in "USiu":
        raise InputError(f"{name}: classes must be one row of names, but it is {names.dtype} of shape {names.shape}")
    classes = tuple(item.decode(errors="replace") if isinstance(item, bytes) else str(item) for item in names.tolist())
    if len(set(classes)) < len(classes):
        raise InputError(
            f"{name}: classes must name each class once, but {next(c for c in classes if classes.count(c) > 1)!r} is"
            " there more than once"
        )
    if labels.max() >= len(classes):
        raise InputError(
            f"{name}: classes must name every label, but it has {len(classes)} names and the labels go up to"
            f" {labels.max()}"
        )
    return labels, classes
