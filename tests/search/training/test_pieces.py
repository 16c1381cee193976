"""Each piece of a recipe acts in a training, resumes to the same bits, and costs the default
nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from automl.search.training.augmentation import Augmentation
from automl.search.training.balance import class_weights, epoch_order
from automl.search.training.loss import Loss
from automl.search.training.pixels import Normalise, Pixels
from automl.search.training.randomness import generator, seeded
from automl.search.training.recipe import Recipe
from automl.search.training.step import Step
from automl.search.training.trainer import Trainer
from automl.spaces import Space
from torch import Tensor, nn
from torch.nn import functional

from .test_reproducible import run, same

PIECES: dict[str, dict[str, Any]] = {
    "randaugment": {"augment": "randaugment"},
    "trivialaugment": {"augment": "trivialaugment"},
    "crop": {"crop": 0.4},
    "erasing": {"erasing": 0.5},
    "mixup": {"mixup": 0.4},
    "cutmix": {"cutmix": 1.0},
    "weights": {"balance": "weights"},
    "sampling": {"balance": "sampling"},
    "accumulate": {"accumulate": 2},
    "recalibrate": {"recalibrate": 32},
}
EVERYTHING = {name: value for piece in PIECES.values() for name, value in piece.items()}


@pytest.fixture
def start(toy, tiny, recipe) -> Callable[..., Trainer]:
    """Makes a trainer at its start, on few images, of which the third class has the fewest."""

    def make(**changes: Any) -> Trainer:
        pixels = toy(train=45)
        kept = (pixels.labels("train") != 2) | (torch.arange(45) % 4 == 0)
        pixels._rows["train"] = pixels._rows["train"][kept.numpy()]
        return Trainer(tiny(), pixels, epochs=2, size=8, recipe=recipe(**{"ema": 0.9, **changes}), seed=0)

    return make


@pytest.mark.parametrize("piece", [*PIECES, "all"])
def test_a_piece_changes_the_training_and_is_resumed_to_the_same_bits(start, piece):
    changes = PIECES.get(piece, EVERYTHING)
    plain, whole, stopped = start(), start(**changes), start(**changes)
    run(plain, 2)
    reports = run(whole, 2)
    run(stopped, 1)
    resumed = start(**changes)
    resumed.load_state_dict(stopped.state_dict())
    assert run(resumed, 1) == reports[1:]
    assert same(resumed.state_dict(), whole.state_dict())
    assert not same(plain.state_dict()["ema"], whole.state_dict()["ema"])  # the control: without it


def test_without_pieces_a_training_is_the_plain_loop_to_the_bit(toy, tiny, recipe):
    """The updates of an epoch written out, with nothing that a recipe may add."""
    settings: Recipe = recipe(ema=None, flip=True, cutout=0.3, label_smoothing=0.1)
    pixels: Pixels = toy(train=64)
    trainer = Trainer(tiny(), pixels, epochs=1, size=8, recipe=settings, seed=3)
    trainer.epoch()

    network = tiny().to(memory_format=torch.channels_last).train()
    fresh = Trainer(network, pixels, epochs=1, size=8, recipe=settings, seed=3)  # for its optimiser and rates
    images_nchw, labels_n = pixels.at("train", 8)
    augmentation, random = Augmentation.of(settings, 8), generator(3, "images", 1)
    rows_n = fresh._rows_n[torch.randperm(64, generator=random)]
    draws_n5, normalise = augmentation.draw(64, random), Normalise(pixels.mean, pixels.std, "cpu")
    with seeded(3, "epoch", 1):
        parts = zip(rows_n.tensor_split(4), draws_n5.tensor_split(4), strict=True)
        for update, (rows_b, draws_b5) in enumerate(parts):
            fresh._scheduler.step_update(update)
            x_bchw = augmentation.cut(normalise(augmentation.gather(images_nchw, rows_b, draws_b5)), draws_b5)
            fresh._optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(network(x_bchw), labels_n[rows_b], label_smoothing=0.1).backward()
            fresh._optimizer.step()
    assert same(network.state_dict(), trainer.network.state_dict())


class TestAccumulation:
    @staticmethod
    def gradient(recipe: Recipe, x_bchw: Tensor, labels_b: Tensor) -> Tensor:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
        optimizer = torch.optim.SGD(network.parameters())
        step = Step(network, optimizer, None, recipe, torch.device("cpu"))
        loss = step._gradients(x_bchw, labels_b)
        return torch.cat([loss.reshape(1), *(weights.grad.flatten() for weights in network.parameters())])

    @pytest.mark.parametrize(("parts", "runs"), [(1, 1), (2, 2), (3, 3), (99, 3)])
    def test_the_gradients_of_the_parts_add_up_to_that_of_the_batch(self, recipe, monkeypatch, parts, runs):
        """7 images in parts of 2 or 3: each counts by its images."""
        x_bchw, labels_b = torch.randn(7, 1, 4, 4, generator=torch.Generator().manual_seed(1)), torch.arange(7) % 3
        expected = self.gradient(recipe(), x_bchw, labels_b)
        forward, sizes = Step._forward, []
        monkeypatch.setattr(Step, "_forward", lambda self, x, y: (sizes.append(len(x)), forward(self, x, y))[1])
        got = self.gradient(recipe(accumulate=parts), x_bchw, labels_b)
        assert torch.allclose(got, expected, atol=1e-6)
        assert (len(sizes), sum(sizes)) == (runs, 7)


class TestBalance:
    LABELS = torch.tensor([0] * 90 + [2] * 10)  # the second of three classes has no image

    def test_class_weights_are_inverse_to_the_images_and_one_on_average(self, recipe):
        weights_k = class_weights(recipe(balance="weights"), self.LABELS, 3, torch.device("cpu"))
        assert weights_k is not None
        assert weights_k[2] / weights_k[0] == pytest.approx(9)
        assert weights_k[self.LABELS].mean() == pytest.approx(1)
        assert weights_k[1] == 1
        assert class_weights(recipe(), self.LABELS, 3, torch.device("cpu")) is None
        assert class_weights(recipe(balance="sampling"), self.LABELS, 3, torch.device("cpu")) is None

    def test_an_image_of_a_rare_class_counts_by_its_weight_whatever_is_in_its_batch(self, recipe):
        logits_bk, labels_b = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 0, 0, 2])
        weights_k, smoothless = torch.tensor([0.5, 1.0, 4.0]), recipe(label_smoothing=0.0)
        each_b = functional.cross_entropy(logits_bk, labels_b, reduction="none")
        weighted = Loss(smoothless, weights_k)(logits_bk, labels_b)
        assert weighted == pytest.approx((each_b * weights_k[labels_b]).mean().item())
        assert Loss(smoothless)(logits_bk, labels_b) == pytest.approx(each_b.mean().item())
        shares_bk = functional.one_hot(labels_b, 3).float()
        assert Loss(smoothless, weights_k)(logits_bk, shares_bk) == pytest.approx(weighted.item())

    def test_balanced_sampling_draws_all_classes_equally_often(self, recipe):
        drawn_n = self.LABELS[epoch_order(recipe(balance="sampling"), self.LABELS, 100, generator(0, "x"))]
        assert 35 <= (drawn_n == 2).sum() <= 65
        plain_n = epoch_order(recipe(), self.LABELS, 100, generator(0, "x"))
        assert torch.equal(plain_n.sort().values, torch.arange(100))  # the control: each once


def test_recalibration_gives_the_statistics_of_plain_images_under_the_final_weights(toy, recipe):
    def trained(images: int) -> tuple[Trainer, nn.BatchNorm2d]:
        normalised = nn.BatchNorm2d(1)
        network = nn.Sequential(normalised, nn.Flatten(), nn.Linear(64, 3))
        settings = recipe(recalibrate=images, batch_size=64, cutout=1.0, erasing=1.0)
        trainer = Trainer(network, toy(train=64), epochs=1, size=8, recipe=settings, seed=0)
        trainer.epoch()
        return trainer, normalised

    trainer, recalibrated = trained(64)
    assert recalibrated.running_mean == pytest.approx(0.0, abs=1e-5)  # normalised images have mean 0
    assert recalibrated.running_var == pytest.approx(1.0, abs=0.05)
    assert trainer.network.training is False
    _, running = trained(0)
    assert running.running_var != pytest.approx(1.0, abs=0.05)  # blanked and erased ones do not


def test_drop_path_skips_residual_branches_in_training_alone():
    space = Space.from_dict({"name": "one", "skeleton": "resnet", "image": [3, 32, 32], "dimensions": {"width": 0.125}})
    candidate, x_bchw = space.candidate({"width": 0.125}), torch.randn(4, 3, 32, 32)

    def outputs_differ(rate: float, training: bool) -> bool:
        network = candidate.build(drop_path_rate=rate).train(training)
        for normalised in (module for module in network.modules() if isinstance(module, nn.BatchNorm2d)):
            nn.init.ones_(normalised.weight)  # a residual branch begins at zero
        with torch.no_grad():
            return not torch.equal(network(x_bchw), network(x_bchw))

    assert outputs_differ(0.5, training=True)
    assert not outputs_differ(0.0, training=True)
    assert not outputs_differ(0.5, training=False)


def test_each_update_tells_the_share_that_is_done(start):
    told: list[float] = []
    trainer = start(low_size=0.5, low_fraction=0.5)
    trainer.told = told.append
    run(trainer, 2)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
    first = sum(plan.pixels for plan in trainer._schedule[:1]) / sum(plan.pixels for plan in trainer._schedule)
    assert any(share == pytest.approx(first) for share in told)
    assert first < 0.4  # a smaller first epoch is less than half of the work
