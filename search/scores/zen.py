"""zen: the sensitivity of the last map to small changes of the input, with random weights.

Source: Lin et al., Zen-NAS, ICCV 2021, arXiv:2102.01063, algorithm 1: with weights, x and ε from
N(0, 1), Zen = log E‖f(x) − f(x + αε)‖_F + Σ_i log σ̄_i, where f is the map before the global pool,
σ̄_i² the mean over channels of the batch's variance at the i-th normalisation, and α = 0.01.
Residual links and gates of attention are removed (its section 3 leaves auxiliary structures out).

Implementation: if two maps are added, only the one with more layers behind it is kept, and both if
they have equally many; the normalisation of a dropped shortcut does not count. A map multiplied by
a gate stays as it is, divided by n if the gate is a softmax over n branches. As in the authors'
code, x and x + αε are normalised by their own statistics, and σ̄ is that of x. Activations are those
of the network.

Deviations: E is a mean over 8 draws (16 to 64 in the authors' code). The authors' code takes the
sum of absolute differences instead of the Frobenius norm, and running averages of the variances;
this module follows the paper.
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
"""Number of draws of x and of ε; each takes as long as two images."""


def score(subject: Subject) -> float:
    """Zen of the network; NaN if it has no method `forward_features`, which in timm returns the map
    before the pool."""
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
    """A pass of two halves of a batch, with weights from N(0, 1); no residual links and gates."""

    def __init__(self, draws: torch.Generator) -> None:
        super().__init__()
        self.log_scales: list[Tensor] = []
        """log σ̄ of every normalisation, in order."""
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
