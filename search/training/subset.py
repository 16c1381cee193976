"""Selects the part of the training images that an evaluation at low fidelity uses."""

from __future__ import annotations

import torch
from torch import Tensor

from ...blocks.errors import InputError
from .randomness import generator


def balanced_order(labels_n: Tensor, seed: int) -> Tensor:
    """The numbers 0..n-1 in a random order whose every prefix contains each class in proportion.

    Proportions hold to within about one image. The first k numbers are nested subsets: the images
    of a tenth are among those of a half.
    """
    random = generator(seed, "subset")
    shuffled_n = torch.randperm(len(labels_n), generator=random)
    places_n = torch.empty(len(labels_n), dtype=torch.float64)
    for label in labels_n.unique():
        of_class = shuffled_n[labels_n[shuffled_n] == label]
        # Evenly over 0..1 from a random start, so that sorting mixes the classes in proportion.
        places_n[of_class] = (torch.arange(len(of_class)) + torch.rand(1, dtype=torch.float64, generator=random)) / len(
            of_class
        )
    return places_n.argsort(stable=True)


def rows_used(labels_n: Tensor, fraction: float, seed: int) -> Tensor:
    """The numbers of the images that a training on `fraction` of `labels_n` uses.

    Raises:
        InputError: the fraction is no share, or fewer than two images remain.
    """
    if not 0 < fraction <= 1:
        raise InputError(f"0 < fraction <= 1 must hold, but got {fraction}")
    count = round(fraction * len(labels_n))
    if count < 2:
        raise InputError(
            f"training must have at least 2 images, but got {count} (fraction {fraction} of {len(labels_n)})"
        )
    return balanced_order(labels_n, seed)[:count]
