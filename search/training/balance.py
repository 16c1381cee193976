"""Balances classes of unequal size: by class weights in the loss, or by drawing images.

Shape letters: n images trained, k classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .recipe import Recipe


def class_counts(labels_n: Tensor, classes: int) -> Tensor:
    """The number of images of each class: k."""
    return torch.bincount(labels_n, minlength=classes)


def class_weights(recipe: Recipe, labels_n: Tensor, classes: int, device: torch.device) -> Tensor | None:
    """The weight of each class in the loss: k, on `device`; None if the recipe has none.

    Weights are inverse to the number of images, and 1 on average over the images, so that the
    gradients keep their scale and the learning rate its effect. A class without training images
    gets the weight 1.
    """
    if recipe.balance != "weights":
        return None
    counts_k = class_counts(labels_n, classes).double()
    present = counts_k > 0
    weights_k = torch.ones(classes, dtype=torch.float64)
    weights_k[present] = len(labels_n) / (present.sum() * counts_k[present])
    return weights_k.float().to(device)


def epoch_order(recipe: Recipe, labels_n: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The places in `labels_n` of the `count` images of an epoch, in their order.

    Each image comes at most once; with balanced sampling images are drawn with replacement, so that
    all classes are equally frequent on average.
    """
    if recipe.balance != "sampling":
        return torch.randperm(len(labels_n), generator=generator)[:count]
    shares_n = 1 / class_counts(labels_n, int(labels_n.max()) + 1)[labels_n].double()
    return torch.multinomial(shares_n, count, replacement=True, generator=generator)
