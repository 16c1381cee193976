"""The course of a training: how large and how many the images of each epoch are.

Early epochs at a smaller size and on a part of the images cost a fraction of full ones and teach
nearly as much (progressive learning: Tan & Le, EfficientNetV2, ICML 2021, arXiv:2104.00298).
Everything follows from the recipe and the number of epochs: there is nothing to save.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .recipe import Recipe

STEP = 4
"""Sizes in between are multiples of so many pixels: a few sizes, each resized once."""

TELLING = 50
"""Updates before which accuracies of networks say nothing of their order: batch statistics have not
settled, the learning rate is still warming up."""
EPOCHS = 3
"""Epochs likewise. On CIFAR-10-small at 16 px, accuracies after one epoch (160 updates) had rank
correlation 0.1 with those after nine, after three 0.9; on digits networks that end at 99 % stand
anywhere between 9 and 65 % after two."""


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One epoch."""

    size: int
    """Pixels a side, in training and validation."""
    images: int
    """Images trained on."""
    updates: int
    """Batches."""
    first: int
    """Updates before it."""


def course(recipe: Recipe, *, epochs: int, size: int, images: int) -> tuple[Leg, ...]:
    """What each of `epochs` trains on, where a full one has `images` of `size` pixels a side."""
    legs: list[Leg] = []
    rising = min(recipe.rise * epochs, epochs - 1)  # the last epoch is a full one in any case
    for done in range(epochs):
        risen = min(1.0, done / rising) if rising > 0 else 1.0
        count = images if risen == 1 else max(2, round(_between(recipe.low_fraction, risen) * images))
        side = size if risen == 1 else _rounded(_between(recipe.low_size, risen) * size, size)
        first = legs[-1].first + legs[-1].updates if legs else 0
        legs.append(Leg(size=side, images=count, updates=updates_for(count, recipe.batch_size), first=first))
    return tuple(legs)


def first_rung(legs: Sequence[Leg]) -> int:
    """The first epoch after which accuracies say something: that by which `EPOCHS` epochs and
    `TELLING` updates have been made."""
    return next(
        (number for number, leg in enumerate(legs, start=1) if number >= EPOCHS and leg.first + leg.updates >= TELLING),
        len(legs),
    )


def updates_for(images: int, batch_size: int) -> int:
    """Batches of an epoch: of equal size (give or take one image), none above `batch_size` unless
    that would leave a batch of one image.

    Batch normalisation cannot train on a single image with 1 x 1 maps, and a last batch of a few
    images would move the weights as much as a full one.
    """
    return min(math.ceil(images / batch_size), images // 2)


def _between(low: float, risen: float) -> float:
    return low + (1 - low) * risen


def _rounded(side: float, size: int) -> int:
    return min(size, max(1, round(side / STEP) * STEP if size >= 4 * STEP else round(side)))
