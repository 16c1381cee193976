"""CBAM, and ECABAM, which is CBAM with its channel part replaced by ECA.

Source: Woo et al., CBAM, ECCV 2018, arXiv:1807.06521: channel attention (a shared MLP over average-
and max-pooled descriptors, sigmoid of their sum), then spatial attention (a 7×7 convolution with
normalisation over the channel-wise mean and maximum). ECABAM was proposed with circular ECA (its
channel part is that of `automl.blocks.eca`). Module names and the MLP without bias are timm's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from .block import Attention, register
from .cost import Cost, conv_cost, norm_cost
from .eca import Padding, check_kernel, eca_cost, kernel_for, resolved_window
from .rounding import make_divisible
from .rules import check
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


def spatial_cost(shape: Shape, kernel: int) -> Cost:
    """Cost of the spatial part: 2 → 1 channels, normalised; beside the map that came in and the one
    that the channel part made of it."""
    one = shape.with_channels(1)
    return (conv_cost(shape.with_channels(2), one, kernel) + norm_cost(1)).beside(2 * shape.elements)


@register("cbam")
@dataclass(frozen=True, slots=True, kw_only=True)
class Cbam(Attention):
    """The choice of a CBAM block."""

    dimensions: ClassVar[Mapping[str, str]] = {"cbam_ratio": "ratio"}

    reduced: Number | None = None
    """Hidden channels of the MLP; None takes `ratio` of the map's."""
    ratio: float | None = 1 / 16
    """Hidden channels over the map's channels."""
    spatial_kernel: int = 7
    """Odd window of the spatial part, in pixels."""

    def __post_init__(self) -> None:
        check("reduced >= 1 must hold", True if self.reduced is None else self.reduced >= 1, reduced=self.reduced)
        check(
            "without `reduced`, ratio > 0 must hold",
            True if self.reduced is not None else self.ratio is not None and self.ratio > 0,
            ratio=self.ratio,
        )
        check(
            "spatial_kernel must be odd and positive",
            self.spatial_kernel % 2 == 1 and self.spatial_kernel > 0,
            spatial_kernel=self.spatial_kernel,
        )

    def reduced_for(self, channels: Number) -> Number:
        """Hidden channels for a map of `channels`."""
        if self.reduced is not None:
            return self.reduced
        return make_divisible(channels * self.ratio, 1, floor=0.0)

    def resolved(self, shape: Shape) -> Cbam:
        return replace(self, reduced=self.reduced_for(shape.channels), ratio=None)

    def cost(self, shape: Shape) -> Cost:
        """The MLP twice (its parameters once), then the spatial part."""
        pooled = Shape(shape.channels, 1, 1)
        hidden = Shape(self.reduced_for(shape.channels), 1, 1)
        mlp = conv_cost(pooled, hidden, 1) + conv_cost(hidden, pooled, 1)
        return Cost(2 * mlp.macs, mlp.params, 2 * mlp.activations, mlp.peak + shape.elements) + spatial_cost(
            shape, self.spatial_kernel
        )

    def build(self, shape: Shape) -> nn.Module:
        from .modules.attention import BlockAttention, ChannelAttention, SpatialAttention

        return BlockAttention(
            ChannelAttention(shape.channels, self.reduced_for(shape.channels)), SpatialAttention(self.spatial_kernel)
        )


@register("ecabam")
@dataclass(frozen=True, slots=True, kw_only=True)
class Ecabam(Attention):
    """The choice of an ECABAM block."""

    dimensions: ClassVar[Mapping[str, str]] = {"eca_kernel": "kernel_size", "eca_padding": "padding"}

    kernel_size: Number | None = None
    """Odd window over the channels; None takes ECA's formula."""
    padding: Padding = "zeros"
    """What lies beyond the first and the last channel."""
    spatial_kernel: int = 7
    """Odd window of the spatial part, in pixels."""

    def __post_init__(self) -> None:
        check_kernel(self.kernel_size, self.padding)
        check(
            "spatial_kernel must be odd and positive",
            self.spatial_kernel % 2 == 1 and self.spatial_kernel > 0,
            spatial_kernel=self.spatial_kernel,
        )

    def resolved(self, shape: Shape) -> Ecabam:
        return replace(self, **resolved_window(shape, self.kernel_size, self.padding))

    def cost(self, shape: Shape) -> Cost:
        channel = eca_cost(shape.channels, kernel_for(shape.channels, self.kernel_size, self.padding)).beside(
            shape.elements
        )
        return channel + spatial_cost(shape, self.spatial_kernel)

    def build(self, shape: Shape) -> nn.Module:
        from .modules.attention import BlockAttention, EfficientChannelAttention, SpatialAttention

        channel = EfficientChannelAttention(kernel_for(shape.channels, self.kernel_size, self.padding), self.padding)
        return BlockAttention(channel, SpatialAttention(self.spatial_kernel))
