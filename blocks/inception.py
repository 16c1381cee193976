"""The Inception-like unit: four branches side by side, concatenated.

Sources: Szegedy et al., Going Deeper with Convolutions, CVPR 2015, arXiv:1409.4842 (the branches);
Ioffe & Szegedy, ICML 2015, arXiv:1502.03167 (every convolution normalised, two 3×3 convolutions for
the 5×5 one, average pools); Hu et al., SENet, CVPR 2018, arXiv:1709.01507 (attention on the
concatenation). The papers give each unit widths of its own. Here all follow from `channels` in the
proportions of BN-Inception's first unit, which is the unit of 256 channels: 1×1 64, 3×3 64, double
3×3 96, pool 32, and 64 before either 3×3. In a unit of stride 2 there is no 1×1 branch, as in the
paper, and the 3×3 branch has its channels; deviation: its max pool is projected too, where the
paper passes the pool on, since else a unit could not be narrower than its input. Average pools
leave the padding out, so that a small map is not darkened at its edges. An attention that selects
among convolutions takes the place of the 3×3 branch's convolution, the one there is whatever the
stride.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .block import Attention, ConvAttention, Unit, register
from .cost import Cost, conv_cost, norm_cost
from .rounding import at_least
from .rules import check
from .shape import Number, Shape
from .slot import build_slot, gate_cost, spatial_cost

if TYPE_CHECKING:
    from torch import nn


def _conv_cost(shape: Shape, out: Shape, kernel: int) -> Cost:
    return conv_cost(shape, out, kernel) + norm_cost(out.channels)


@register("inception")
@dataclass(frozen=True, slots=True, kw_only=True)
class Inception(Unit):
    """The choice of an Inception-like unit."""

    channels: Number
    """Output channels, of all branches together; at least 4."""
    stride: int = 1
    """1 or 2, of the last 3×3 convolutions and the pool."""
    attention: Attention | None = None
    """On the concatenation; one that selects among convolutions takes the place of the 3×3
    branch's."""
    activation: str = "relu"
    """After every normalisation."""

    def __post_init__(self) -> None:
        check("channels >= 4 must hold", self.channels >= 4, channels=self.channels)
        check("stride must be 1 or 2", self.stride in (1, 2), stride=self.stride)

    @property
    def widths(self) -> tuple[Number, Number, Number, Number]:
        """Output channels of the branches 1×1, 3×3, double 3×3 and pool: an eighth for the pool,
        three for the double one, rounded down but for the first."""
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
        # the input is held for the branches to come, and the outputs of those that are done until
        # they are concatenated
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
        """Trainable module for maps of `shape`; without a residual branch there is nothing for
        `drop_path` to skip."""
        from .modules.inception import InceptionUnit

        out = self.out(shape)
        after = out.with_channels(self.widths[1]) if isinstance(self.attention, ConvAttention) else out
        mixed, gate = build_slot(self.attention, shape.with_channels(self.reduced), after, stride=self.stride)
        return InceptionUnit(shape.channels, self.widths, self.reduced, self.stride, self.activation, gate, mixed)
