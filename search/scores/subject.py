"""What scores are computed from: a network, a batch, and the pass over it that several scores
share.

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
    """A network in evaluation mode and the batch it is judged by."""

    network: nn.Module
    """As initialised, on the batch's device."""
    images: Tensor
    """(b, c, h, w), floats of zero mean and unit deviation."""
    labels: Tensor
    """(b,), int64."""
    seed: int
    """For what a score draws itself."""
    cost: Cost | None
    """Of the candidate; None where only a network is known."""
    patterns: bool = True
    """Whether the shared pass compares activation patterns."""

    gradients: bool = True
    """Whether the shared pass keeps its graph."""

    def generator(self, purpose: str) -> torch.Generator:
        """Random numbers of one purpose, drawn on the CPU: the same on every device."""
        return generator(self.seed, "scores", purpose)

    @cached_property
    def shared(self) -> InitialPass:
        """The pass of the batch through the network as it was initialised."""
        images = self.images.detach().clone(memory_format=torch.preserve_format).requires_grad_(self.gradients)
        found = InitialPass(images, patterns=self.patterns)
        with torch.set_grad_enabled(self.gradients), found:
            found.logits = self.network(images)
        return found


class InitialPass(Trace):
    """Images through the network with the statistics of the batch, keeping what scores need."""

    def __init__(self, images: Tensor, *, patterns: bool) -> None:
        super().__init__()
        self.images = images
        self.logits: Tensor = images.new_zeros(0)
        """(b, k), with its graph if gradients are to be taken."""
        self.weights: list[Tensor] = []
        """Weights of convolutions and linear layers, each once, as they were used."""
        self.agreeing = torch.zeros(len(images), len(images), dtype=torch.float64, device=images.device)
        """(b, b): in how many places two images are on the same side of the activations."""
        self._patterns = patterns

    def layer(self, func: Callable[..., Tensor], input: Tensor, weight: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if weight.requires_grad and not any(weight is each for each in self.weights):
            self.weights.append(weight)
        return func(input, weight, *args, **kwargs)

    def activation(self, func: Callable[..., Tensor], input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self._patterns:
            with torch.no_grad():
                side_bn = (input.detach() > 0).reshape(len(self.agreeing), -1).float().mul_(2).sub_(1)
                # agreeing minus differing places; sums of ±1 are exact in float32 below 2^24, which
                # is more than a layer has
                self.agreeing += ((side_bn @ side_bn.T).double() + side_bn.shape[1]) / 2
        return func(input, *args, **kwargs)
