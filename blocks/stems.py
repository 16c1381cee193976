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
from .residual_rules import Antialias, check_antialias
from .rounding import at_least, nearest, scaled_channels
from .rules import check, check_channels, check_stride, check_window
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


@register("conv_stem")
@dataclass(frozen=True, slots=True, kw_only=True)
class ConvStem(Part):
    """A stem of one convolution, and a max pool if one is asked for."""

    added: ClassVar[Mapping[str, Any]] = {"pool": False}

    channels: Number = 32
    """Output channels."""
    kernel: int = 3
    """Window of the convolution in pixels, odd."""
    stride: int = 2
    """Stride of the convolution: 1 or 2."""
    activation: str = "silu"
    """Activation after the normalisation."""
    pool: bool = False
    """Whether a 3×3 max pool of stride 2 follows the activation, as in ResNet."""

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check_window("kernel", self.kernel)
        check_stride(self.stride)

    def out(self, shape: Shape) -> Shape:
        _, convolved = self.tap(shape)
        return convolved.strided(2 if self.pool else 1)

    def tap(self, shape: Shape) -> tuple[str, Shape]:
        return "act1", shape.strided(self.stride).with_channels(self.channels)  # before the max pool

    def cost(self, shape: Shape) -> Cost:
        _, convolved = self.tap(shape)
        return conv_cost(shape, convolved, self.kernel) + norm_cost(self.channels)

    def build(self, shape: Shape) -> dict[str, nn.Module]:
        from torch import nn

        from .modules.activation import activation_layer

        return {
            "conv_stem": nn.Conv2d(
                shape.channels, self.channels, self.kernel, self.stride, self.kernel // 2, bias=False
            ),
            "bn1": nn.BatchNorm2d(self.channels),
            "act1": activation_layer(self.activation),
            **_pool(self.pool),
        }


@register("resnet_stem")
@dataclass(frozen=True, slots=True, kw_only=True)
class ResNetStem(Part):
    """A stem of one 7×7 convolution, or three 3×3 convolutions, and a max pool.

    Without its stride and pool, and with a 3×3 convolution, it is the stem of ResNet for CIFAR
    (arXiv:1512.03385, section 4.2).
    """

    added: ClassVar[Mapping[str, Any]] = {
        "tiered": False,
        "kernel": 7,
        "stride": 2,
        "pool": True,
        "activation": "relu",
        "antialias": "none",
    }

    channels: Number = 64
    """Output channels."""
    deep: Number | None = None
    """Channels of the first two of three 3×3 convolutions; None for a single 7×7 convolution."""
    tiered: bool = False
    """Whether the first of the three has three quarters of the channels of the second."""
    kernel: int = 7
    """Window of the single convolution in pixels, odd; in a stem of three convolutions it has no
    effect and `resolved` sets it to 7."""
    stride: int = 2
    """Stride of the first convolution: 1 or 2."""
    pool: bool = True
    """Whether a 3×3 max pool of stride 2 follows the activation."""
    activation: str = "relu"
    """Activation after each convolution."""
    antialias: Antialias = "none"
    """"blur": the max pool has stride 1, and a binomial filter of stride 2 follows. "avg": the mean
    of 2×2 pixels takes the place of the max pool. As in timm's `resnetblur` and `resnetaa`."""

    def __post_init__(self) -> None:
        check_channels(self.channels)
        check_window("kernel", self.kernel)
        check_stride(self.stride)
        check_antialias(self.antialias)
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

    def resolved(self, shape: Shape) -> ResNetStem:
        # equal networks must have equal descriptions
        kernel = self.kernel if self.deep is None else 7
        return replace(self, kernel=kernel, antialias=self.antialias if self.pool else "none")

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
        _, convolved = self.tap(shape)
        return convolved.strided(2 if self.pool else 1)

    def tap(self, shape: Shape) -> tuple[str, Shape]:
        return "act1", shape.strided(self.stride).with_channels(self.channels)  # before the max pool

    def cost(self, shape: Shape) -> Cost:
        _, last = self.tap(shape)
        if self.deep is None:
            return conv_cost(shape, last, self.kernel) + norm_cost(self.channels)
        first, second = last.with_channels(self.first), last.with_channels(self.deep)
        convolutions = conv_cost(shape, first, 3) + conv_cost(first, second, 3) + conv_cost(second, last, 3)
        return convolutions + norm_cost(self.first) + norm_cost(self.deep) + norm_cost(self.channels)

    def build(self, shape: Shape) -> dict[str, nn.Module]:
        from torch import nn

        from .modules.activation import activation_layer

        conv: nn.Module
        if self.deep is None:
            conv = nn.Conv2d(shape.channels, self.channels, self.kernel, self.stride, self.kernel // 2, bias=False)
        else:
            conv = nn.Sequential(
                nn.Conv2d(shape.channels, self.first, 3, self.stride, 1, bias=False),
                nn.BatchNorm2d(self.first),
                activation_layer(self.activation),
                nn.Conv2d(self.first, self.deep, 3, 1, 1, bias=False),
                nn.BatchNorm2d(self.deep),
                activation_layer(self.activation),
                nn.Conv2d(self.deep, self.channels, 3, 1, 1, bias=False),
            )
        return {
            "conv1": conv,
            "bn1": nn.BatchNorm2d(self.channels),
            "act1": activation_layer(self.activation),
            **_pool(self.pool, self.antialias),
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


def _pool(pool: bool, antialias: str = "none") -> dict[str, nn.Module]:
    """Make the pool after a stem's convolutions, or nothing if the stem has none."""
    from torch import nn

    from .modules.antialias import antialias_layer

    if not pool:
        return {}
    if antialias == "none":
        return {"maxpool": nn.MaxPool2d(3, 2, 1)}
    if antialias == "avg":
        return {"maxpool": antialias_layer("avg")}
    return {"maxpool": nn.Sequential(nn.MaxPool2d(3, 1, 1), antialias_layer("blur"))}
