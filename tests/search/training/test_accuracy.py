"""Accuracy, and the names of devices."""

from __future__ import annotations

import pytest
import torch
from automl.blocks.errors import Diverged, InputError
from automl.search.training.accuracy import accuracy, quality
from automl.search.training.device import describe, has_fast_bf16, pick_device, resolve
from torch import nn


class Brightest(nn.Module):
    """Names the brightest channel."""

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        return x_bchw.mean(dim=(2, 3))


IMAGES = torch.eye(4, dtype=torch.uint8).mul(200).view(4, 4, 1, 1).expand(4, 4, 3, 3).repeat(5, 1, 1, 1)
FLAT = {"mean": [0.5] * 4, "std": [0.25] * 4}


@pytest.mark.parametrize("batch_size", [1, 3, 20, 100])
def test_it_is_the_share_of_right_answers_whatever_the_batch_size(batch_size):
    labels = torch.arange(20) % 4
    labels[:5] = 3 - labels[:5]
    assert accuracy(Brightest(), IMAGES, labels, **FLAT, batch_size=batch_size) == 15 / 20


@pytest.mark.parametrize("batch_size", [1, 3, 20, 100])
def test_a_runner_gets_batches_of_one_size_and_what_fills_the_last_one_is_not_counted(batch_size):
    labels = torch.arange(20) % 4
    labels[-5:] = 3 - labels[-5:]
    sizes = []

    def run(function, x_bchw):
        sizes.append(len(x_bchw))
        return function(x_bchw)

    assert accuracy(Brightest(), IMAGES, labels, **FLAT, batch_size=batch_size, run=run) == 15 / 20
    assert sizes == [batch_size] * -(-20 // batch_size)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_evaluated_in_eval_mode_and_left_in_its_own(training):
    network = nn.Sequential(nn.BatchNorm2d(4), Brightest()).train(training)
    accuracy(network, IMAGES, torch.arange(20) % 4, **FLAT)
    assert network.training is training
    assert network[0].num_batches_tracked == 0


def test_another_measure_is_that_of_all_logits_and_larger_is_better():
    labels = torch.cat([torch.arange(20) % 4, torch.zeros(5, dtype=torch.int64)])
    images = torch.cat([IMAGES, IMAGES[1].expand(5, -1, -1, -1)])  # five of class 0 that look like class 1
    given = {**FLAT, "batch_size": 7}
    logits_nk = torch.where(images.float().mean(dim=(2, 3)) > 0, 200 / 255 - 0.5, -0.5) / 0.25
    assert quality(Brightest(), images, labels, **given) == 20 / 25
    assert quality(Brightest(), images, labels, **given, metric="balanced-accuracy") == pytest.approx((0.5 + 3) / 4)
    loss = nn.functional.cross_entropy(logits_nk, labels).item()
    assert quality(Brightest(), images, labels, **given, metric="log-loss") == pytest.approx(-loss, abs=1e-6)


def test_logits_that_are_not_finite_are_an_error():
    class Broken(Brightest):
        def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
            return super().forward(x_bchw) / 0

    with pytest.raises(Diverged, match="logits must be finite"):
        accuracy(Broken(), IMAGES, torch.arange(20) % 4, **FLAT)


def test_a_device_has_one_name_and_a_description():
    assert resolve("cpu") == torch.device("cpu")
    assert describe("cpu") == "cpu"
    assert not has_fast_bf16(torch.device("cpu"))
    assert pick_device().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert describe(pick_device()).startswith(str(pick_device()))


@pytest.mark.parametrize("device", ["gpu0", "cuda:99"])
def test_a_device_that_is_not_there_is_refused(device):
    with pytest.raises(InputError, match=f"device must be .* but got '{device}'"):
        resolve(device)
