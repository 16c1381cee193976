"""A 1×1 convolution that only changes a map's channels and size: what stands where a stage's first layer is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .block import Unit, register
from .cost import Cost, conv_cost, norm_cost
from .rules import check
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


@register("projection")
@dataclass(frozen=True, slots=True, kw_only=True)
class Projection(Unit):
    """The choice of a projection."""

    channels: Number
    """Output channels."""
    stride: int = 1
    """1 or 2."""
    activation: str | None = None
    """After the normalisation; None for none."""

    def __post_init__(self) -> None:
        check("channels >= 1 must hold", self.channels >= 1, channels=self.channels)
        check("stride must be 1 or 2", self.stride in (1, 2), stride=self.stride)

    def cost(self, shape: Shape) -> Cost:
        return conv_cost(shape, self.out(shape), 1) + norm_cost(self.channels)

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        raise NotImplementedError
