"""Holds a data set on one device: uint8 images, resized once for each input size.

Images stay uint8 until a batch is made, which takes a quarter of the memory of floats; on a GPU the
whole data set is in the GPU's memory. Shape letters: n images of the data set or of one part,
b batch, c channels, h height, w width.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...blocks.errors import InputError, unknown
from ...studies.tasks.preprocessing import Preprocessing, by_channels, resized
from ...studies.tasks.task import CLASSIFICATION
from ..data.answers import Answers
from ..data.mapped import blocks, release
from ..data.notes import noted
from .device import resolve
from .gathered import Gathered

Part = Literal["train", "validation", "test"]
Images: TypeAlias = Tensor | Gathered

CACHED = 512 * 2**20
"""Maximum bytes of resized parts in the cache, which always keeps the latest: trainings use the
same few input sizes repeatedly."""
HELD = 512 * 2**20
"""Maximum bytes of a part that is held in the memory of the CPU; a larger one is read batch by
batch."""
FILTER = "bicubic"
"""Pillow's filter for resizing from the stored size."""
CHUNK = 1024
"""Number of images counted at a time, which bounds the memory for 64-bit integers."""


class Pixels:
    """The images and labels of a data set, split into parts."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        train: NDArray[np.int64],
        validation: NDArray[np.int64] | None,
        test: NDArray[np.int64] | None,
        device: torch.device | str,
        levels: tuple[float, float] | None = None,
        fit: str = "crop",
        answers: Answers | None = None,
    ) -> None:
        """Take `images` (n, c, h, w), `labels` (n,), and the image numbers of each part.

        Where networks give something else than a class, `answers` holds it, and `labels` are the
        strata by which images are drawn.

        `levels` are the black and white levels by which grey images of more than 8 bits were
        scaled, and `fit` is how pictures became square; both are kept for `preprocessing` and not
        applied here. On the CPU images are not
        copied and may be read-only, as those from Ray's object store are.

        Raises:
            InputError: shapes or types do not fit, or an image is in two parts.
        """
        _check_arrays(images, labels)
        self.device: torch.device = resolve(device)
        self.channels: int = images.shape[1]
        self.classes: int = int(labels.max()) + 1 if answers is None else answers.values.shape[1]
        self.task: str = CLASSIFICATION if answers is None else answers.task
        self.answers = answers
        parts: dict[Part, NDArray[np.int64] | None] = {"train": train, "validation": validation, "test": test}
        self._rows: dict[Part, NDArray[np.int64]] = {
            part: _check_rows(part, rows, len(images)) for part, rows in parts.items() if rows is not None
        }
        _check_disjoint(self._rows)
        self.mean: tuple[float, ...]
        self.std: tuple[float, ...]
        self.mean, self.std = _kept_statistics(images, self._rows["train"])
        self._levels, self._fit = levels, fit
        self._images = np.asarray(images)
        self._images_nchw = _on(self.device, self._images)
        self._strata_n = _without_copy(labels).to(self.device)
        self._labels_n = self._strata_n if answers is None else _without_copy(answers.values).to(self.device)
        self._resized: OrderedDict[tuple[Part, int], Images] = OrderedDict()

    def count(self, part: Part) -> int:
        """The number of images in `part`; 0 if the data set has no such part."""
        return len(self._rows.get(part, ()))

    def at(self, part: Part, size: int) -> tuple[Images, Tensor]:
        """The images of `part`, uint8 (n, c, size, size), and their labels, on the device.

        On the CPU a part of more than `HELD` bytes is read as it is indexed. Tensors share memory
        with the cache and possibly with a read-only array: never write into them.

        Raises:
            InputError: the data set has no such part, or the size is below 1.
        """
        if part not in self._rows:
            raise unknown("part", part, self._rows)
        if size < 1:
            raise InputError(f"size must be at least 1, but got {size}")
        if (part, size) in self._resized:
            self._resized.move_to_end((part, size))
        else:
            self._resized[part, size] = self._made(part, size)
            while len(self._resized) > 1 and sum(images.nbytes for images in self._resized.values()) > CACHED:
                self._resized.popitem(last=False)
        return self._resized[part, size], self.labels(part)

    def labels(self, part: Part) -> Tensor:
        """The labels (n,) of `part`, on the device; of other tasks the answers, float32 (n, k)."""
        return self._labels_n[self._places(part)]

    def strata(self, part: Part) -> Tensor:
        """The class (n,) of each image of `part`, or its stratum, on the device."""
        return self._strata_n[self._places(part)]

    def in_units(self, outputs: Tensor) -> Tensor:
        """Outputs of a network, or labels, as measures take them: a single number in its unit;
        several, whose units may differ, standardised; all else as it is."""
        answers = self.answers
        if answers is None or len(answers.mean) != 1:
            return outputs
        return outputs.double() * answers.std[0] + answers.mean[0]

    def preprocessing(self, size: int) -> Preprocessing:
        """The preprocessing that turns an image file into the pixels of `at` at `size`."""
        stored, how = self._images.shape[2], {"levels": self._levels, "fit": self._fit}
        return Preprocessing.to(stored, size, channels=self.channels, then=FILTER, **how)

    def _made(self, part: Part, size: int) -> Images:
        rows, stored = self._rows[part], self._images.shape[2:] == (size, size)
        if not self._is_held(part, size):
            return Gathered(self._images, rows, lambda some: self._taken(some, size))
        if stored and self.device.type != "cpu":
            return self._images_nchw[self._places(part)]
        made_nchw = torch.empty((len(rows), self.channels, size, size), dtype=torch.uint8, device=self.device)
        for start in range(0, len(rows), CHUNK):
            some = rows[start : start + CHUNK]
            made_nchw[start : start + len(some)] = torch.from_numpy(self._taken(some, size))
            release(self._images)
        return made_nchw

    def _is_held(self, part: Part, size: int) -> bool:
        """Whether the images of a part are held on the device, and not read as they are needed."""
        return self.device.type != "cpu" or len(self._rows[part]) * self.channels * size**2 <= HELD

    def _taken(self, rows: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """The images `rows` at `size`, copied."""
        return self._images[rows] if self._images.shape[2:] == (size, size) else resize(self._images, rows, size)

    def _places(self, part: Part) -> Tensor:
        return torch.from_numpy(self._rows[part]).to(self.device)


class Normalise:
    """Normalises uint8 images to floats of zero mean and unit deviation in each channel.

    The result is in channels_last memory, which is 2-3 times faster, also on the CPU.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], device: torch.device | str) -> None:
        # (x / 255 - mean) / std as one product and one sum; the terms are moved to the device once
        std_c = torch.tensor(std, dtype=torch.float64)
        self._scale_c11 = (1 / (255 * std_c)).float().view(-1, 1, 1).to(device)
        self._shift_c11 = (-torch.tensor(mean, dtype=torch.float64) / std_c).float().view(-1, 1, 1).to(device)

    def __call__(self, x_bchw: Tensor) -> Tensor:
        return x_bchw.to(torch.float32, memory_format=torch.channels_last).mul_(self._scale_c11).add_(self._shift_c11)


