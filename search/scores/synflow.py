"""synflow: the signal that flows through a network with the absolute values of its weights.

Source: Tanaka et al., NeurIPS 2020, arXiv:2006.05467, equation (2): R = 1ᵀ (∏ |θ_l|) 1, and a
weight's score ∂R/∂θ ⊙ θ; their sum over all weights as a score of the network, Abdelfattah et al.,
ICLR 2021, arXiv:2101.08134, equation (2). As there, the input is an image of ones, normalisations
are left out, and the sum is over the weights of convolutions and linear layers.

Deviations: the logarithm of the sum is returned, and maps are scaled by powers of two, since the
sum exceeds float64 in deep networks. Activations are left out: ReLU does not change positive
values, and SiLU or hard swish would make the network nonlinear. Gates of attention are open: a
sigmoid is 1, a softmax over n branches is 1/n, and the weights that compute gates do not count.
Biases are made positive like weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from .subject import Subject
from .tracing import Tag, Trace, gated, tag_of, tagged, tensors


def score(subject: Subject) -> float:
    """Logarithm of the summed synaptic flow; images and labels do not matter."""
    ones = subject.images.new_ones(1, *subject.images.shape[1:])
    trace = _Positive()
    with torch.enable_grad(), trace:
        out = subject.network(ones)
    flow = out.sum()
    gradients = torch.autograd.grad(flow, trace.weights, allow_unused=True)
    pairs = zip(trace.weights, gradients, strict=True)
    total = sum(
        float((weight.detach() * gradient).sum(dtype=torch.float64))
        for weight, gradient in pairs
        if gradient is not None
    )
    return (math.log(total) if total > 0 else -math.inf if total == 0 else math.nan) + tag_of(out).exponent * math.log(
        2
    )


class _Positive(Trace):
    """A pass with absolute parameters and open gates, without normalisations and activations."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[Tensor] = []

    def layer(
        self,
        func: Callable[..., Tensor],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        exponent = tag_of(input).exponent
        positive = weight.detach().abs().requires_grad_()
        self.weights.append(positive)
        shift = None if bias is None else bias.detach().abs() * 2.0**-exponent
        out = func(input, positive, shift, *args, **kwargs)
        peak = float(out.detach().amax())
        rise = math.frexp(peak)[1] if 0 < peak < math.inf else 0
        return tagged(out * 2.0**-rise, Tag(layers=tag_of(input).layers + 1, exponent=exponent + rise))

    def activation(self, func: Callable[..., Tensor], input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return input

    def batch_norm(self, func: Callable[..., Tensor], input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return input

    other_norm = batch_norm

    def product(self, func: Callable[..., Tensor], one: Tensor, other: Tensor, **kwargs: Any) -> Tensor:
        found = gated(one, other)
        if found is None:
            exponent = tag_of(one).exponent + tag_of(other).exponent
            return tagged(
                torch.mul(*_positive((one, other))),
                Tag(layers=max(tag_of(one).layers, tag_of(other).layers), exponent=exponent),
            )
        map, share = found
        return map if share == 1 else tagged(map / share, tag_of(map))

    def other(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        exponents = {tag_of(each).exponent for each in tensors((*args, *kwargs.values()))}
        if len(exponents) > 1:
            args = tuple(_aligned(args, max(exponents)))
        return super().other(func, *_positive(args), **kwargs)


def _aligned(values: Iterable[Any], exponent: int) -> list[Any]:
    """The same values, with all tensors scaled by the same power of two."""
    found = []
    for each in values:
        if isinstance(each, list | tuple):
            each = type(each)(_aligned(each, exponent)) if type(each) in (list, tuple) else each
        elif isinstance(each, Tensor) and not isinstance(each, nn.Parameter) and tag_of(each).exponent != exponent:
            each = tagged(
                each * 2.0 ** (tag_of(each).exponent - exponent), Tag(layers=tag_of(each).layers, exponent=exponent)
            )
        found.append(each)
    return found


def _positive(values: Iterable[Any]) -> list[Any]:
    return [each.detach().abs() if isinstance(each, nn.Parameter) else each for each in values]
