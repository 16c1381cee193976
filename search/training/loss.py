"""Computes the training loss of a recipe.

Shape letters: b batch, k classes.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

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
