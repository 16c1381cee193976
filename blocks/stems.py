"""Stems and heads: what lies before the stages and between them and the classifier, under timm's
names.

Sources: EfficientNet (arXiv:1905.11946): a 3×3 convolution of stride 2, and a 1×1 convolution
before pooling; ResNet (arXiv:1512.03385): a 7×7 convolution of stride 2 and a max pool; the "deep"
stem of three 3×3 convolutions is ResNet-C/D's (arXiv:1812.01187), its "tiered" form timm's
(`deep_tiered`: 24, 32, 64 channels, in ResNet-T and ECA-ResNet-T). Every convolution is normalised
and activated, but for that of MobileNetV3's "efficient last stage" (Howard et al., ICCV 2019,
arXiv:1905.02244), which stands behind the pool and is only activated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from .block import Part, register
from .cost import Cost, conv_cost, norm_cost
from .rounding import at_least, nearest, scaled_channels
from .rules import check
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


@register("conv_stem")
@dataclass(frozen=True, slots=True, kw_only=True)
class ConvStem(Part):
    """One convolution."""

    channels: Number = 32
    """Output channels."""
    kernel: int = 3
    """Odd window, in pixels."""
    stride: int = 2
    """1 or 2."""
    activation: str = "silu"
    """After the normalisation."""

    def __post_init__(self) -> None:
        check("channels >= 1 must hold", self.channels >= 1, channels=self.channels)
        check("kernel must be odd and positive", self.kernel % 2 == 1 and self.kernel > 0, kernel=self.kernel)
        check("stride must be 1 or 2", self.stride in (1, 2), stride=self.stride)

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
    """A 7×7 convolution, or three of 3×3, and a max pool."""

    added: ClassVar[Mapping[str, Any]] = {"tiered": False}

    channels: Number = 64
    """Output channels."""
    deep: Number | None = None
    """Channels of the first two of three 3×3 convolutions; None is the single 7×7 convolution."""
    tiered: bool = False
    """Whether the first of the three has three quarters of the second's channels."""

    def __post_init__(self) -> None:
        check("channels >= 1 must hold", self.channels >= 1, channels=self.channels)
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
        """The same stem with `factor` times the channels; of a deep one those of its first
        convolutions are rounded, and the others follow them."""
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
    """A 1×1 convolution to the features that are pooled."""

    channels: Number = 1280
    """Features."""
    activation: str = "silu"
    """After the normalisation."""

    def __post_init__(self) -> None:
        check("channels >= 1 must hold", self.channels >= 1, channels=self.channels)

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
    """Nothing: the last stage's map is pooled."""

    def cost(self, shape: Shape) -> Cost:
        return Cost()

    def build(self, shape: Shape) -> dict[str, nn.Module]:
        return {}


@register("efficient_head")
@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientHead(Part):
    """A 1×1 convolution behind the global pool, where it acts on one position. The widening before
    the pool is the last stage's (`Projection`)."""

    channels: Number = 1280
    """Features."""
    bias: bool = True
    """Whether the convolution has one, as in MobileNetV3; Once-for-All's has none."""
    activation: str = "hard_swish"
    """After the convolution; there is no normalisation."""

    def __post_init__(self) -> None:
        check("channels >= 1 must hold", self.channels >= 1, channels=self.channels)

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
