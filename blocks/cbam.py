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
from .rules import check_squeeze, check_window
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


def spatial_cost(shape: Shape, kernel: int) -> Cost:
    """Return the cost of the spatial part: a convolution from 2 channels to 1, normalised.

    Two maps of `shape` are held meanwhile: the block's input and the output of the channel part.
    """
    one = shape.with_channels(1)
    return (conv_cost(shape.with_channels(2), one, kernel) + norm_cost(1)).beside(2 * shape.elements)


@register("cbam")
@dataclass(frozen=True, slots=True, kw_only=True)
class Cbam(Attention):
    """A CBAM block."""

    dimensions: ClassVar[Mapping[str, str]] = {"cbam_ratio": "ratio"}

    reduced: Number | None = None
    """Hidden channels of the MLP; None takes `ratio` of the map's channels."""
    ratio: float | None = 1 / 16
    """Hidden channels over the channels of the map."""
    spatial_kernel: int = 7
    """Window of the spatial part in pixels, odd."""

    def __post_init__(self) -> None:
        check_squeeze(self.reduced, self.ratio)
        check_window("spatial_kernel", self.spatial_kernel)

    def reduced_for(self, channels: Number) -> Number:
        """Return the hidden channels for a map with `channels` channels."""
        if self.reduced is not None:
            return self.reduced
        return make_divisible(channels * self.ratio, 1, floor=0.0)

    def resolved(self, shape: Shape) -> Cbam:
        return replace(self, reduced=self.reduced_for(shape.channels), ratio=None)

    def cost(self, shape: Shape) -> Cost:
        """Return the cost of the MLP, applied twice with the same weights, and the spatial part."""
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
    """An ECABAM block: ECA, then the spatial part of CBAM."""

    dimensions: ClassVar[Mapping[str, str]] = {"eca_kernel": "kernel_size", "eca_padding": "padding"}

    kernel_size: Number | None = None
    """Window over the channels, odd; None takes ECA's formula."""
    padding: Padding = "zeros"
    """Padding of the channel axis: zeros, or the channels of the other end ("circular")."""
    spatial_kernel: int = 7
    """Window of the spatial part in pixels, odd."""

    def __post_init__(self) -> None:
        check_kernel(self.kernel_size, self.padding)
        check_window("spatial_kernel", self.spatial_kernel)

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
