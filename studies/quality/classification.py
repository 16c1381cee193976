"""The quality measures that come with automl, by torchmetrics.

Shape letters: n images, k classes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...blocks.errors import InputError
from .protocol import Measure

if TYPE_CHECKING:
    from torch import Tensor


class Accuracy(Measure):
    """Share of the images whose class has the largest logit."""

    name = "accuracy"
    words = "accuracy"

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The share of the images that are right."""
        return (logits_nk.argmax(1) == labels_n).double().mean().item()


class BalancedAccuracy(Measure):
    """Mean recall of the classes that have images."""

    name = "balanced-accuracy"
    words = "balanced accuracy"

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The mean over the classes of the share of their images that are right."""
        from torchmetrics.functional.classification import multiclass_recall

        count = logits_nk.shape[1]
        recall_k = multiclass_recall(logits_nk, labels_n, num_classes=count, average="none")
        return recall_k[labels_n.bincount(minlength=count) > 0].mean().item()


class MacroF1(Measure):
    """Mean F1 of the classes that have images or are predicted."""

    name = "macro-f1"
    words = "macro F1"

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The mean over the classes of the harmonic mean of precision and recall."""
        from torchmetrics.functional.classification import multiclass_f1_score

        return multiclass_f1_score(logits_nk, labels_n, num_classes=logits_nk.shape[1], average="macro").item()


class Auroc(Measure):
    """Area under the ROC curve of the second of two classes."""

    name = "auroc"
    words = "AUROC"
    classes: int | None = 2

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The probability that an image of the second class is ranked above one of the first.

        Raises:
            InputError: one of the two classes has no image.
        """
        from torchmetrics.functional.classification import binary_auroc

        if logits_nk.shape[1] != 2 or not 0 < int(labels_n.sum()) < len(labels_n):
            raise InputError(f"AUROC needs images of both of two classes, but got {labels_n.unique().tolist()}")
        return binary_auroc(logits_nk.softmax(1)[:, 1], labels_n).item()


class LogLoss(Measure):
    """Mean negative logarithm of the probability of the true class."""

    name = "log-loss"
    words = "log loss"
    smaller_is_better = True
    highest: float = math.inf

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The mean cross entropy in nats."""
        from torch.nn import functional

        return functional.cross_entropy(logits_nk.double(), labels_n).item()
