"""The attention slot of a unit: a gate after the spatial convolution, or an attention in its place.

A `ConvAttention` replaces the convolution together with its normalisation and activation. Any other
attention is a gate: it multiplies the map that it is given.
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
    """Return the cost of the spatial convolution and its normalisation, from `before` to `after`.

    If a `ConvAttention` replaces the convolution, it is the cost of that attention.
    """
    if isinstance(attention, ConvAttention):
        return attention.conv_cost(before, after, groups=groups)
    return conv_cost(before, after, kernel, groups=groups) + norm_cost(after.channels)


def gate_cost(attention: Attention | None, shape: Shape) -> Cost:
    """Return the cost of the gate on a map of `shape`; zero if there is no gate.

    There is none without attention, or if the attention replaces the convolution.
    """
    return Cost() if attention is None or isinstance(attention, ConvAttention) else attention.cost(shape)


def build_slot(
    attention: Attention | None, before: Shape, after: Shape, *, stride: int, groups: int = 1
) -> tuple[nn.Module | None, nn.Module | None]:
    """Make the module that replaces the convolution, and the gate; one of them or both are None."""
    if isinstance(attention, ConvAttention):
        return attention.build_conv(before, after.channels, stride=stride, groups=groups), None
    return None, None if attention is None else attention.build(after)