def resize(images_nchw: NDArray[np.uint8], rows: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """The images `rows` resized to `size` pixels a side: uint8 (n, c, size, size).

    Images are resized one by one with Pillow on the CPU, as exported code does, since the filters
    of other libraries round differently.
    """
    made_nchw = np.empty((len(rows), images_nchw.shape[1], size, size), np.uint8)
    for made_chw, row in zip(made_nchw, rows, strict=True):
        pixels_hwc = by_channels(images_nchw[row].transpose(1, 2, 0), lambda image: resized(image, size, FILTER))
        made_chw[:] = pixels_hwc.transpose(2, 0, 1)
    return made_nchw


def _kept_statistics(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`channel_statistics`, computed once for images of the cache."""
    name = f"statistics-{hashlib.sha256(rows.tobytes()).hexdigest()[:16]}"
    mean, std = noted(images, name, lambda: channel_statistics(images, rows))
    return tuple(mean), tuple(std)


def channel_statistics(
    images: NDArray[np.uint8], rows: NDArray[np.int64]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel of the images `rows`, on the scale 0 to 1.

    A constant channel gets the deviation 1. Both are exact, from counts of the 256 pixel values.
    """
    means, deviations = [], []
    values = np.arange(256) / 255
    for channel in range(images.shape[1]):
        counts = np.zeros(256, dtype=np.int64)
        for start in range(0, len(rows), CHUNK):
            counts += np.bincount(images[rows[start : start + CHUNK], channel].ravel(), minlength=256)
            release(images)
        mean = float(counts @ values / counts.sum())
        deviation = float(np.sqrt(counts @ (values - mean) ** 2 / counts.sum()))
        means.append(mean)
        deviations.append(deviation or 1.0)
    return tuple(means), tuple(deviations)


def _on(device: torch.device, images_nchw: NDArray[np.uint8]) -> Tensor:
    """The images on the device; on the CPU they are not copied."""
    if device.type == "cpu":
        return _without_copy(images_nchw)
    placed_nchw = torch.empty(images_nchw.shape, dtype=torch.uint8, device=device)
    start = 0
    for block in blocks(images_nchw):
        placed_nchw[start : start + len(block)] = _without_copy(block).to(device)
        start += len(block)
    return placed_nchw


def _without_copy(array: NDArray[np.generic]) -> Tensor:
    with warnings.catch_warnings():
        # torch warns that writing into a read-only array is undefined; nothing here writes.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)


def _check_arrays(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or 0 in images.shape:
        raise InputError(
            f"images must be uint8 of shape (n, c, h, w), none of them 0, but got {images.dtype} of shape"
            f" {images.shape}"
        )
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        raise InputError(
            f"labels must be int64 of shape ({len(images)},), one for each image, but got {labels.dtype} of shape"
            f" {labels.shape}"
        )
    if labels.min() < 0:
        raise InputError(f"labels must be 0 or above, but got {labels.min()}")


def _check_rows(part: str, rows: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    if rows.dtype != np.int64 or rows.ndim != 1 or len(rows) == 0:
        raise InputError(
            f"the {part} part must be a non-empty list of int64 image numbers, but got {rows.dtype} of shape"
            f" {rows.shape}"
        )
    if rows.min() < 0 or rows.max() >= count:
        raise InputError(
            f"image numbers of the {part} part must lie in 0..{count - 1}, but got {rows.min()}..{rows.max()}"
        )
    return rows.copy()  # writable, and not shared with the caller


def _check_disjoint(rows: dict[Part, NDArray[np.int64]]) -> None:
    every = np.concatenate(list(rows.values()))
    numbers, counts = np.unique(every, return_counts=True)
    if len(numbers) < len(every):
        raise InputError(
            f"an image must be in one part, once, but image {numbers[counts > 1][0]} is listed {counts.max()} times"
        )
