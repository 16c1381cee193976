"""Computes the measures of a classifier from its logits, by torchmetrics.

Shape letters: n images, k classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...studies.classifier_measures import BINS, ClassMeasures, Measures
from .accuracy import autocast
from .pixels import Images, Normalise

COOLEST, HOTTEST = 0.05, 20.0
"""Bounds of the temperature; a network that is never wrong would have the temperature 0."""


@torch.no_grad()
def logits_of(
    network: nn.Module, images: Images, *, mean: Sequence[float], std: Sequence[float], amp: bool, batch_size: int = 256
) -> Tensor:
    """The logits of uint8 `images` (n, c, h, w) by `network` in eval mode: float32 (n, k), on the
    CPU."""
    normalise = Normalise(mean, std, images.device)
    parts = []
    with autocast(images.device, amp):
        for x_bchw in images.split(batch_size):
            parts.append(network(normalise(x_bchw)).float().cpu())
    return torch.cat(parts)


def fitted_temperature(logits_nk: Tensor, labels_n: Tensor) -> float:
    """The temperature between `COOLEST` and `HOTTEST` with the lowest log loss
    (arXiv:1706.04599)."""
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        return functional.cross_entropy(logits_nk.double() / math.exp(logarithm), labels_n).item()

    found = minimize_scalar(loss, bounds=(math.log(COOLEST), math.log(HOTTEST)), method="bounded")
    return math.exp(float(found.x))


def measures(logits_nk: Tensor, labels_n: Tensor, names: Sequence[str], *, temperature: float = 1.0) -> Measures:
    """Measure predictions; `names` are those of the k classes."""
    from torchmetrics.functional import classification as metrics

    count = len(names)
    several: dict[str, Any] = {"num_classes": count}
    calibrated_nk = logits_nk / temperature
    confusion_kk = metrics.multiclass_confusion_matrix(logits_nk, labels_n, **several)
    images_k = confusion_kk.sum(1)
    of_each = (metrics.multiclass_precision, metrics.multiclass_recall, metrics.multiclass_f1_score)
    precision_k, recall_k, f1_k = (each(logits_nk, labels_n, average="none", **several) for each in of_each)

    def share_right(top: int) -> float:
        return _number(metrics.multiclass_accuracy(logits_nk, labels_n, average="micro", top_k=top, **several))

    def calibration_error(of_nk: Tensor) -> float:
        return _number(metrics.multiclass_calibration_error(of_nk.softmax(1), labels_n, n_bins=BINS, **several))

    both = count == 2 and bool((images_k > 0).all())
    return Measures(
        images=len(labels_n),
        accuracy=share_right(1),
        top5=share_right(5) if count > 5 else None,
        balanced_accuracy=_number(recall_k[images_k > 0].mean()),
        macro_f1=_number(metrics.multiclass_f1_score(logits_nk, labels_n, average="macro", **several)),
        auroc=_number(metrics.binary_auroc(logits_nk.softmax(1)[:, 1], labels_n)) if both else None,
        log_loss=_number(functional.cross_entropy(logits_nk, labels_n)),
        calibration_error=calibration_error(logits_nk),
        temperature=temperature,
        calibrated_log_loss=_number(functional.cross_entropy(calibrated_nk, labels_n)),
        calibrated_error=calibration_error(calibrated_nk),
        classes=tuple(
            ClassMeasures(
                name=names[k],
                images=int(images_k[k]),
                precision=_number(precision_k[k]),
                recall=_number(recall_k[k]),
                f1=_number(f1_k[k]),
            )
            for k in range(count)
        ),
        confusion=tuple(tuple(row) for row in confusion_kk.tolist()),
    )


def _number(value: Tensor) -> float:
    """A float32 as a number that is written with as many digits as it is right to."""
    return round(value.item(), 6)
