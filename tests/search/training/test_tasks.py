"""Trainings of networks that give labels or numbers: losses, what is learned, what recipes may
ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from automl.blocks import InputError
from automl.search.data.answers import Answers
from automl.search.scores.batch import batch_of
from automl.search.training.loss import LabelLoss, NumberLoss, label_weights, loss_of
from automl.search.training.measures import fitted_temperature, label_measures, target_measures
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe
from automl.search.training.task_fit import fitted, require_fitting
from automl.search.training.trainer import Trainer
from automl.search.training.transforms import Transforms
from automl.studies.quality import measure
from sklearn import metrics as sk
from torch.nn import functional

Make = Callable[..., Recipe]


def labelled(shuffled: bool = False) -> Pixels:
    """Grey images with the labels "left half bright", "top half bright", both or none."""
    random = np.random.default_rng(0)
    flags = random.random((240, 2)) < 0.5
    images = random.integers(0, 120, (240, 1, 8, 8))
    images[flags[:, 0], :, :, :4] += 60
    images[flags[:, 1], :, :4, :] += 60
    if shuffled:
        random.shuffle(flags)
    answers = Answers(task="multi-label", values=flags.astype(np.float32))
    rows = np.arange(240, dtype=np.int64)
    strata = (flags @ [1, 2]).astype(np.int64)
    return Pixels(images.astype(np.uint8), strata, rows[:160], rows[160:], None, "cpu", answers=answers)


def numbered(shuffled: bool = False) -> Pixels:
    """Grey images whose number is 1000 times their brightness; it is 100 to 225."""
    random = np.random.default_rng(0)
    brightness = random.integers(0, 126, 240)
    images = random.integers(0, 60, (240, 1, 8, 8)) + brightness[:, None, None, None]
    values = 100.0 + brightness
    if shuffled:
        random.shuffle(values)
    mean, std = values[:160].mean(), values[:160].std()
    standardised = ((values - mean) / std).astype(np.float32)[:, None]
    answers = Answers(task="regression", values=standardised, mean=(mean,), std=(std,))
    rows, strata = np.arange(240, dtype=np.int64), (brightness // 13).astype(np.int64)
    return Pixels(images.astype(np.uint8), strata, rows[:160], rows[160:], None, "cpu", answers=answers)


def reached(pixels: Pixels, recipe: Recipe, metric: str, outputs: int) -> float:
    """The measure, larger being better, after a few epochs of a tiny network."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(128, outputs),
    )
    trainer = Trainer(network, pixels, epochs=8, size=8, recipe=recipe, seed=0, metric=metric)
    while not trainer.finished:
        report = trainer.epoch()
    return report.accuracy


@pytest.fixture
def plain(recipe: Make) -> Recipe:
    return recipe(label_smoothing=0.0, shift=0.0, learning_rate=0.1)


class TestLosses:
    def test_that_of_labels_is_torchs_binary_cross_entropy(self, recipe: Make) -> None:
        logits_bk, target_bk = torch.randn(6, 3), torch.rand(6, 3).round()
        plain = LabelLoss(recipe(label_smoothing=0.0))(logits_bk, target_bk)
        assert torch.allclose(plain, functional.binary_cross_entropy_with_logits(logits_bk, target_bk))
        smooth = LabelLoss(recipe(label_smoothing=0.2))(logits_bk, target_bk)
        expected = functional.binary_cross_entropy(logits_bk.sigmoid(), target_bk * 0.8 + 0.1)
        assert torch.allclose(smooth, expected, atol=1e-6)
        assert not torch.allclose(smooth, plain)  # the control

    def test_that_of_numbers_is_torchs_huber_loss(self, recipe: Make) -> None:
        values_bt, target_bt = torch.randn(6, 2) * 3, torch.randn(6, 2)
        error = (values_bt - target_bt).abs()
        expected = torch.where(error < 1, error**2 / 2, error - 0.5).mean()
        assert torch.allclose(NumberLoss(recipe())(values_bt, target_bt), expected)

    def test_weights_make_images_with_and_without_a_label_weigh_the_same(self, recipe: Make) -> None:
        labels_nk = torch.zeros(10, 3)
        labels_nk[:2, 0] = labels_nk[:5, 1] = 1
        assert label_weights(recipe(), labels_nk, torch.device("cpu")) is None
        weights_k = label_weights(recipe(balance="weights"), labels_nk, torch.device("cpu"))
        assert weights_k is not None
        assert weights_k.tolist() == [4.0, 1.0, 1.0]

    def test_the_loss_follows_from_the_task(self, plain: Recipe) -> None:
        rows_n = torch.arange(160)
        assert type(loss_of(plain, labelled(), rows_n)) is LabelLoss
        assert type(loss_of(plain, numbered(), rows_n)) is NumberLoss


