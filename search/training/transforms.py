"""Applies the random changes of torchvision and timm to a batch, on the device that trains.

Each image is cropped in its own way. The operations on colour and geometry are torchvision's, which
draw one set of choices for all images that they are given at once. A batch is therefore divided
into groups of neighbours, and each group gets choices of its own: with small batches every image
has its own, and with large ones the number of calls stays bounded. All choices follow from torch's
global generator and from `seed`. Shape letters: b batch, c channels, h height, w width, k classes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from timm.data.random_erasing import RandomErasing
from torch import Tensor
from torchvision.transforms import v2

from ...blocks.errors import InputError
from .crops import cropped, drawn_boxes
from .recipe import Recipe

GROUPS = 16
"""Maximum number of groups of a batch. A call of a transform takes about 0.1 ms, so that a batch
takes a few milliseconds."""


class Transforms:
    """The random changes of a recipe beyond shift, flip and cutout."""

    def __init__(
        self, recipe: Recipe, *, size: int, classes: int, mean: Sequence[float], device: torch.device, seed: int
    ) -> None:
        """Make the transforms for images of `size` pixels a side, whose mean colour (0 to 1) fills
        what lies outside of a moved image.

        Raises:
            InputError: torchvision cannot augment images of this number of channels.
        """
        _check_channels(recipe, len(mean))
        self._crop, self._size = recipe.crop, size
        self._operations = _operations(recipe, mean)
        self._erasing = RandomErasing(recipe.erasing, mode="pixel", device=str(device)) if recipe.erasing else None
        self._random = random.Random(seed).getstate()
        self._mixing = _mixing(recipe, classes)

    def change(self, images_bchw: Tensor) -> Tensor:
        """The uint8 images cropped and augmented, in channels_last memory."""
        changed_bchw = images_bchw
        if self._crop < 1:
            boxes_b4 = drawn_boxes(len(images_bchw), images_bchw.shape[-1], smallest=self._crop)
            changed_bchw = cropped(images_bchw, boxes_b4, self._size)
        if self._operations is not None:
            groups = changed_bchw.tensor_split(min(GROUPS, len(images_bchw)))
            changed_bchw = torch.cat([self._operations(group) for group in groups])
        return changed_bchw.contiguous(memory_format=torch.channels_last)

    def erase_and_mix(self, x_bchw: Tensor, labels_b: Tensor) -> tuple[Tensor, Tensor]:
        """The normalised images with rectangles erased and pairs mixed, and their labels: b, or the
        shares of the classes, bk, if pairs are mixed."""
        if self._erasing is not None:
            with self._python_random():
                x_bchw = self._erasing(x_bchw)
        return (x_bchw, labels_b) if self._mixing is None else self._mixing(x_bchw, labels_b)

    @contextmanager
    def _python_random(self) -> Iterator[None]:
        """Give timm, which draws from Python's global generator, a state of its own."""
        outside = random.getstate()
        random.setstate(self._random)
        try:
            yield
        finally:
            self._random = random.getstate()
            random.setstate(outside)


def _check_channels(recipe: Recipe, channels: int) -> None:
    if recipe.augment != "none" and channels not in (1, 3):
        raise InputError(
            f"augment: {recipe.augment} needs images of 1 or 3 channels, but these have {channels}; use augment: none"
        )


def _operations(recipe: Recipe, mean: Sequence[float]) -> Callable[[Tensor], Tensor] | None:
    how: dict[str, Any] = {
        "fill": [round(255 * value) for value in mean],
        "interpolation": v2.InterpolationMode.BILINEAR,
    }
    if recipe.augment == "randaugment":
        return v2.RandAugment(recipe.operations, recipe.magnitude, **how)
    return v2.TrivialAugmentWide(**how) if recipe.augment == "trivialaugment" else None


def _mixing(recipe: Recipe, classes: int) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] | None:
    mixing: list[Callable[..., Any]] = []
    if recipe.mixup:
        mixing.append(v2.MixUp(alpha=recipe.mixup, num_classes=classes))
    if recipe.cutmix:
        mixing.append(v2.CutMix(alpha=recipe.cutmix, num_classes=classes))
    return v2.RandomChoice(mixing) if mixing else None
