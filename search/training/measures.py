"""Computes the measures of a network from its outputs, by torchmetrics.

Shape letters: n images, k classes, labels or targets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...studies.quality import measure
from ...studies.tasks.task import MULTI_LABEL, REGRESSION
from ...studies.trained.classifier_measures import BINS, MOST_CONFUSED, ClassMeasures, Measures, PartMeasures
from ...studies.trained.task_measures import LabelMeasure, LabelMeasures, TargetMeasure, TargetMeasures
from .accuracy import each_batch
from .pixels import Images, Pixels

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
    (arXiv:1706.04599), of classes, (n,), or of labels, (n, k)."""
    from scipy.optimize import minimize_scalar

    def loss(logarithm: float) -> float:
        if labels_n.ndim == 2:
            return _log_loss(logits_nk.double() / math.exp(logarithm), labels_n)
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


def measures_of(
    pixels: Pixels, outputs_nk: Tensor, labels: Tensor, names: Sequence[str], *, temperature: float
) -> PartMeasures:
    """Measure the outputs of a network by what it is trained to give; `labels` are those of
    `Pixels.labels`."""
    if pixels.task == MULTI_LABEL:
        return label_measures(outputs_nk, labels, names, temperature=temperature)
    if pixels.task == REGRESSION and pixels.answers is not None:
        mean_t, std_t = (torch.tensor(each, dtype=torch.float64) for each in (pixels.answers.mean, pixels.answers.std))
        values_nt, truth_nt = (each.double() * std_t + mean_t for each in (outputs_nk, labels))
        return target_measures(values_nt, truth_nt, names)
    return measures(outputs_nk, labels, names, temperature=temperature)


def label_measures(
    logits_nk: Tensor, labels_nk: Tensor, names: Sequence[str], *, temperature: float = 1.0
) -> LabelMeasures:
    """Measure predictions of labels, which are 1 for those that an image has and 0 for others."""
    from torchmetrics.functional import classification as metrics

    count, truth_nk, found_nk = len(names), labels_nk.long(), (logits_nk > 0).long()
    several: dict[str, Any] = {"num_labels": count, "average": "none"}
    of_each = (metrics.multilabel_precision, metrics.multilabel_recall, metrics.multilabel_f1_score)
    precision_k, recall_k, f1_k = (each(found_nk, truth_nk, **several) for each in of_each)
    images_k, predicted_k = truth_nk.sum(dim=0), found_nk.sum(dim=0)
    ranked = measure("mean-average-precision")
    classes = tuple(
        LabelMeasure(
            name=names[k],
            images=int(images_k[k]),
            predicted=int(predicted_k[k]),
            average_precision=round(ranked.of(logits_nk[:, k : k + 1], truth_nk[:, k : k + 1]), 6)
            if images_k[k]
            else None,
            precision=_number(precision_k[k]),
            recall=_number(recall_k[k]),
            f1=_number(f1_k[k]),
        )
        for k in range(count)
    )
    some = bool(images_k.any())
    return LabelMeasures(
        images=len(labels_nk),
        mean_average_precision=round(ranked.of(logits_nk, labels_nk), 6) if some else 0.0,
        macro_f1=round(measure("label-f1").of(logits_nk, labels_nk), 6) if some else 0.0,
        exact=_number((found_nk == truth_nk).all(dim=1).double().mean()),
        log_loss=round(_log_loss(logits_nk, labels_nk), 6),
        temperature=temperature,
        calibrated_log_loss=round(_log_loss(logits_nk / temperature, labels_nk), 6),
        classes=classes,
    )


def target_measures(values_nt: Tensor, truth_nt: Tensor, names: Sequence[str]) -> TargetMeasures:
    """Measure predictions of numbers, in their units."""
    errors_nt = (values_nt - truth_nt).double()

    def of(name: str, place: int) -> float:
        return measure(name).of(values_nt[:, place : place + 1], truth_nt[:, place : place + 1])

    return TargetMeasures(
        images=len(truth_nt),
        classes=tuple(
            TargetMeasure(
                name=name,
                mae=of("mae", place),
                rmse=of("rmse", place),
                r2=of("r2", place) if len(truth_nt) > 1 and truth_nt[:, place].std() > 0 else None,
                bias=float(errors_nt[:, place].mean()),
                median=float(truth_nt[:, place].median()),
                guess=float((truth_nt[:, place] - truth_nt[:, place].median()).abs().mean()),
            )
            for place, name in enumerate(names)
        ),
    )


def _log_loss(logits_nk: Tensor, labels_nk: Tensor) -> float:
    """The mean binary cross entropy of labels in nats."""
    return functional.binary_cross_entropy_with_logits(logits_nk.double(), labels_nk.double()).item()


def _number(value: Tensor) -> float:
    """A float32 as a number that is written with as many digits as it is right to."""
    return round(value.item(), 6)
