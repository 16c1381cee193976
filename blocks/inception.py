"""The Inception-like unit: four parallel branches whose outputs are concatenated.

Sources: Szegedy et al., Going Deeper with Convolutions, CVPR 2015, arXiv:1409.4842 (the branches);
Ioffe & Szegedy, ICML 2015, arXiv:1502.03167 (every convolution normalised, two 3×3 convolutions for
the 5×5 one, average pools); Hu et al., SENet, CVPR 2018, arXiv:1709.01507 (attention on the
concatenation). The papers list the widths of every unit. Here they follow from `channels` in the
proportions of BN-Inception's first unit of 256 channels: 1×1 64, 3×3 64, double 3×3 96, pool 32,
and 64 before either 3×3. As in the paper, a unit of stride 2 has no 1×1 branch; its channels go to
the 3×3 branch. Deviation: the max pool of such a unit is projected, which the paper's is not;
otherwise a unit could not be narrower than its input. Average pools leave out the padding, so that
values at the edges of a small map are not lowered. An attention that selects among convolutions
replaces the 3×3 convolution of the 3×3 branch, which exists at either stride.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .block import Attention, ConvAttention, Unit, register
from .cost import Cost, conv_cost, norm_cost
from .rounding import at_least
from .rules import check, check_stride
from .shape import Number, Shape
from .slot import build_slot, gate_cost, spatial_cost

if TYPE_CHECKING:
    from torch import nn


def _conv_cost(shape: Shape, out: Shape, kernel: int) -> Cost:
    return conv_cost(shape, out, kernel) + norm_cost(out.channels)


@register("inception")
@dataclass(frozen=True, slots=True, kw_only=True)
class Inception(Unit):
    """An Inception-like unit."""

    channels: Number
    """Output channels of all branches together; at least 4."""
    stride: int = 1
    """Stride of the last 3×3 convolution of each branch and of the pool: 1 or 2."""
    attention: Attention | None = None
    """Attention on the concatenated map; one that selects among convolutions replaces the
    convolution of the 3×3 branch instead."""
    activation: str = "relu"
    """Activation after every normalisation."""

    def __post_init__(self) -> None:
        check("channels >= 4 must hold", self.channels >= 4, channels=self.channels)
        check_stride(self.stride)

    @property
    def widths(self) -> tuple[Number, Number, Number, Number]:
        """Output channels of the branches 1×1, 3×3, double 3×3 and pool.

        One eighth goes to the pool and three eighths to the double branch, rounded down; the first
        branch gets what is left.
        """
        double, pool = at_least(3 * self.channels // 8, 1), at_least(self.channels // 8, 1)
        if self.stride != 1:
            return 0, self.channels - double - pool, double, pool
        three = self.channels // 4
        return self.channels - three - double - pool, three, double, pool

    @property
    def reduced(self) -> Number:
        """Channels before the 3×3 convolutions."""
        return self.channels // 4

    def resolved(self, shape: Shape) -> Inception:
        if self.attention is None:
            return self
        out = self.out(shape)
        return replace(
            self,
            attention=self.attention.resolved(
                out.with_channels(self.widths[1]) if isinstance(self.attention, ConvAttention) else out
            ),
        )

    def cost(self, shape: Shape) -> Cost:
        out, reduced = self.out(shape), shape.with_channels(self.reduced)
        one, three, double, pool = (out.with_channels(width) for width in self.widths)
        within = shape.with_channels(double.channels)
        # the input is held for the branches still to come, and the outputs of finished branches are
        # held until the concatenation
        first = _conv_cost(shape, one, 1)
        second = _conv_cost(shape, reduced, 1) + spatial_cost(self.attention, 3, reduced, three).beside(shape.elements)
        third = _conv_cost(shape, reduced, 1) + (_conv_cost(reduced, within, 3) + _conv_cost(within, double, 3)).beside(
            shape.elements
        )
        fourth = _conv_cost(shape.strided(self.stride), pool, 1).beside(shape.elements)
        done = one.elements + three.elements
        branches = first + second.beside(one.elements) + third.beside(done) + fourth.beside(done + double.elements)
        return branches + gate_cost(self.attention, out).beside(shape.elements)

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        """Make the trainable module for maps of `shape`; there is no residual branch, so
        `drop_path` has no effect."""
        from .modules.inception import InceptionUnit

        out = self.out(shape)
        after = out.with_channels(self.widths[1]) if isinstance(self.attention, ConvAttention) else out
        mixed, gate = build_slot(self.attention, shape.with_channels(self.reduced), after, stride=self.stride)
        return InceptionUnit(shape.channels, self.widths, self.reduced, self.stride, self.activation, gate, mixed)
