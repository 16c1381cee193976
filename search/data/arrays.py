"""An `.npz` archive: `x_train`, `y_train`, perhaps `x_test`, `y_test`; or `x`, `y`; or `images`, `labels`.

Images are uint8, nhwc or nchw with 1 or 3 channels, or nhw (grey); labels are whole numbers, one for each image. An array `classes` may
name the classes. No pickle is read. Other arrays in the archive are left alone.
Shape letters: n images, h height, w width, c channels.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from .images import ImageData
from .square import squares

LAYOUTS = (("x_train", "y_train"), ("x", "y"), ("images", "labels"))


def read_npz(path: Path, *, name: str, size: int | None = None) -> ImageData:
    """Read the archive; images larger than `size` are made smaller.

    Raises:
        InputError: it is no such archive, or an array is missing, of the wrong type, or does not fit the others.
    """
    try:
        with path.open("rb") as file:  # given the path, numpy leaves the file open when it is no archive
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(f"{name} is a single array, not an .npz archive of images and labels (numpy.savez writes one)")
            with archive:
                return _from_arrays(archive, name=name, size=size)
    except InputError:
        raise
    except (OSError, ValueError, EOFError, RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{name} cannot be read as an .npz archive: {' '.join(str(error).split())}") from error


def _from_arrays(archive: Mapping[str, NDArray[np.generic]], *, name: str, size: int | None) -> ImageData:
    """Check the arrays of an archive against one another and put them together."""
    pairs = _pairs(archive, name)
    labels = [_labels(archive[label_key], label_key, name) for _, label_key in pairs]
    parts_nhwc = [_images(archive[image_key], image_key, name) for image_key, _ in pairs]
    for (image_key, label_key), part, part_labels in zip(pairs, parts_nhwc, labels, strict=True):
        if len(part) != len(part_labels):
            raise InputError(f"{name}: every image needs one label, but {image_key} has {len(part)} images and {label_key} has {len(part_labels)} labels")
        if part.shape[1:] != parts_nhwc[0].shape[1:]:
            raise InputError(
                f"{name}: all images must be of one shape, but they are {parts_nhwc[0].shape[1:]} in {pairs[0][0]} and {part.shape[1:]} in {image_key}"
            )
    together, classes = _classes(np.concatenate(labels), archive, name)
    images = squares(parts_nhwc, size)
    official_test = np.zeros(len(together), np.bool_)
    official_test[len(labels[0]) :] = True
    return ImageData(name=name, images=images, labels=together, classes=classes, official_test=official_test, flip=True)


def _pairs(archive: Mapping[str, object], name: str) -> list[tuple[str, str]]:
    """The names of the arrays of images and labels: the training part, then the test part if there is one."""
    present = ", ".join(archive) or "none"
    found = next((pair for pair in LAYOUTS if pair[0] in archive or pair[1] in archive), None)
    if found is None:
        wanted = ", or ".join(" and ".join(pair) for pair in LAYOUTS)
        raise InputError(f"{name} must hold the arrays {wanted}, but it holds: {present}")
    pairs = [found]
    if found == LAYOUTS[0] and ("x_test" in archive or "y_test" in archive):
        pairs.append(("x_test", "y_test"))
    for pair in pairs:
        for key in pair:
            if key not in archive:
                raise InputError(f"{name} must hold the arrays {pair[0]} and {pair[1]}, but {key} is missing; it holds: {present}")
    return pairs


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
    raise InputError(f"{name}: {key} must have the shape (n, h, w), (n, h, w, 1 or 3) or (n, 1 or 3, h, w), none of them 0, but it is {array.shape}")


def _labels(array: NDArray[np.generic], key: str, name: str) -> NDArray[np.int64]:
    """The labels as one row of 64-bit integers."""
    if array.ndim == 2 and array.shape[1] == 1:  # as Keras writes those of CIFAR-10
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(f"{name}: {key} must hold one number for each image, shape (n,), but its shape is {array.shape}")
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(f"{name}: {key} must hold whole numbers, but it is {array.dtype}")
    labels = array.astype(np.int64)
    if len(labels) and labels.min() < 0:  # unsigned numbers beyond 2**63 end up here too
        raise InputError(f"{name}: labels must be 0 or more, but {key} holds {array[labels.argmin()]}")
    return labels


def _classes(labels: NDArray[np.int64], archive: Mapping[str, NDArray[np.generic]], name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels as 0..k-1 and the names of the k classes: those of the archive, or else the labels as they were."""
    if "classes" not in archive:
        values, places = np.unique(labels, return_inverse=True)
        return places.astype(np.int64), tuple(str(value) for value in values)
    names = archive["classes"]
    if names.ndim != 1 or names.dtype.kind not in "USiu":
        raise InputError(f"{name}: classes must be one row of names, but it is {names.dtype} of shape {names.shape}")
    classes = tuple(item.decode(errors="replace") if isinstance(item, bytes) else str(item) for item in names.tolist())
    if len(set(classes)) < len(classes):
        raise InputError(f"{name}: classes must name each class once, but {next(c for c in classes if classes.count(c) > 1)!r} is there more than once")
    if labels.max() >= len(classes):
        raise InputError(f"{name}: classes must name every label, but it has {len(classes)} names and the labels go up to {labels.max()}")
    return labels, classes
