"""Trains a network from the first to the last epoch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from .pixels import Pixels
from .recipe import Recipe
from .trainer import Report, Trainer


def train(
    network: nn.Module,
    pixels: Pixels,
    *,
    epochs: int,
    size: int,
    recipe: Recipe,
    seed: int,
    fraction: float = 1.0,
    device: torch.device | str = "cpu",
) -> Iterator[Report]:
    """Train `network` in place and yield a report after each epoch.

    After the last one, `network` is in eval mode and holds the weights for use: the averaged ones
    if the recipe averages, otherwise the trained ones. Arguments and errors are those of `Trainer`.
    """
    trainer = Trainer(
        network, pixels, epochs=epochs, size=size, recipe=recipe, seed=seed, fraction=fraction, device=device
    )
    while not trainer.finished:
        yield trainer.epoch()
    network.load_state_dict(trainer.network_for_use().state_dict())
    network.eval()
