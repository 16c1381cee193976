"""The measures of labels and of numbers equal scikit-learn's on random predictions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from automl.blocks import InputError
from automl.studies.quality import measure, measures
from automl.studies.records.measure import as_text, bounds
from sklearn import metrics as sk
from torch import Tensor


def labelled(images: int = 200, *, absent: bool = False) -> tuple[Tensor, Tensor]:
    """Random logits of four labels, and flags that they say something of; the last label is rare,
    or no image has it."""
    random = torch.Generator().manual_seed(0)
    logits_nk = torch.randn(images, 4, generator=random) * 3
    shares = (logits_nk / 3 - torch.tensor([0.0, 0.5, 1.0, 2.0])).sigmoid()
    labels_nk = torch.bernoulli(shares, generator=random)
    if absent:
        labels_nk[:, 3] = 0
    return logits_nk, labels_nk


def numbers(targets: int = 2) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    truth_nt = torch.randn(150, targets, generator=random) * torch.tensor([3.0, 40.0])[:targets]
    return truth_nt + torch.randn(150, targets, generator=random) * 2, truth_nt


@pytest.mark.parametrize("absent", [False, True])
def test_measures_of_labels_equal_scikit_learns(absent: bool) -> None:
    logits_nk, labels_nk = labelled(absent=absent)
    here = slice(0, 3) if absent else slice(0, 4)  # labels that no image has are left out
    truth, scores = labels_nk.numpy()[:, here], logits_nk.numpy()[:, here]
    expected = {
        "mean-average-precision": sk.average_precision_score(truth, scores, average="macro"),
        "label-f1": sk.f1_score(truth, scores > 0, average="macro", zero_division=0),
    }
    found = {name: measure(name).of(logits_nk, labels_nk) for name in expected}
    assert found == pytest.approx(expected, abs=1e-6)
    assert found["label-f1"] != pytest.approx(found["mean-average-precision"], abs=1e-3)  # the control


@pytest.mark.parametrize("targets", [1, 2])
def test_measures_of_numbers_equal_scikit_learns(targets: int) -> None:
    values_nt, truth_nt = numbers(targets)
    truth, values = truth_nt.numpy(), values_nt.numpy()
    expected = {
        "mae": sk.mean_absolute_error(truth, values),
        "rmse": np.mean(sk.root_mean_squared_error(truth, values, multioutput="raw_values")),
        "r2": sk.r2_score(truth, values),
    }
    found = {name: measure(name).of(values_nt, truth_nt) for name in expected}
    assert found == pytest.approx(expected, abs=1e-5)
    assert len({round(value, 3) for value in found.values()}) == 3  # the control: no two are the same


def test_each_is_of_one_task_and_larger_is_better_inside() -> None:
    of = {name: one.task for name, one in measures.parts().items()}
    assert [name for name, task in of.items() if task == "multi-label"] == ["mean-average-precision", "label-f1"]
    assert [name for name, task in of.items() if task == "regression"] == ["mae", "rmse", "r2"]
    values_nt, truth_nt = numbers()
    for name in ("mae", "rmse", "r2"):
        one = measure(name)
        near, far = (one.turned(one.of(truth_nt + (values_nt - truth_nt) * by, truth_nt)) for by in (0.5, 2.0))
        assert near > far
        assert one.lowest <= one.turned(near) <= one.highest
    logits_nk, labels_nk = labelled()
    for name in ("mean-average-precision", "label-f1"):
        worse, better = (measure(name).of(logits_nk + by * labels_nk, labels_nk) for by in (-4.0, 4.0))
        assert 0 <= worse < better <= 1


def test_a_mean_absolute_error_is_shown_as_it_is_and_never_in_percent() -> None:
    assert as_text("mae", -3.25) == "3.2500"
    assert bounds("mae") == (-math.inf, 0.0)
    assert bounds("r2") == (-math.inf, 1.0)


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(InputError, match="needs images with a label, but none of 5 has one"):
        measure("mean-average-precision").of(torch.randn(5, 3), torch.zeros(5, 3))
    with pytest.raises(InputError, match="R² needs two images with other values of each target"):
        measure("r2").of(torch.randn(5, 1), torch.ones(5, 1))
