"""A part of the training images for evaluations at low fidelity."""

from __future__ import annotations

import torch
from torch import Tensor

from .randomness import generator


def balanced_order(labels_n: Tensor, seed: int) -> Tensor:
    """The numbers 0..n-1 in a random order in which every beginning holds each class in its
    proportion, to within an image or so.

    Taking the first k therefore gives nested subsets: the images of a tenth are among those of a
    half.
    """
    random = generator(seed, "subset")
    shuffled_n = torch.randperm(len(labels_n), generator=random)
    places_n = torch.empty(len(labels_n), dtype=torch.float64)
    for label in labels_n.unique():
        of_class = shuffled_n[labels_n[shuffled_n] == label]
        # spread evenly over 0..1, from a random start: sorting then mixes the classes in proportion
        places_n[of_class] = (torch.arange(len(of_class)) + torch.rand(1, dtype=torch.float64, generator=random)) / len(
            of_class
        )
    return places_n.argsort(stable=True)
