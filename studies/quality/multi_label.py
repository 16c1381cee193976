"""Quality measures of networks that give any number of labels, by torchmetrics.

Shape letters: n images, k labels. Labels that no image has are left out of means.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...blocks.errors import InputError
from ..tasks.task import MULTI_LABEL
from .protocol import Measure

if TYPE_CHECKING:
    from torch import Tensor


class MeanAveragePrecision(Measure):
    """Mean over the labels of the average precision: images are ranked by the label's logit."""

    name = "mean-average-precision"
    words = "mean average precision"
    task = MULTI_LABEL

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The macro mean over the labels that images have; `labels_n` holds 0 or 1, (n, k).

        Raises:
            InputError: no image has a label.
        """
        from torchmetrics.functional.classification import binary_average_precision

        present_k = _present(labels_n)
        # float64: probabilities of float32 are 1 above a logit of 17, and images would tie
        scores_nk, labels_nk = logits_nk[:, present_k].double(), labels_n[:, present_k].long()
        each_k = [binary_average_precision(*both) for both in zip(scores_nk.T, labels_nk.T, strict=True)]
        return sum(map(float, each_k)) / len(each_k)


class LabelF1(Measure):
    """Mean over the labels of F1, a label being predicted from a probability of a half on."""

    name = "label-f1"
    words = "macro F1 of the labels"
    task = MULTI_LABEL

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The macro mean over the labels that images have; `labels_n` holds 0 or 1, (n, k).

        Raises:
            InputError: no image has a label.
        """
        from torchmetrics.functional.classification import multilabel_f1_score

        present_k = _present(labels_n)
        found_nk, labels_nk = (logits_nk > 0).long(), labels_n.long()
        f1_k = multilabel_f1_score(found_nk, labels_nk, num_labels=labels_nk.shape[1], average="none")
        return f1_k[present_k].double().mean().item()


def _present(labels_nk: Tensor) -> Tensor:
    """The labels that images have: k flags."""
    present_k = (labels_nk > 0.5).any(dim=0)
    if not bool(present_k.any()):
        raise InputError(f"precision needs images with a label, but none of {len(labels_nk)} has one")
    return present_k
