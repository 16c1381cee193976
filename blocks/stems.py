"""Stems, which stand before the stages, and heads, which stand after them; modules as in timm.

Sources: EfficientNet (arXiv:1905.11946): a 3×3 convolution of stride 2, and a 1×1 convolution
before pooling; ResNet (arXiv:1512.03385): a 7×7 convolution of stride 2 and a max pool; the "deep"
stem of three 3×3 convolutions is ResNet-C/D's (arXiv:1812.01187), its "tiered" form timm's
(`deep_tiered`: 24, 32, 64 channels, in ResNet-T and ECA-ResNet-T). Every convolution is normalised
and activated, except in MobileNetV3's "efficient last stage" (Howard et al., ICCV 2019,
arXiv:1905.02244), whose convolution follows the pool and is only activated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from .block import Part, register
from .cost import Cost, conv_cost, norm_cost
from .rounding import at_least, nearest, scaled_channels
from .rules import check, check_channels, check_stride, check_window
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


@register("conv_stem")
@dataclass(frozen=True, slots=True, kw_only=True)
class ConvStem(Part):
    """A stem of one convolution."""

    channels: Number = 32
    """Output channels."""
    kernel: int = 3
    """Window of the convolution in pixels, odd."""
    stride: int = 2
    """Stride of the convolution: 1 or 2."""
    activation: str = "silu"
    """Activation after the normalisation."""

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check_window("kernel", self.kernel)
        check_stride(self.stride)

    def out(self, shape: Shape) -> Shape:
        return shape.strided(self.stride).with_channels(self.channels)

    def tap(self, shape: Shape) -> tuple[str, Shape]:
        return "act1", self.out(shape)

    def cost(self, shape: Shape) -> Cost:
        return conv_cost(shape, self.out(shape), self.kernel) + norm_cost(self.channels)

    def build(self, shape: Shape) -> dict[str, nn.Module]:
        from torch import nn

        from .modules.activation import activation_layer

        return {
            "conv_stem": nn.Conv2d(
                shape.channels, self.channels, self.kernel, self.stride, self.kernel // 2, bias=False
            ),
            "bn1": nn.BatchNorm2d(self.channels),
            "act1": activation_layer(self.activation),
        }


@register("resnet_stem")
@dataclass(frozen=True, slots=True, kw_only=True)
class ResNetStem(Part):
    """A stem of one 7×7 convolution, or three 3×3 convolutions, and a max pool."""

    added: ClassVar[Mapping[str, Any]] = {"tiered": False}

    channels: Number = 64
    """Output channels."""
    deep: Number | None = None
    """Channels of the first two of three 3×3 convolutions; None for a single 7×7 convolution."""
    tiered: bool = False
    """Whether the first of the three has three quarters of the channels of the second."""

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check("deep >= 1 must hold", True if self.deep is None else self.deep >= 1, deep=self.deep)
        check(
            "a tiered stem needs deep >= 4",
            not self.tiered or (self.deep is not None and self.deep >= 4),
            deep=self.deep,
        )

    @property
    def first(self) -> Number:
        """Output channels of the first convolution."""
        if self.deep is None:
            return self.channels
        return 3 * (self.deep // 4) if self.tiered else self.deep

    def widened(self, factor: Number) -> ResNetStem:
        """Return the same stem with `factor` times the channels.

        In a stem of three convolutions `deep` is rounded, and the output channels keep their ratio
        to it.
        """
        if self.deep is None:
            return replace(self, channels=scaled_channels(self.channels, factor))
        deep = scaled_channels(self.deep, factor)
        return replace(self, channels=at_least(nearest(self.channels * deep / self.deep), 1), deep=deep)

    def out(self, shape: Shape) -> Shape:
        return shape.strided(2).strided(2).with_channels(self.channels)

    def tap(self, shape: Shape) -> tuple[str, Shape]:
        return "act1", shape.strided(2).with_channels(self.channels)  # before the max pool

    def cost(self, shape: Shape) -> Cost:
        _, half = self.tap(shape)
        if self.deep is None:
            return conv_cost(shape, half, 7) + norm_cost(self.channels)
        first, second = half.with_channels(self.first), half.with_channels(self.deep)
        convolutions = conv_cost(shape, first, 3) + conv_cost(first, second, 3) + conv_cost(second, half, 3)
        return convolutions + norm_cost(self.first) + norm_cost(self.deep) + norm_cost(self.channels)

    def build(self, shape: Shape) -> dict[str, nn.Module]:
        from torch import nn

        conv: nn.Module
        if self.deep is None:
            conv = nn.Conv2d(shape.channels, self.channels, 7, 2, 3, bias=False)
        else:
            conv = nn.Sequential(
                nn.Conv2d(shape.channels, self.first, 3, 2, 1, bias=False),
                nn.BatchNorm2d(self.first),
                nn.ReLU(inplace=True),
                nn.Conv2d(self.first, self.deep, 3, 1, 1, bias=False),
                nn.BatchNorm2d(self.deep),
                nn.ReLU(inplace=True),
                nn.Conv2d(self.deep, self.channels, 3, 1, 1, bias=False),
            )
        return {
            "conv1": conv,
            "bn1": nn.BatchNorm2d(self.channels),
            "act1": nn.ReLU(inplace=True),
            "maxpool": nn.MaxPool2d(3, 2, 1),
        }


@register("conv_head")
@dataclass(frozen=True, slots=True, kw_only=True)
class ConvHead(Part):
    """A head of one 1×1 convolution before the global pool."""

    channels: Number = 1280
    """Output channels: the features of the network."""
    activation: str = "silu"
    """Activation after the normalisation."""

    def __post_init__(self) -> None:
        check_channels(self.channels)

    def out(self, shape: Shape) -> Shape:
        return shape.with_channels(self.channels)

    def cost(self, shape: Shape) -> Cost:
        return conv_cost(shape, self.out(shape), 1) + norm_cost(self.channels)

    def build(self, shape: Shape) -> dict[str, nn.Module]:
        from torch import nn

        from .modules.activation import activation_layer

        return {
            "conv_head": nn.Conv2d(shape.channels, self.channels, 1, bias=False),
            "bn2": nn.BatchNorm2d(self.channels),
            "act2": activation_layer(self.activation),
        }


@register("pool_head")
@dataclass(frozen=True, slots=True, kw_only=True)
class PoolHead(Part):
    """A head without modules: the map of the last stage is pooled."""

    def cost(self, shape: Shape) -> Cost:
        return Cost()

    def build(self, shape: Shape) -> dict[str, nn.Module]:
        return {}


@register("efficient_head")
@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientHead(Part):
    """A head of one 1×1 convolution after the global pool, where it acts on a single position.

    The widening before the pool belongs to the last stage (`Projection`).
    """

    channels: Number = 1280
    """Output channels: the features of the network."""
    bias: bool = True
    """Whether the convolution has a bias, as in MobileNetV3; Once-for-All's has none."""
    activation: str = "hard_swish"
    """Activation after the convolution; there is no normalisation."""

    def __post_init__(self) -> None:
        check_channels(self.channels)

    def out(self, shape: Shape) -> Shape:
        return Shape(self.channels, 1, 1)

    def cost(self, shape: Shape) -> Cost:
        return conv_cost(Shape(shape.channels, 1, 1), self.out(shape), 1, bias=self.bias)

    def build(self, shape: Shape) -> dict[str, nn.Module]:
        return {}

    def neck(self, shape: Shape) -> dict[str, nn.Module]:
        from torch import nn

        from .modules.activation import activation_layer

        return {
            "conv_head": nn.Conv2d(shape.channels, self.channels, 1, bias=self.bias),
            "act2": activation_layer(self.activation),
        }
