"""The attention slot of a unit with one spatial convolution: a gate after the convolution, or an
attention in its place.

A `ConvAttention` brings its own normalisation and activation; then the unit has neither a
convolution, nor a normalisation, nor an activation there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .block import Attention, ConvAttention
from .cost import Cost, conv_cost, norm_cost
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


def spatial_cost(
    attention: Attention | None, kernel: Number, before: Shape, after: Shape, *, groups: Number = 1
) -> Cost:
    """Cost of the spatial convolution from `before` to `after` and its normalisation, or of the
    attention in its place."""
    if isinstance(attention, ConvAttention):
        return attention.conv_cost(before, after, groups=groups)
    return conv_cost(before, after, kernel, groups=groups) + norm_cost(after.channels)


def gate_cost(attention: Attention | None, shape: Shape) -> Cost:
    """Cost of the gate on a map of `shape`; nothing where the attention stands in the convolution's
    place."""
    return Cost() if attention is None or isinstance(attention, ConvAttention) else attention.cost(shape)


def build_slot(
    attention: Attention | None, before: Shape, after: Shape, *, stride: int, groups: int = 1
) -> tuple[nn.Module | None, nn.Module | None]:
    """The module in the convolution's place and the gate after it; at most one of them is there."""
    if isinstance(attention, ConvAttention):
        return attention.build_conv(before, after.channels, stride=stride, groups=groups), None
    return None, None if attention is None else attention.build(after)
