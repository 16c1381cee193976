"""What a block or network costs for one image.

The convention, used everywhere: **one FLOP is one multiply-add (MAC)**, as in EfficientNet,
ResNeXt, SENet, ECA-Net and ResNeSt. Convolutions and linear layers count; biases, normalisation,
activations, pooling and elementwise products do not. `params` are all trainable numbers,
normalisation's scale and shift included. `activations` are the output elements of the layers that
count (Radosavovic et al., CVPR 2020, arXiv:2003.13678). `peak` is the largest number of elements
alive at once while one of those layers runs in inference: what it reads and writes, and the maps
held for later (the input of the unit it stands in). Normalisation, activations and elementwise
products are taken to work in place.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .shape import Number, Shape, is_array


@dataclass(frozen=True, slots=True)
class Cost:
    """What one image costs; ints, or arrays for many candidates. Costs add up; the peak of a sum is
    the larger peak."""

    macs: Number = 0
    """Multiply-adds."""
    params: Number = 0
    """Trainable numbers."""
    activations: Number = 0
    """Output elements of the layers that count."""
    peak: Number = 0
    """Elements alive at once, at most."""
    subject: object = field(default=None, compare=False, repr=False)
    """What this is the whole cost of: a candidate, or the candidates of arrays, from which further
    cost metrics are computed; None for the cost of a part."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.macs + other.macs,
            self.params + other.params,
            self.activations + other.activations,
            _larger(self.peak, other.peak),
        )

    def __mul__(self, count: Number) -> Cost:
        """The cost of `count` equal blocks in a row; none of them costs nothing."""
        return Cost(self.macs * count, self.params * count, self.activations * count, self.peak * (count > 0))

    __rmul__ = __mul__

    def beside(self, held: Number) -> Cost:
        """The same cost while `held` further elements are alive."""
        return Cost(self.macs, self.params, self.activations, self.peak + held)

    def memory(self, batch: int = 1, *, bytes_per_element: int = 4) -> Number:
        """Peak activation memory in bytes for a batch of images in inference; 4 bytes an element is
        float32."""
        return self.peak * batch * bytes_per_element


def _larger(one: Number, other: Number) -> Number:
    if type(one) is int and type(other) is int:  # asked at every sum of one candidate's cost
        return one if one > other else other
    return np.maximum(one, other) if is_array(one) or is_array(other) else max(one, other)


def conv_cost(shape: Shape, out: Shape, kernel: Number, *, groups: Number = 1, bias: bool = False) -> Cost:
    """Cost of a `kernel` × `kernel` convolution from `shape` to `out` in `groups` groups."""
    weights = kernel * kernel * (shape.channels // groups) * out.channels
    return Cost(
        weights * out.pixels, weights + (out.channels if bias else 0), out.elements, shape.elements + out.elements
    )


def norm_cost(channels: Number) -> Cost:
    """Cost of a normalisation layer: scale and shift; no MACs by the convention."""
    return Cost(0, 2 * channels, 0)


def linear_cost(inputs: Number, outputs: Number, *, bias: bool = True) -> Cost:
    """Cost of a linear layer."""
    return Cost(inputs * outputs, inputs * outputs + (outputs if bias else 0), outputs, inputs + outputs)
