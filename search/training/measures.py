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

from ...studies.classifier_measures import BINS, MOST_CONFUSED, ClassMeasures, Measures
from ...studies.quality import measure
from .accuracy import each_batch
from .pixels import Images

COOLEST, HOTTEST = 0.05, 20.0
"""Bounds of the temperature; a network that is never wrong would have the temperature 0."""


def logits_of(
    network: nn.Module, images: Images, *, mean: Sequence[float], std: Sequence[float], amp: bool, batch_size: int = 256
) -> Tensor:
    """The logits of uint8 `images` (n, c, h, w) by `network` in eval mode: float32 (n, k), on the
    CPU.

    Raises:
        Diverged: a logit is NaN or infinite.
    """
    parts: list[Tensor] = []
    each_batch(
        lambda logits_bk, _: parts.append(logits_bk.float().cpu()),
        network,
        images,
        torch.zeros(len(images), device=images.device),  # labels are not needed
        mean=mean,
        std=std,
        amp=amp,
        batch_size=batch_size,
    )
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
    images_k = labels_n.bincount(minlength=count)
    confusion = ()
    if count <= MOST_CONFUSED:
        confusion_kk = metrics.multiclass_confusion_matrix(logits_nk, labels_n, **several)
        confusion = tuple(tuple(row) for row in confusion_kk.tolist())
    of_each = (metrics.multiclass_precision, metrics.multiclass_recall, metrics.multiclass_f1_score)
    precision_k, recall_k, f1_k = (each(logits_nk, labels_n, average="none", **several) for each in of_each)

    def share_right(top: int) -> float:
        return _number(metrics.multiclass_accuracy(logits_nk, labels_n, average="micro", top_k=top, **several))

    def calibration_error(of_nk: Tensor) -> float:
        return _number(metrics.multiclass_calibration_error(of_nk.softmax(1), labels_n, n_bins=BINS, **several))

    def value(name: str, of_nk: Tensor = logits_nk) -> float:
        return round(measure(name).of(of_nk, labels_n), 6)

    both = count == 2 and bool((images_k > 0).all())
    return Measures(
        images=len(labels_n),
        accuracy=share_right(1),
        top5=share_right(5) if count > 5 else None,
        balanced_accuracy=value("balanced-accuracy"),
        macro_f1=value("macro-f1"),
        auroc=value("auroc") if both else None,
        log_loss=value("log-loss"),
        calibration_error=calibration_error(logits_nk),
        temperature=temperature,
        calibrated_log_loss=value("log-loss", calibrated_nk),
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
        confusion=confusion,
    )


def _number(value: Tensor) -> float:
    """A float32 as a number that is written with as many digits as it is right to."""
    return round(value.item(), 6)