class TestLearning:
    def test_labels_are_learned_and_shuffled_ones_are_not(self, plain: Recipe) -> None:
        metric = "mean-average-precision"
        learned, control = (reached(labelled(shuffled), plain, metric, 2) for shuffled in (False, True))
        chance = float(labelled().labels("validation").mean())  # of the same answer for every image
        assert learned > 0.9
        assert control < chance + 0.15

    def test_numbers_are_learned_and_shuffled_ones_are_not(self, plain: Recipe) -> None:
        learned, control = (reached(numbered(shuffled), plain, "mae", 1) for shuffled in (False, True))
        values = numbered().in_units(numbered().labels("validation"))
        guess = (values - values.median()).abs().mean().item()  # in the number's own unit
        assert 25 < guess < 45
        assert -learned < guess / 2
        assert -control > guess * 0.8

    def test_mixed_images_have_mixed_labels(self, recipe: Make) -> None:
        mixing = Transforms(recipe(mixup=1.0), size=8, classes=2, mean=[0.5], device=torch.device("cpu"), seed=0)
        torch.manual_seed(0)
        flags = torch.tensor([[1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
        _, mixed = mixing.erase_and_mix(torch.rand(4, 1, 8, 8), flags)
        share = mixed[1, 0]  # of the image before it
        assert 0 < share < 1
        assert torch.allclose(mixed, flags * (1 - share) + flags.roll(1, 0) * share)

    def test_a_batch_for_scores_has_no_classes(self) -> None:
        _, labels_b = batch_of(numbered(), 8, seed=0, count=20)
        assert labels_b.tolist() == [0] * 20


class TestRecipes:
    @pytest.mark.parametrize(
        ("task", "changes", "message"),
        [
            ("multi-label", {"balance": "sampling"}, "balance must be none in multi-label, since an image has several"),
            ("regression", {"balance": "weights"}, "balance must be none in regression, since it weighs classes"),
            ("regression", {"mixup": 0.2}, "mixup must be 0.0 in regression, since it mixes classes, but got 0.2"),
            ("regression", {"cutmix": 1.0}, "cutmix must be 0.0 in regression"),
            ("regression", {"label_smoothing": 0.1}, "label_smoothing must be 0.0 in regression"),
        ],
    )
    def test_settings_that_mean_nothing_are_refused(self, recipe: Make, task: str, changes: dict, message: str) -> None:
        asked = recipe(**{"label_smoothing": 0.0, **changes})
        with pytest.raises(InputError, match=message):
            require_fitting(asked, task)
        require_fitting(asked, "classification")
        require_fitting(fitted(asked, task), task)

    def test_classifiers_keep_theirs(self, recipe: Make) -> None:
        for asked in (recipe(), recipe(mixup=0.2, balance="sampling")):
            assert fitted(asked, "classification") == asked
        assert fitted(recipe(mixup=0.2), "multi-label") == replace(recipe(mixup=0.2), label_smoothing=0.0)


class TestMeasures:
    def test_those_of_labels_equal_scikit_learns(self) -> None:
        random = torch.Generator().manual_seed(0)
        logits_nk = torch.randn(200, 3, generator=random) * 2
        labels_nk = torch.bernoulli((logits_nk - 0.5).sigmoid(), generator=random)
        found = label_measures(logits_nk, labels_nk, ["a", "b", "c"], temperature=2.0)
        truth, scores, predicted = labels_nk.numpy(), logits_nk.numpy(), (logits_nk > 0).numpy()
        assert found.mean_average_precision == pytest.approx(sk.average_precision_score(truth, scores), abs=1e-5)
        assert found.macro_f1 == pytest.approx(sk.f1_score(truth, predicted, average="macro"), abs=1e-5)
        assert found.exact == pytest.approx(sk.accuracy_score(truth, predicted), abs=1e-5)
        losses = [sk.log_loss(truth[:, k], logits_nk[:, k].double().sigmoid().numpy()) for k in range(3)]
        assert found.log_loss == pytest.approx(np.mean(losses), abs=1e-5)
        for k, each in enumerate(found.classes):
            assert each.average_precision == pytest.approx(
                sk.average_precision_score(truth[:, k], scores[:, k]), abs=1e-5
            )
            assert each.recall == pytest.approx(sk.recall_score(truth[:, k], predicted[:, k]), abs=1e-5)
            assert (each.images, each.predicted) == (truth[:, k].sum(), predicted[:, k].sum())
        assert type(found).from_dict(found.to_dict()) == found

    def test_those_of_numbers_equal_scikit_learns_in_their_units(self) -> None:
        truth_nt = torch.randn(100, 2, dtype=torch.float64) * torch.tensor([2.0, 900.0]) + 50
        values_nt = truth_nt + torch.randn(100, 2, dtype=torch.float64)
        found = target_measures(values_nt, truth_nt, ["a", "b"])
        for t, each in enumerate(found.classes):
            truth, values = truth_nt[:, t].numpy(), values_nt[:, t].numpy()
            assert each.mae == pytest.approx(sk.mean_absolute_error(truth, values))
            assert each.rmse == pytest.approx(sk.root_mean_squared_error(truth, values))
            assert each.r2 == pytest.approx(sk.r2_score(truth, values))
            assert each.bias == pytest.approx((values - truth).mean())
        assert type(found).from_dict(found.to_dict()) == found
        assert target_measures(values_nt, torch.ones(100, 2), ["a", "b"]).classes[0].r2 is None

    def test_the_temperature_of_labels_gives_back_their_probabilities(self) -> None:
        random = torch.Generator().manual_seed(0)
        logits_nk = torch.randn(4000, 3, generator=random)
        labels_nk = torch.bernoulli((1.5 * logits_nk).sigmoid(), generator=random)
        assert fitted_temperature(3.0 * logits_nk, labels_nk) == pytest.approx(2.0, rel=0.1)

    def test_several_numbers_are_measured_standardised_and_one_in_its_unit(self) -> None:
        one = numbered()
        outputs = torch.zeros(80, 1)
        in_units = measure("mae").of(one.in_units(outputs), one.in_units(one.labels("validation")))
        assert in_units == pytest.approx(measure("mae").of(outputs, one.labels("validation")) * one.answers.std[0])
        assert labelled().in_units(outputs) is outputs
