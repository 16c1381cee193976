"""Measures equal scikit-learn's on random predictions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from automl.search.training.measures import BINS, fitted_temperature, logits_of, measures
from sklearn import metrics as sk
from torch import Tensor, nn


def predictions(classes: int, images: int = 300, *, unequal: bool = False, absent: bool = False) -> tuple[Tensor, ...]:
    """Random logits, and labels that they say something of. `unequal`: later classes are more
    frequent; `absent`: the last one has no image."""
    random = torch.Generator().manual_seed(classes)
    logits_nk = torch.randn(images, classes, generator=random, dtype=torch.float64)
    more_k = torch.linspace(0, 2.0 if unequal else 0.0, classes)
    labels_n = torch.multinomial((logits_nk * 1.5 + more_k).softmax(1), 1, generator=random)[:, 0]
    if absent:
        labels_n[labels_n == classes - 1] = 0
    return (logits_nk * 3.0).float(), labels_n


def expected_calibration_error(probabilities_nk: np.ndarray, labels_n: np.ndarray) -> float:
    """The definition written out: bins of equal width, closed on the right."""
    confidence_n, right_n = probabilities_nk.max(1), probabilities_nk.argmax(1) == labels_n
    bins_n = np.ceil(confidence_n * BINS)
    gaps = [
        (bins_n == number).sum() * abs(confidence_n[bins_n == number].mean() - right_n[bins_n == number].mean())
        for number in np.unique(bins_n)
    ]
    return float(sum(gaps) / len(labels_n))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize(("classes", "absent"), [(2, False), (3, False), (9, False), (9, True)])
def test_they_equal_scikit_learns(classes: int, absent: bool) -> None:
    logits_nk, labels_n = predictions(classes, unequal=True, absent=absent)
    names = [f"class {number}" for number in range(classes)]
    found = measures(logits_nk, labels_n, names, temperature=2.0)
    probabilities, labels = logits_nk.double().softmax(1).numpy(), labels_n.numpy()
    calibrated = (logits_nk.double() / 2).softmax(1).numpy()
    predicted, every = probabilities.argmax(1), list(range(classes))
    precision, recall, f1, images = sk.precision_recall_fscore_support(labels, predicted, labels=every, zero_division=0)
    expected = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "top5": sk.top_k_accuracy_score(labels, probabilities, k=5, labels=every) if classes > 5 else None,
        "balanced_accuracy": sk.balanced_accuracy_score(labels, predicted),
        "macro_f1": sk.f1_score(labels, predicted, average="macro"),
        "auroc": sk.roc_auc_score(labels, probabilities[:, 1]) if classes == 2 else None,
        "log_loss": sk.log_loss(labels, probabilities, labels=every),
        "calibrated_log_loss": sk.log_loss(labels, calibrated, labels=every),
        "calibration_error": expected_calibration_error(probabilities, labels),
        "calibrated_error": expected_calibration_error(calibrated, labels),
    }
    for name, value in expected.items():
        assert getattr(found, name) == (value if value is None else pytest.approx(value, abs=1e-5)), name
    assert found.confusion == tuple(map(tuple, sk.confusion_matrix(labels, predicted, labels=every).tolist()))
    for each, *values in zip(found.classes, precision, recall, f1, images, strict=True):
        assert (each.precision, each.recall, each.f1, each.images) == pytest.approx(tuple(values), abs=1e-6)
    # the control: balanced accuracy is no other name of accuracy
    assert abs(found.accuracy - found.balanced_accuracy) > 1e-3


def test_the_temperature_gives_back_the_probabilities_with_which_the_labels_were_drawn() -> None:
    """Labels are drawn with 1.5 times the logits, and the logits are three times as large."""
    logits_nk, labels_n = predictions(4, images=4000)
    assert fitted_temperature(logits_nk, labels_n) == pytest.approx(3.0 / 1.5, rel=0.1)
    assert fitted_temperature(logits_nk / 3.0, labels_n) == pytest.approx(1 / 1.5, rel=0.1)
    plain, cooled = (measures(logits_nk, labels_n, list("abcd"), temperature=temperature) for temperature in (1.0, 2.0))
    assert cooled.calibrated_error < plain.calibrated_error / 2
    assert cooled.calibrated_log_loss < plain.calibrated_log_loss == plain.log_loss
    assert cooled.accuracy == plain.accuracy


def test_a_network_that_is_never_wrong_has_a_finite_temperature() -> None:
    assert math.isfinite(fitted_temperature(torch.eye(3) * 5, torch.arange(3)))


def test_a_class_without_images_leaves_the_area_under_the_curve_out() -> None:
    assert measures(torch.randn(5, 2), torch.zeros(5).long(), ["a", "b"]).auroc is None


def test_logits_are_those_of_the_normalised_images_in_order() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval()
    images_nchw = torch.randint(0, 256, (10, 1, 2, 2), dtype=torch.uint8)
    got = logits_of(network, images_nchw, mean=[0.5], std=[0.25], amp=True, batch_size=4)
    with torch.no_grad():
        assert torch.allclose(got, network((images_nchw.float() / 255 - 0.5) / 0.25), atol=1e-5)
