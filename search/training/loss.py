"""Computes the training loss of a recipe.

Shape letters: n images trained, b batch, k classes, labels or numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ...studies.tasks.task import MULTI_LABEL, REGRESSION
from .balance import class_weights
from .pixels import Pixels
from .recipe import Recipe


class Loss:
    """Cross entropy with the recipe's label smoothing and class weights."""

    def __init__(self, recipe: Recipe, weights_k: Tensor | None = None) -> None:
        """`weights_k` are the weights of the classes, 1 on average over the training images; None
        weights all alike."""
        self._smoothing, self._weights_k = recipe.label_smoothing, weights_k

    def __call__(self, logits_bk: Tensor, target: Tensor) -> Tensor:
        """The mean loss over a batch; `target` holds labels, b, or shares of the classes, bk."""
        logits_bk = logits_bk.float()
        if self._weights_k is None:
            return functional.cross_entropy(logits_bk, target, label_smoothing=self._smoothing)
        # PyTorch's mean would divide by the weights of the batch, by which images of a rare class
        # would count more in batches that have few of them.
        total = functional.cross_entropy(
            logits_bk, target, weight=self._weights_k, label_smoothing=self._smoothing, reduction="sum"
        )
        return total / len(logits_bk)


class LabelLoss(Loss):
    """Binary cross entropy: the mean over images and labels.

    Label smoothing moves 0 and 1 towards a half; weights are those of an image that has the label.
    """

    def __call__(self, logits_bk: Tensor, target: Tensor) -> Tensor:
        """The mean loss over a batch; `target` holds shares of the labels, from 0 to 1, bk."""
        target_bk = target * (1 - self._smoothing) + self._smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits_bk.float(), target_bk, pos_weight=self._weights_k)


class NumberLoss(Loss):
    """Huber's loss of standardised numbers: squared up to one standard deviation, linear beyond,
    so that few wild numbers do not decide."""

    def __call__(self, logits_bk: Tensor, target: Tensor) -> Tensor:
        """The mean loss over a batch; `target` holds standardised numbers, bk."""
        return functional.huber_loss(logits_bk.float(), target)


def loss_of(recipe: Recipe, pixels: Pixels, rows_n: Tensor) -> Loss:
    """The loss of a training on the images `rows_n` of the training part."""
    if pixels.task == REGRESSION:
        return NumberLoss(recipe)
    if pixels.task == MULTI_LABEL:
        return LabelLoss(recipe, label_weights(recipe, pixels.labels("train").cpu()[rows_n], pixels.device))
    return Loss(recipe, class_weights(recipe, pixels.labels("train").cpu()[rows_n], pixels.classes, pixels.device))


def label_weights(recipe: Recipe, labels_nk: Tensor, device: torch.device) -> Tensor | None:
    """The weight in the loss of the images that have each label: k, on `device`; None if the recipe
    has none.

    With it images with and without a label weigh the same. A label without images gets the
    weight 1.
    """
    if recipe.balance != "weights":
        return None
    with_k = labels_nk.double().sum(dim=0)
    weights_k = torch.where(with_k > 0, (len(labels_nk) - with_k) / with_k.clamp(min=1), 1.0)
    return weights_k.clamp(min=1e-3).float().to(device)
