"""zen: how much the last map of a network of random weights moves when its input moves a little,
however much normalisations shrink it.

Source: Lin et al., Zen-NAS, ICCV 2021, arXiv:2102.01063, algorithm 1: with weights, x and ε from
N(0, 1), Zen = log E‖f(x) − f(x + αε)‖_F + Σ_i log σ̄_i, f the map before the global pool, σ̄_i² the
mean over channels of the batch's variance at the i-th normalisation, α = 0.01. Residual links are
removed, gates of attention too (its section 3 leaves auxiliary structures out).

How: of two maps of one shape that are added, the one with more layers on its way is kept, with as
many both are; a shortcut's normalisation is then not counted. A product of a map with a gate leaves
the map, divided by n where the gate is a softmax over n branches. Both halves of a batch of x and x
+ αε are normalised by their own statistics, σ̄ is that of x, as in the authors' code. Activations
are the network's own.

Deviations: E is a mean over 8 draws (the authors' code takes 16 to 64). The authors' code takes the
sum of absolute differences for the Frobenius norm and running averages of the variances; here it is
what the paper says.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import batch_norm

from .subject import Subject
from .tracing import Tag, Trace, gated, tag_of, tagged

ALPHA = 0.01
INPUTS = 8
"""Draws of x and of ε; each costs as much as two images."""


def score(subject: Subject) -> float:
    """Zen of the network; NaN for one without `forward_features` (timm's protocol), which gives the
    map before the pool."""
    features = getattr(subject.network, "forward_features", None)
    if features is None:
        return math.nan
    draws = subject.generator("zen")
    x = torch.randn(min(INPUTS, len(subject.images)), *subject.images.shape[1:], generator=draws)
    moved = x + ALPHA * torch.randn(x.shape, generator=draws)
    both = torch.cat([x, moved]).to(subject.images.device, subject.images.dtype, memory_format=torch.channels_last)
    trace = _Random(draws)
    with torch.no_grad(), trace:
        map_bchw = features(both)
    here, there = map_bchw.detach().chunk(2)
    moves = (here - there).flatten(1).double().norm(dim=1).mean()
    return float(moves.log() + sum(trace.log_scales[number] for number in sorted(tag_of(map_bchw).norms)))


class _Random(Trace):
    """Weights from N(0, 1), two halves of a batch, no residual links and no gates."""

    def __init__(self, draws: torch.Generator) -> None:
        super().__init__()
        self.log_scales: list[Tensor] = []
        """log σ̄ of every normalisation."""
        self._draws = draws

    def layer(
        self,
        func: Callable[..., Tensor],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        random = torch.randn(weight.shape, generator=self._draws).to(weight)
        return func(input, random, None, *args, **kwargs)

    def batch_norm(
        self,
        func: Callable[..., Tensor],
        input: Tensor,
        running_mean: Any,
        running_var: Any,
        weight: Any = None,
        bias: Any = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        halves = input.chunk(2)
        axes = [axis for axis in range(input.ndim) if axis != 1]
        variance = halves[0].float().var(axes, unbiased=False).mean().double()
        self.log_scales.append(variance.sqrt().log())
        out = torch.cat([batch_norm(half, None, None, None, None, True, 0.0, eps) for half in halves])
        tag = tag_of(input)
        return tagged(out, Tag(layers=tag.layers, norms=tag.norms | {len(self.log_scales) - 1}))

    def total(self, func: Callable[..., Tensor], one: Tensor, other: Tensor, **kwargs: Any) -> Tensor:
        first, second = tag_of(one).layers, tag_of(other).layers
        if one.shape != other.shape or first == second:
            return super().total(func, one, other, **kwargs)
        return one if first > second else other

    def product(self, func: Callable[..., Tensor], one: Tensor, other: Tensor, **kwargs: Any) -> Tensor:
        found = gated(one, other)
        if found is None:
            return super().product(func, one, other, **kwargs)
        map, share = found
        return map if share == 1 else tagged(map / share, tag_of(map))
