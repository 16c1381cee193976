"""Units with one convolution and no residual: the VGG-like unit, and the 1×1 projection.

Sources: Simonyan & Zisserman, VGG, ICLR 2015, arXiv:1409.1556, normalised after Ioffe & Szegedy,
ICML 2015, arXiv:1502.03167; Hu et al., SENet, CVPR 2018, arXiv:1709.01507 (in a plain network the
attention follows the activation). VGG ends each stage with a 2×2 max pool; here the unit with the
stride begins with it. This is the same network except after the last stage, where a global pool
replaces the max pool and the fully connected layers of 4096. Odd sides are rounded up, and
normalised convolutions have no bias.
Projection: NAS-Bench-Macro's "identity" at a stage's first layer (Su et al., CVPR 2021,
arXiv:2103.11922; no activation, as its code and the parameters it lists say), and the last 1×1
convolution of MobileNetV3 and Once-for-All (arXiv:1905.02244, arXiv:1908.09791; activated).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .block import Attention, ConvAttention, Unit, register
from .cost import Cost, conv_cost, norm_cost
from .rules import check_channels, check_stride, check_window
from .shape import Number, Shape
from .slot import build_slot, gate_cost, spatial_cost

if TYPE_CHECKING:
    from torch import nn


@register("plain")
@dataclass(frozen=True, slots=True, kw_only=True)
class Plain(Unit):
    """A VGG-like unit: convolution, normalisation, activation, attention."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """Stride of a max pool before the convolution: 1 (no pool) or 2."""
    kernel: Number = 3
    """Window of the convolution in pixels, odd. If the attention replaces the convolution, it has
    no effect and `resolved` sets it to 3."""
    attention: Attention | None = None
    """Attention after the activation; one that selects among convolutions replaces the convolution,
    its normalisation and its activation."""
    activation: str = "relu"
    """Activation after the normalisation."""

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check_stride(self.stride)
        check_window("kernel", self.kernel)

    def resolved(self, shape: Shape) -> Plain:
        if self.attention is None:
            return self
        block = replace(self, attention=self.attention.resolved(self.out(shape)))
        # the attention has its own window and activation, so these fields have no effect: equal
        # networks must have equal descriptions
        return replace(block, kernel=3, activation="relu") if isinstance(self.attention, ConvAttention) else block

    def cost(self, shape: Shape) -> Cost:
        pooled, out = shape.strided(self.stride), self.out(shape)
        conv = spatial_cost(self.attention, self.kernel, pooled, out)
        return conv.beside(0 if self.stride == 1 else shape.elements) + gate_cost(self.attention, out).beside(
            shape.elements
        )

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        """Make the trainable module for maps of `shape`; there is no residual branch, so
        `drop_path` has no effect."""
        from .modules.plain import PlainConv

        mixed, gate = build_slot(self.attention, shape.strided(self.stride), self.out(shape), stride=1)
        return PlainConv(shape.channels, self.channels, self.kernel, self.stride, self.activation, gate, mixed)


@register("projection")
@dataclass(frozen=True, slots=True, kw_only=True)
class Projection(Unit):
    """A 1×1 convolution with normalisation, which changes the channels or halves the map."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """Stride of the convolution: 1 or 2."""
    activation: str | None = None
    """Activation after the normalisation; None for no activation."""

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check_stride(self.stride)

    def cost(self, shape: Shape) -> Cost:
        return conv_cost(shape, self.out(shape), 1) + norm_cost(self.channels)

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        """Make the trainable module for maps of `shape`; there is no residual branch, so
        `drop_path` has no effect."""
        from .modules.plain import ConvBnAct

        return ConvBnAct(shape.channels, self.channels, 1, self.stride, self.activation)
