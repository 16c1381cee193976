"""What a block or network costs for one image.

The convention, used everywhere: **one FLOP is one multiply-add (MAC)**, as in EfficientNet, ResNeXt, SENet, ECA-Net and ResNeSt. Convolutions and linear
layers count; biases, normalisation, activations, pooling and elementwise products do not. `params` are all trainable numbers, normalisation's
scale and shift included. `activations` are the output elements of the layers that count (Radosavovic et al., CVPR 2020, arXiv:2003.13678).
"""

from __future__ import annotations

from dataclasses import dataclass

from .shape import Number, Shape


@dataclass(frozen=True, slots=True)
class Cost:
    """MACs, parameters and activations; ints, or arrays for many candidates."""

    macs: Number = 0
    params: Number = 0
    activations: Number = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.params + other.params, self.activations + other.activations)

    def __mul__(self, count: Number) -> Cost:
        return Cost(self.macs * count, self.params * count, self.activations * count)

    __rmul__ = __mul__


def conv_cost(shape: Shape, out: Shape, kernel: Number, *, groups: Number = 1, bias: bool = False) -> Cost:
    """Cost of a `kernel` × `kernel` convolution from `shape` to `out` in `groups` groups."""
    weights = kernel * kernel * (shape.channels // groups) * out.channels
    return Cost(weights * out.pixels, weights + (out.channels if bias else 0), out.elements)


def norm_cost(channels: Number) -> Cost:
    """Cost of a normalisation layer: scale and shift; no MACs by the convention."""
    return Cost(0, 2 * channels, 0)


def linear_cost(inputs: Number, outputs: Number, *, bias: bool = True) -> Cost:
    """Cost of a linear layer."""
    return Cost(inputs * outputs, inputs * outputs + (outputs if bias else 0), outputs)
