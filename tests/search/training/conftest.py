"""A task that a tiny network learns in seconds: grey images whose bright half (left, top, or
neither) is the label."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from automl.search.training.pixels import Pixels
from automl.search.training.randomness import seeded
from automl.search.training.recipe import Recipe
from torch import Tensor, nn


class Tiny(nn.Module):
    """Every part that has a state or draws random numbers: batch normalisation, dropout,
    weights."""

    def __init__(self, channels: int = 1, classes: int = 3) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 8, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(16)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(16 * 4, classes)

    def forward(self, x_bchw: Tensor) -> Tensor:
        x_bchw = self.bn1(self.conv1(x_bchw)).relu()
        x_bchw = self.bn2(self.conv2(x_bchw)).relu()
        return self.fc(self.drop(nn.functional.adaptive_avg_pool2d(x_bchw, 2).flatten(1)))


def toy_arrays(train: int, validation: int = 60, shuffled: bool = False) -> tuple[Any, ...]:
    """Images (n, 1, 8, 8), labels, and the numbers of the parts; `shuffled` labels say nothing of
    their image."""
    random = np.random.default_rng(0)
    count = train + validation
    labels = (np.arange(count) % 3).astype(np.int64)
    images = random.integers(0, 120, (count, 1, 8, 8))
    images[labels == 0, :, :, :4] += 120
    images[labels == 1, :, :4, :] += 120
    if shuffled:
        random.shuffle(labels)
    rows = np.arange(count, dtype=np.int64)
    return images.astype(np.uint8), labels, rows[:train], rows[train:]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums in a fixed order, and no fight for the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def toy() -> Callable[..., Pixels]:
    """Makes the toy data set, on the CPU unless told otherwise."""

    def make(train: int = 120, device: str = "cpu", shuffled: bool = False) -> Pixels:
        return Pixels(*toy_arrays(train, shuffled=shuffled), None, device)

    return make


@pytest.fixture
def tiny() -> Callable[..., Tiny]:
    """Makes the tiny network, its weights from a seed."""

    def make(seed: int = 0) -> Tiny:
        with seeded(seed, "build"):
            return Tiny()

    return make


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    """Makes a recipe for the toy task; what is given replaces its settings."""

    def make(**changes: Any) -> Recipe:
        settings = {
            "learning_rate": 0.05,
            "weight_decay": 1e-4,
            "batch_size": 16,
            "warmup": 0.5,
            "drop_rate": 0.0,
            "drop_path_rate": 0.0,
            "flip": False,
            "shift": 0.1,
        }
        return Recipe(**{**settings, **changes})

    return make
