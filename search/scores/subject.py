"""What scores are computed from: a network, a batch, and a pass that several scores share.

Shape letters: b batch, c channels, h height, w width, k classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from ...blocks import Cost
from ..training.randomness import generator
from .tracing import Trace


@dataclass(kw_only=True)
class Subject:
    """A network in evaluation mode, and the batch by which it is scored."""

    network: nn.Module
    """The network, on the device of the batch."""
    images: Tensor
    """(b, c, h, w), floats of zero mean and unit variance."""
    labels: Tensor
    """(b,), int64."""
    seed: int
    """Seed of the random numbers that a score draws."""
    cost: Cost | None
    """Cost of the candidate; None if only a network is known."""
    patterns: bool = True
    """Whether the shared pass compares the activation patterns of the images."""

    gradients: bool = True
    """Whether the shared pass keeps its graph."""

    def generator(self, purpose: str) -> torch.Generator:
        """A generator on the CPU, whose numbers depend on the seed and the purpose only."""
        return generator(self.seed, "scores", purpose)

    @cached_property
    def shared(self) -> InitialPass:
        """The pass of the batch through the network; made when it is first used."""
        images = self.images.detach().clone(memory_format=torch.preserve_format).requires_grad_(self.gradients)
        found = InitialPass(images, patterns=self.patterns)
        with torch.set_grad_enabled(self.gradients), found:
            found.logits = self.network(images)
        return found


class InitialPass(Trace):
    """A pass with the statistics of the batch, which keeps what scores need."""

    def __init__(self, images: Tensor, *, patterns: bool) -> None:
        super().__init__()
        self.images = images
        self.logits: Tensor = images.new_zeros(0)
        """(b, k), with its graph if gradients are taken."""
        self.weights: list[Tensor] = []
        """Weights of convolutions and linear layers, each once, in order of use."""
        self.agreeing: Tensor = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)
        """(b, b): number of units that are active for both images or for none of them."""
        self._patterns = patterns

    def layer(self, func: Callable[..., Tensor], input: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if weight.requires_grad and not any(weight is each for each in self.weights):
            self.weights.append(weight)
        return func(input, weight, *args, **kwargs)

    def activation(self, func: Callable[..., Tensor], input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self._patterns:
            with torch.no_grad():
                side_bn = (input.detach() > 0).reshape(len(self.agreeing), -1).float().mul_(2).sub_(1)
                # agreeing minus differing units; sums of ±1 are exact in float32 below 2^24, and a
                # layer has fewer units
                self.agreeing += ((side_bn @ side_bn.T).double() + side_bn.shape[1]) / 2
        return func(input, *args, **kwargs)
