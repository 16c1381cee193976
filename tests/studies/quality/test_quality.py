"""The quality measures that come with automl equal scikit-learn's, and those that are added."""

from __future__ import annotations

import math

import pytest
import torch
from automl.blocks import InputError
from automl.studies.quality import Measure, measure, measure_names, measures, register
from automl.studies.records.measure import as_shown, as_text, bounds, mean_in_words, shown
from sklearn import metrics as sk

from .conformance import MeasureConformance, predictions


class TestAccuracy(MeasureConformance):
    measure = measure("accuracy")


class TestBalancedAccuracy(MeasureConformance):
    measure = measure("balanced-accuracy")


class TestMacroF1(MeasureConformance):
    measure = measure("macro-f1")


class TestAuroc(MeasureConformance):
    measure = measure("auroc")

    def test_images_of_one_class_have_none(self):
        with pytest.raises(InputError, match=r"AUROC needs images of both of two classes, but got \[1\]"):
            self.measure.of(torch.randn(4, 2), torch.ones(4, dtype=torch.int64))


class TestLogLoss(MeasureConformance):
    measure = measure("log-loss")


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("classes", [2, 5])
def test_they_equal_scikit_learns_on_random_predictions(classes: int):
    logits_nk, labels_n = predictions(classes, 0.3)
    labels, probabilities = labels_n.numpy(), logits_nk.double().softmax(1).numpy()
    predicted = probabilities.argmax(1)
    expected = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "balanced-accuracy": sk.balanced_accuracy_score(labels, predicted),
        "macro-f1": sk.f1_score(labels, predicted, average="macro"),
        "log-loss": sk.log_loss(labels, probabilities, labels=range(classes)),
        **({"auroc": sk.roc_auc_score(labels, probabilities[:, 1])} if classes == 2 else {}),
    }
    found = {name: measure(name).of(logits_nk, labels_n) for name in expected}
    assert found == pytest.approx(expected, abs=1e-6)
    assert len({round(value, 4) for value in found.values()}) == len(found)  # the control: no two are the same
    of_classes = {name for name in measure_names() if measure(name).task == "classification"}
    assert set(expected) | {"auroc"} == of_classes


class TestOnesOwn:
    @pytest.fixture(autouse=True)
    def registered(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(measures, "known", dict(measures.known))

    def test_names_that_cannot_be_are_refused(self):
        def named(name: str) -> Measure:
            return type("Own", (type(measure("accuracy")),), {"name": name})()

        register(named("top-2"))
        for name in ("Top2", "top_2", "score", ""):
            with pytest.raises(InputError, match="name of a measure must be small letters"):
                register(named(name))
        with pytest.raises(InputError, match="the metric name 'accuracy' is taken"):
            register(named("accuracy"))


class TestShown:
    def test_a_loss_is_shown_as_it_is_and_larger_is_better_inside(self):
        assert shown("log-loss", -0.25) == 0.25
        assert as_text("log-loss", -0.25) == "0.2500"
        assert mean_in_words(-0.25, 0.01, 3, "log-loss") == "0.2500 ± 0.0100 (n = 3)"
        assert bounds("log-loss") == (-math.inf, 0.0)
        assert mean_in_words(0.25, 0.01, 3, "macro-f1") == "25.00 ± 1.00 % (n = 3)"

    def test_statistics_change_their_sign_and_intervals_their_ends(self):
        inside = {
            "best": -0.5,
            "margin": 0.1,
            "margin_interval": [0.05, 0.2],
            "n": 3,
            "sd": 0.01,
            "networks": [{"accuracies": {"1": -0.5, "2": -0.75}, "mean": -0.625, "interval": None}],
            "verdict": "better",
        }
        assert as_shown(inside, "log-loss") == {
            "best": 0.5,
            "margin": -0.1,
            "margin_interval": [-0.2, -0.05],
            "n": 3,
            "sd": 0.01,
            "networks": [{"accuracies": {"1": 0.5, "2": 0.75}, "mean": 0.625, "interval": None}],
            "verdict": "better",
        }
        assert as_shown(inside, "balanced-accuracy") is inside  # the control
