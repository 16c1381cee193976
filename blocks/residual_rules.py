"""Rules and costs that the residual units share."""

from __future__ import annotations

from typing import Literal

from .block import Attention, ConvAttention
from .cost import Cost, conv_cost, norm_cost
from .rules import check, check_channels, check_stride
from .shape import Number, Shape

Downsample = Literal["conv", "avg"]
Antialias = Literal["none", "avg", "blur"]
"""The pool that has the stride of a 3×3 convolution: none, the mean of 2×2 pixels, or the 3×3
binomial filter. A pool costs nothing, but the convolution before it then writes the full map."""


def check_unit(channels: Number, stride: int, downsample: str, antialias: str) -> None:
    """Check the fields that residual units share."""
    check_channels(channels)
    check_stride(stride)
    check("downsample must be 'conv' or 'avg'", downsample in ("conv", "avg"), downsample=downsample)
    check_antialias(antialias)


def check_antialias(antialias: str) -> None:
    """Check the name of an anti-aliasing pool."""
    known = antialias in ("none", "avg", "blur")
    check("antialias must be 'none', 'avg' or 'blur'", known, antialias=antialias)


def check_selecting(attention: Attention | None, antialias: str) -> None:
    """Check that no anti-aliased convolution is one that an attention replaces."""
    check(
        "antialias must be 'none' where an attention replaces the convolution",
        antialias == "none" or not isinstance(attention, ConvAttention),
        antialias=antialias,
        attention=None if attention is None else attention.name,
    )


def shortcut_cost(shape: Shape, out: Shape, stride: int, downsample: str) -> Cost:
    """Return the cost of the shortcut's projection; zero if input and output have one shape.

    Average pooling before it costs nothing, but its output is held in addition to the input.
    """
    projected = True if stride != 1 else shape.channels != out.channels
    pooled = out.with_channels(shape.channels).elements if downsample == "avg" and stride != 1 else 0
    return (conv_cost(shape, out, 1) + norm_cost(out.channels)).beside(out.elements + pooled) * projected
