"""Units of one convolution and no residual: the VGG-like unit, and a projection between stages.

Sources: Simonyan & Zisserman, VGG, ICLR 2015, arXiv:1409.1556, normalised after Ioffe & Szegedy,
ICML 2015, arXiv:1502.03167; Hu et al., SENet, CVPR 2018, arXiv:1709.01507 (in a plain network the
attention follows the activation). VGG ends its stages with a 2×2 max pool; here the unit that takes
the stride begins with it, which is the same network but for the pool after the last stage: a global
pool follows instead, and no layers of 4096. Odd sides are rounded up and convolutions that are
normalised have no bias.
Projection: NAS-Bench-Macro's "identity" at a stage's first layer (Su et al., CVPR 2021,
arXiv:2103.11922; no activation, as its code and the parameters it lists say), and the last 1×1
convolution of MobileNetV3 and Once-for-All (arXiv:1905.02244, arXiv:1908.09791; activated).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .block import Attention, ConvAttention, Unit, register
from .cost import Cost, conv_cost, norm_cost
from .rules import check
from .shape import Number, Shape
from .slot import build_slot, gate_cost, spatial_cost

if TYPE_CHECKING:
    from torch import nn


@register("plain")
@dataclass(frozen=True, slots=True, kw_only=True)
class Plain(Unit):
    """The choice of a VGG-like unit: convolution, normalisation, activation, attention."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """1 or 2, of a max pool before the convolution."""
    kernel: Number = 3
    """Odd window of the convolution, in pixels; without meaning, and 3 where resolved, if the
    attention takes the convolution's place."""
    attention: Attention | None = None
    """After the activation; one that selects among convolutions takes the place of the convolution,
    its normalisation and its activation."""
    activation: str = "relu"
    """After the normalisation."""

    def __post_init__(self) -> None:
        check("channels >= 1 must hold", self.channels >= 1, channels=self.channels)
        check("stride must be 1 or 2", self.stride in (1, 2), stride=self.stride)
        check("kernel must be odd and positive", (self.kernel % 2 == 1) & (self.kernel > 0), kernel=self.kernel)

    def resolved(self, shape: Shape) -> Plain:
        if self.attention is None:
            return self
        block = replace(self, attention=self.attention.resolved(self.out(shape)))
        # what takes the convolution's place has a window and an activation of its own: equal
        # networks, equal descriptions
        return replace(block, kernel=3, activation="relu") if isinstance(self.attention, ConvAttention) else block

    def cost(self, shape: Shape) -> Cost:
        pooled, out = shape.strided(self.stride), self.out(shape)
        conv = spatial_cost(self.attention, self.kernel, pooled, out)
        return conv.beside(0 if self.stride == 1 else shape.elements) + gate_cost(self.attention, out).beside(
            shape.elements
        )

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        """Trainable module for maps of `shape`; without a residual branch there is nothing for
        `drop_path` to skip."""
        from .modules.plain import PlainConv

        mixed, gate = build_slot(self.attention, shape.strided(self.stride), self.out(shape), stride=1)
        return PlainConv(shape.channels, self.channels, self.kernel, self.stride, self.activation, gate, mixed)


@register("projection")
@dataclass(frozen=True, slots=True, kw_only=True)
class Projection(Unit):
    """The choice of a 1×1 convolution with normalisation, to other channels or a smaller map. An
    identity that keeps its map is no unit at all."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """1 or 2, of the convolution."""
    activation: str | None = None
    """After the normalisation; None is none."""

    def __post_init__(self) -> None:
        check("channels >= 1 must hold", self.channels >= 1, channels=self.channels)
        check("stride must be 1 or 2", self.stride in (1, 2), stride=self.stride)

    def cost(self, shape: Shape) -> Cost:
        return conv_cost(shape, self.out(shape), 1) + norm_cost(self.channels)

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        """Trainable module for maps of `shape`; without a residual branch there is nothing for
        `drop_path` to skip."""
        from .modules.plain import ConvBnAct

        return ConvBnAct(shape.channels, self.channels, 1, self.stride, self.activation)
