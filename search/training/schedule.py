"""Plans a training: the size and the number of the images in each epoch.

Early epochs with smaller and fewer images cost a fraction of full ones and teach nearly as much
(progressive learning: Tan & Le, EfficientNetV2, ICML 2021, arXiv:2104.00298). The plan follows from
the recipe and the number of epochs, so that checkpoints need not hold it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...blocks.errors import InputError
from .recipe import Recipe

SIZE_STEP = 4
"""Intermediate sizes are multiples of this many pixels, so that images are resized to few sizes."""

MIN_UPDATES = 50
"""Before this many updates, accuracies do not rank networks: batch statistics have not settled and
the learning rate is still warming up."""
MIN_EPOCHS = 3
"""Before this many epochs, accuracies do not rank networks either, unless they are a third of all.
On digits, networks that end at 99 % have between 9 and 65 % after two of eight. After the first of
three or four epochs, 57 updates, 20 networks were ranked as long trainings rank them about as well
as after the last (`benchmarks/results/fidelity.md`)."""


@dataclass(frozen=True, kw_only=True)
class EpochPlan:
    """The images and updates of one epoch."""

    size: int
    """Height and width of the images in pixels, in training and validation."""
    images: int
    """Number of images trained on."""
    updates: int
    """Number of batches."""
    first: int
    """Number of updates before this epoch."""

    @property
    def largest(self) -> int:
        """Number of images in the largest batch; others have one image less."""
        return -(-self.images // self.updates)

    @property
    def pixels(self) -> int:
        """Number of pixels trained on, to which the time of an epoch is about proportional."""
        return self.images * self.size**2


def schedule(recipe: Recipe, *, epochs: int, size: int, images: int) -> tuple[EpochPlan, ...]:
    """The plan of each epoch, where a full epoch has `images` images of `size` pixels a side.

    Raises:
        InputError: there is no epoch or no pixel.
    """
    for name, value in (("epochs", epochs), ("size", size)):
        if value < 1:
            raise InputError(f"{name} must be at least 1, but got {value}")
    plans: list[EpochPlan] = []
    rising = min(recipe.rise * epochs, epochs - 1)  # the last epoch is always a full one
    for done in range(epochs):
        risen = min(1.0, done / rising) if rising > 0 else 1.0
        count = images if risen == 1 else max(2, round(_between(recipe.low_fraction, risen) * images))
        side = size if risen == 1 else _rounded(_between(recipe.low_size, risen) * size, size)
        first = plans[-1].first + plans[-1].updates if plans else 0
        plans.append(EpochPlan(size=side, images=count, updates=updates_for(count, recipe.batch_size), first=first))
    return tuple(plans)


def share_done(plans: Sequence[EpochPlan], updates: int) -> float:
    """The share of a training that is done after `updates` updates, by the pixels trained on."""
    shares = (min(1.0, max(0.0, (updates - plan.first) / plan.updates)) for plan in plans)
    return sum(share * plan.pixels for share, plan in zip(shares, plans, strict=True)) / sum(
        plan.pixels for plan in plans
    )


def first_rung(plans: Sequence[EpochPlan]) -> int:
    """The first epoch, from 1, whose accuracies rank networks; the last one if none qualifies.

    By its end, `MIN_UPDATES` updates are done, and `MIN_EPOCHS` epochs or, in a shorter training, a
    third of its epochs.
    """
    least = min(MIN_EPOCHS, max(1, round(len(plans) / 3)))
    return next(
        (
            number
            for number, plan in enumerate(plans, start=1)
            if number >= least and plan.first + plan.updates >= MIN_UPDATES
        ),
        len(plans),
    )


def updates_for(images: int, batch_size: int) -> int:
    """The number of batches in an epoch of `images` images.

    Batches are of equal size to within one image, and none exceeds `batch_size` unless a batch of
    one image would remain: batch normalisation cannot train on a single image with 1 x 1 maps, and
    a last batch of a few images would move the weights as much as a full one.
    """
    return min(math.ceil(images / batch_size), images // 2)


def _between(low: float, risen: float) -> float:
    return low + (1 - low) * risen


def _rounded(side: float, size: int) -> int:
    return min(size, max(1, round(side / SIZE_STEP) * SIZE_STEP if size >= 4 * SIZE_STEP else round(side)))
