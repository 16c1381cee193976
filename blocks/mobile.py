"""Mobile units: MBConv and the depthwise-separable convolution.

Sources: Sandler et al., MobileNetV2, CVPR 2018, arXiv:1801.04381 (the inverted residual); Tan et al., MnasNet, CVPR 2019, arXiv:1807.11626 and
Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946 (with attention on the expanded map). The depthwise convolution holds the stride.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .block import Attention, Unit, register
from .cost import Cost, conv_cost, norm_cost
from .rounding import make_divisible
from .rules import check
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


def _check_window(kernel: Number, stride: int, channels: Number) -> None:
    check("channels >= 1 must hold", channels >= 1, channels=channels)
    check("stride must be 1 or 2", stride in (1, 2), stride=stride)
    check("kernel must be odd and positive", (kernel % 2 == 1) & (kernel > 0), kernel=kernel)


def _attended(attention: Attention | None, shape: Shape) -> Cost:
    return Cost() if attention is None else attention.cost(shape)


@register("mbconv")
@dataclass(frozen=True, slots=True, kw_only=True)
class MBConv(Unit):
    """The choice of an inverted residual."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """1 or 2, of the depthwise convolution."""
    kernel: Number = 3
    """Odd window of the depthwise convolution, in pixels."""
    expansion: Number = 6
    """Expanded channels over input channels; the product is rounded to a multiple of 8."""
    attention: Attention | None = None
    """On the expanded map, after the depthwise convolution."""
    activation: str = "silu"
    """After the expansion and the depthwise convolution."""

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.channels)
        check("expansion > 0 must hold", self.expansion > 0, expansion=self.expansion)

    def expanded(self, shape: Shape) -> Shape:
        """The map between the expansion and the depthwise convolution."""
        return shape.with_channels(make_divisible(shape.channels * self.expansion))

    def resolved(self, shape: Shape) -> MBConv:
        if self.attention is None:
            return self
        return replace(self, attention=self.attention.resolved(self.expanded(shape).strided(self.stride)))

    def cost(self, shape: Shape) -> Cost:
        wide = self.expanded(shape)
        narrow = wide.strided(self.stride)
        out = self.out(shape)
        after = (
            conv_cost(wide, narrow, self.kernel, groups=wide.channels) + norm_cost(wide.channels)
            + _attended(self.attention, narrow)
            + conv_cost(narrow, out, 1) + norm_cost(out.channels)
        )  # fmt: skip
        return conv_cost(shape, wide, 1) + norm_cost(wide.channels) + after.beside(shape.elements)

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        from .modules.mobile import InvertedResidual

        wide = self.expanded(shape)
        attention = None if self.attention is None else self.attention.build(wide.strided(self.stride))
        return InvertedResidual(shape.channels, self.channels, wide.channels, self.kernel, self.stride, self.activation, attention, drop_path)


@register("separable")
@dataclass(frozen=True, slots=True, kw_only=True)
class Separable(Unit):
    """The choice of a depthwise-separable convolution with a linear projection (MBConv of expansion 1)."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """1 or 2, of the depthwise convolution."""
    kernel: Number = 3
    """Odd window of the depthwise convolution, in pixels."""
    attention: Attention | None = None
    """After the depthwise convolution."""
    activation: str = "silu"
    """After the depthwise convolution."""

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.channels)

    def resolved(self, shape: Shape) -> Separable:
        return self if self.attention is None else replace(self, attention=self.attention.resolved(shape.strided(self.stride)))

    def cost(self, shape: Shape) -> Cost:
        narrow = shape.strided(self.stride)
        out = self.out(shape)
        after = _attended(self.attention, narrow) + conv_cost(narrow, out, 1) + norm_cost(out.channels)
        return conv_cost(shape, narrow, self.kernel, groups=shape.channels) + norm_cost(shape.channels) + after.beside(shape.elements)

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        from .modules.mobile import SeparableConv

        attention = None if self.attention is None else self.attention.build(shape.strided(self.stride))
        return SeparableConv(shape.channels, self.channels, self.kernel, self.stride, self.activation, attention, drop_path)
