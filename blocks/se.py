"""Squeeze-and-excitation.

Source: Hu et al., Squeeze-and-Excitation Networks, CVPR 2018, arXiv:1709.01507. The squeezed width
is `channels / 16` there; EfficientNet takes a quarter of its block's *input*, which the skeleton
states through `ratio`. As in timm, the two linear layers are 1×1 convolutions with bias.
MobileNetV3 (Howard et al., ICCV 2019, arXiv:1905.02244) takes a quarter of the expanded map, never
rounded below 90 %, and gates by a hard sigmoid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .block import Attention, register
from .cost import Cost, conv_cost
from .rounding import at_least, make_divisible, nearest
from .rules import check, check_squeeze
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


@register("se")
@dataclass(frozen=True, slots=True, kw_only=True)
class Se(Attention):
    """A squeeze-and-excitation block."""

    dimensions: ClassVar[Mapping[str, str]] = {"se_ratio": "ratio"}
    added: ClassVar[Mapping[str, Any]] = {"floor": 0.0, "gate": "sigmoid"}

    reduced: Number | None = None
    """Squeezed channels; None takes `ratio` of the map's channels."""
    ratio: float | None = 1 / 16
    """Squeezed channels over the channels of the map."""
    divisor: int | None = 8
    """Squeezed channels are rounded to a multiple of this; 1 rounds to the nearest integer."""
    floor: float = 0.0
    """The rounded width is at least this share of the exact width."""
    activation: str = "relu"
    """Activation between the two layers."""
    gate: Literal["sigmoid", "hard_sigmoid"] = "sigmoid"
    """Function that turns the output of the second layer into factors."""
    layout: Literal["resnet", "efficientnet"] = "resnet"
    """Names of the two layers, as in timm: fc1 and fc2, or conv_reduce and conv_expand."""

    def __post_init__(self) -> None:
        check_squeeze(self.reduced, self.ratio, self.divisor)
        if self.reduced is None:
            check("without `reduced`, 0 <= floor <= 1 must hold", 0 <= self.floor <= 1, floor=self.floor)
        check("gate must be 'sigmoid' or 'hard_sigmoid'", self.gate in ("sigmoid", "hard_sigmoid"), gate=self.gate)

    def reduced_for(self, channels: Number) -> Number:
        """Return the squeezed channels for a map with `channels` channels."""
        if self.reduced is not None:
            return self.reduced
        assert self.ratio is not None  # by __post_init__
        assert self.divisor is not None
        if self.divisor == 1:
            return at_least(nearest(channels * self.ratio), 1)
        return make_divisible(channels * self.ratio, self.divisor, floor=self.floor)

    def resolved(self, shape: Shape) -> Se:
        return replace(self, reduced=self.reduced_for(shape.channels), ratio=None, divisor=None, floor=0.0)

    def cost(self, shape: Shape) -> Cost:
        """Return the cost of two 1×1 convolutions with bias on the pooled map."""
        pooled = Shape(shape.channels, 1, 1)
        squeezed = Shape(self.reduced_for(shape.channels), 1, 1)
        return (conv_cost(pooled, squeezed, 1, bias=True) + conv_cost(squeezed, pooled, 1, bias=True)).beside(
            shape.elements
        )

    def build(self, shape: Shape) -> nn.Module:
        from .modules.attention import SqueezeExcite

        return SqueezeExcite(shape.channels, self.reduced_for(shape.channels), self.activation, self.layout, self.gate)
