"""Mobile units: MBConv and the depthwise-separable convolution.

Sources: Howard et al., MobileNets, 2017, arXiv:1704.04861 (the depthwise-separable convolution,
activated twice); Sandler et al., MobileNetV2, CVPR 2018, arXiv:1801.04381 (the inverted residual);
Tan et al., MnasNet, CVPR 2019, arXiv:1807.11626 and Tan & Le, EfficientNet, ICML 2019,
arXiv:1905.11946 (with attention on the expanded map); Howard et al., MobileNetV3, ICCV 2019,
arXiv:1905.02244; Cai et al., Once-for-All, ICLR 2020, arXiv:1908.09791; Su et al., NAS-Bench-Macro,
CVPR 2021, arXiv:2103.11922. The depthwise convolution has the stride. At expansion 1 there is no
expansion convolution, as in all of these networks; FBNet and timm's `ir_…_e1` keep one, which is a
different network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .block import Attention, ConvAttention, Unit, register
from .cost import Cost, conv_cost, norm_cost
from .rounding import make_divisible, pick
from .rules import check, check_channels, check_stride, check_window
from .shape import Number, Shape, is_array
from .slot import build_slot, gate_cost, spatial_cost

if TYPE_CHECKING:
    from torch import nn


def _check_window(kernel: Number, stride: int, channels: Number) -> None:
    check_channels(channels)
    check_stride(stride)
    check_window("kernel", kernel)


@register("mbconv")
@dataclass(frozen=True, slots=True, kw_only=True)
class MBConv(Unit):
    """An inverted residual."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """Stride of the depthwise convolution: 1 or 2."""
    kernel: Number = 3
    """Window of the depthwise convolution in pixels, odd. If the attention replaces the
    convolution, it has no effect and `resolved` sets it to 3."""
    expansion: Number = 6
    """Expanded channels over input channels; the product is rounded to a multiple of 8. At 1 there
    is no expansion."""
    attention: Attention | None = None
    """Attention on the expanded map after the depthwise convolution; one that selects among
    convolutions replaces the depthwise convolution and is depthwise too."""
    activation: str = "silu"
    """Activation after the expansion and after the depthwise convolution."""

    def __post_init__(self) -> None:
        _check_window(self.kernel, self.stride, self.channels)
        check("expansion > 0 must hold", self.expansion > 0, expansion=self.expansion)

    def expanded(self, shape: Shape) -> Shape:
        """Return the shape of the map that the depthwise convolution reads."""
        return shape.with_channels(
            pick(self.expansion == 1, shape.channels, make_divisible(shape.channels * self.expansion))
        )

    def resolved(self, shape: Shape) -> MBConv | Separable:  # pyright: ignore[reportIncompatibleMethodOverride]
        if not is_array(self.expansion) and self.expansion == 1:
            # without expansion it is a separable unit: equal networks have equal descriptions
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
            # without expansion the depthwise convolution reads the input itself, which is then not
            # held in addition
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
    """A depthwise-separable convolution.

    With an activated projection it is MobileNetV1's, with a linear one an MBConv of expansion 1.
    """

    added: ClassVar[Mapping[str, Any]] = {"projection": "linear"}

    channels: Number
    """Output channels."""
    stride: int = 1
    """Stride of the depthwise convolution: 1 or 2."""
    kernel: Number = 3
    """Window of the depthwise convolution in pixels, odd. If the attention replaces the
    convolution, it has no effect and `resolved` sets it to 3."""
    attention: Attention | None = None
    """Attention after the depthwise convolution; one that selects among convolutions replaces the
    depthwise convolution and is depthwise too."""
    activation: str = "silu"
    """Activation after the depthwise convolution, and after an activated projection."""
    projection: Literal["linear", "activated"] = "linear"
    """"linear": no activation after the 1×1 convolution, and a residual connection if input and
    output have one shape (MobileNetV2). "activated": an activation, no residual (MobileNetV1)."""

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
        # the attention has its own window and activation, so these fields have no effect: equal
        # networks must have equal descriptions
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
