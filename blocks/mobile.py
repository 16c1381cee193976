"""Mobile units: MBConv and the depthwise-separable convolution.

Sources: Howard et al., MobileNets, 2017, arXiv:1704.04861 (the depthwise-separable convolution,
activated twice); Sandler et al., MobileNetV2, CVPR 2018, arXiv:1801.04381 (the inverted residual);
Tan et al., MnasNet, CVPR 2019, arXiv:1807.11626 and Tan & Le, EfficientNet, ICML 2019,
arXiv:1905.11946 (with attention on the expanded map); Howard et al., MobileNetV3, ICCV 2019,
arXiv:1905.02244; Cai et al., Once-for-All, ICLR 2020, arXiv:1908.09791; Su et al., NAS-Bench-Macro,
CVPR 2021, arXiv:2103.11922. The depthwise convolution holds the stride. At expansion 1 there is no
expansion convolution, as in all of these (FBNet and timm's `ir_…_e1` keep one, which makes another
network).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .block import Attention, ConvAttention, Unit, register
from .cost import Cost, conv_cost, norm_cost
from .rounding import make_divisible, pick
from .rules import check
from .shape import Number, Shape, is_array
from .slot import build_slot, gate_cost, spatial_cost

if TYPE_CHECKING:
    from torch import nn


def _check_window(kernel: Number, stride: int, channels: Number) -> None:
    check("channels >= 1 must hold", channels >= 1, channels=channels)
    check("stride must be 1 or 2", stride in (1, 2), stride=stride)
    check("kernel must be odd and positive", (kernel % 2 == 1) & (kernel > 0), kernel=kernel)


@register("mbconv")
@dataclass(frozen=True, slots=True, kw_only=True)
class MBConv(Unit):
    """The choice of an inverted residual."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """1 or 2, of the depthwise convolution."""
    kernel: Number = 3
    """Odd window of the depthwise convolution, in pixels; without meaning, and 3 where resolved, if
    the attention takes the convolution's place."""
    expansion: Number = 6
    """Expanded channels over input channels; the product is rounded to a multiple of 8. At 1 the
    input is taken as it is."""
    attention: Attention | None = None
    """On the expanded map, after the depthwise convolution; one that selects among convolutions
    takes its place, depthwise too."""
    activation: str = "silu"
    """After the expansion and the depthwise convolution."""

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.channels)
        check("expansion > 0 must hold", self.expansion > 0, expansion=self.expansion)

    def expanded(self, shape: Shape) -> Shape:
        """The map that the depthwise convolution reads."""
        return shape.with_channels(
            pick(self.expansion == 1, shape.channels, make_divisible(shape.channels * self.expansion))
        )

    def resolved(self, shape: Shape) -> MBConv | Separable:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not is_array(self.expansion) and self.expansion == 1:
            # the same network, so the same description
            separable = Separable(
                channels=self.channels,
                stride=self.stride,
                kernel=self.kernel,
                attention=self.attention,
                activation=self.activation,
            )
            return separable.resolved(shape)
        if self.attention is None:
            return self
        kernel = 3 if isinstance(self.attention, ConvAttention) else self.kernel
        return replace(
            self, kernel=kernel, attention=self.attention.resolved(self.expanded(shape).strided(self.stride))
        )

    def cost(self, shape: Shape) -> Cost:
        expands = self.expansion != 1
        wide = self.expanded(shape)
        narrow = wide.strided(self.stride)
        out = self.out(shape)
        return (
            (conv_cost(shape, wide, 1) + norm_cost(wide.channels)) * expands
            # where nothing is expanded, the input is what the depthwise convolution reads: it is
            # not held twice
            + spatial_cost(self.attention, self.kernel, wide, narrow, groups=wide.channels).beside(
                shape.elements * expands
            )
            + (gate_cost(self.attention, narrow) + conv_cost(narrow, out, 1) + norm_cost(out.channels)).beside(
                shape.elements
            )
        )

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        from .modules.mobile import InvertedResidual, SeparableConv

        wide = self.expanded(shape)
        mixed, gate = build_slot(
            self.attention, wide, wide.strided(self.stride), stride=self.stride, groups=wide.channels
        )
        if self.expansion == 1:
            return SeparableConv(
                shape.channels, self.channels, self.kernel, self.stride, self.activation, gate, drop_path, mixed=mixed
            )
        return InvertedResidual(
            shape.channels,
            self.channels,
            wide.channels,
            self.kernel,
            self.stride,
            self.activation,
            gate,
            drop_path,
            mixed,
        )


@register("separable")
@dataclass(frozen=True, slots=True, kw_only=True)
class Separable(Unit):
    """The choice of a depthwise-separable convolution: MobileNetV1's, or with a linear projection
    MBConv of expansion 1."""

    added: ClassVar[Mapping[str, Any]] = {"projection": "linear"}

    channels: Number
    """Output channels."""
    stride: int = 1
    """1 or 2, of the depthwise convolution."""
    kernel: Number = 3
    """Odd window of the depthwise convolution, in pixels; without meaning, and 3 where resolved, if
    the attention takes the convolution's place."""
    attention: Attention | None = None
    """After the depthwise convolution; one that selects among convolutions takes its place,
    depthwise too."""
    activation: str = "silu"
    """After the depthwise convolution, and after an activated projection."""
    projection: Literal["linear", "activated"] = "linear"
    """"linear": no activation after the 1×1 convolution, a residual where shapes agree
    (MobileNetV2). "activated": no residual (MobileNetV1)."""

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.channels)
        check(
            "projection must be 'linear' or 'activated'",
            self.projection in ("linear", "activated"),
            projection=self.projection,
        )

    def resolved(self, shape: Shape) -> Separable:
        if self.attention is None:
            return self
        block = replace(self, attention=self.attention.resolved(shape.strided(self.stride)))
        if not isinstance(self.attention, ConvAttention):
            return block
        # what takes the convolution's place has a window and an activation of its own: equal
        # networks, equal descriptions
        return replace(block, kernel=3, activation="silu" if self.projection == "linear" else self.activation)

    def cost(self, shape: Shape) -> Cost:
        narrow = shape.strided(self.stride)
        out = self.out(shape)
        after = gate_cost(self.attention, narrow) + conv_cost(narrow, out, 1) + norm_cost(out.channels)
        return spatial_cost(self.attention, self.kernel, shape, narrow, groups=shape.channels) + after.beside(
            shape.elements
        )

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        from .modules.mobile import SeparableConv

        mixed, gate = build_slot(
            self.attention, shape, shape.strided(self.stride), stride=self.stride, groups=shape.channels
        )
        return SeparableConv(
            shape.channels,
            self.channels,
            self.kernel,
            self.stride,
            self.activation,
            gate,
            drop_path,
            self.projection,
            mixed,
        )
