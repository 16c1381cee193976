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
    probabilities_nk, calibrated_nk = logits_nk.softmax(1), (logits_nk / temperature).softmax(1)
    confusion_kk = metrics.multiclass_confusion_matrix(logits_nk, labels_n, **several)
    images_k = confusion_kk.sum(1)
    recall_k = metrics.multiclass_recall(logits_nk, labels_n, average="none", **several)
    precision_k = metrics.multiclass_precision(logits_nk, labels_n, average="none", **several)
    f1_k = metrics.multiclass_f1_score(logits_nk, labels_n, average="none", **several)
    both = count == 2 and bool((images_k > 0).all())
    return Measures(
        images=len(labels_n),
        accuracy=metrics.multiclass_accuracy(logits_nk, labels_n, average="micro", **several).item(),
        top5=metrics.multiclass_accuracy(logits_nk, labels_n, average="micro", top_k=5, **several).item()
        if count > 5
        else None,
        balanced_accuracy=recall_k[images_k > 0].mean().item(),
        macro_f1=metrics.multiclass_f1_score(logits_nk, labels_n, average="macro", **several).item(),
        auroc=metrics.binary_auroc(probabilities_nk[:, 1], labels_n).item() if both else None,
        log_loss=functional.cross_entropy(logits_nk, labels_n).item(),
        calibration_error=metrics.multiclass_calibration_error(
            probabilities_nk, labels_n, n_bins=BINS, **several
        ).item(),
        temperature=temperature,
        calibrated_log_loss=functional.cross_entropy(logits_nk / temperature, labels_n).item(),
        calibrated_error=metrics.multiclass_calibration_error(calibrated_nk, labels_n, n_bins=BINS, **several).item(),
        classes=tuple(
            ClassMeasures(name=name, images=int(images), precision=precision, recall=recall, f1=f1)
            for name, images, precision, recall, f1 in zip(
                names, images_k.tolist(), precision_k.tolist(), recall_k.tolist(), f1_k.tolist(), strict=True
            )
        ),
        confusion=tuple(tuple(row) for row in confusion_kk.tolist()),
    )
