"""Efficient channel attention, zero-padded or circular.

Source: Wang et al., ECA-Net, CVPR 2020, arXiv:1910.03151. The paper pads the channel axis with
zeros; circular padding ("cECA", in timm `CecaModule`) joins its ends, so that every channel has the
same number of neighbours. Deviation from timm: its `EcaModule(channels, kernel_size=k)` ignores k;
here a given k is the kernel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from .block import Attention, register
from .cost import Cost
from .rules import check, check_window
from .shape import Number, Shape, is_array

if TYPE_CHECKING:
    from torch import nn

Padding = Literal["zeros", "circular"]


def check_kernel(kernel_size: Number | None, padding: str) -> None:
    """Check that a kernel is odd and positive, and that the padding is known.

    Raises:
        InvalidBlock: one of them is not.
    """
    if kernel_size is not None:
        check(
            "kernel_size must be a whole number",
            is_array(kernel_size) or type(kernel_size) is int,
            kernel_size=kernel_size,
        )
        check_window("kernel_size", kernel_size)
    check("padding must be 'zeros' or 'circular'", padding in ("zeros", "circular"), padding=padding)


def kernel_for(channels: Number, kernel_size: Number | None, padding: str = "zeros") -> Number:
    """Return the window over `channels` channels: `kernel_size`, or the paper's choice if None.

    The paper takes |log2(C)/2 + 1/2| made odd (equation 12 with γ = 2, b = 1).

    Raises:
        InvalidBlock: a circular window is longer than the channels.
    """
    if kernel_size is None:
        # floor((log2 C + 1) / 2) from the exponent of the float, which is exact at powers of two; a
        # logarithm may be rounded to either side of the integer
        half = (np.frexp(channels)[1] if is_array(channels) else int(channels).bit_length()) // 2
        kernel_size = half + 1 - half % 2
    if padding == "circular":
        check(
            "a circular kernel must not be longer than the channels",
            kernel_size <= channels,
            kernel_size=kernel_size,
            channels=channels,
        )
    return kernel_size


def resolved_window(shape: Shape, kernel_size: Number | None, padding: Padding) -> dict[str, Any]:
    """Return the fields `kernel_size` and `padding` written out for `shape`.

    With a window of one channel the padding has no effect, so it is set to "zeros".
    """
    size = kernel_for(shape.channels, kernel_size, padding)
    return {"kernel_size": size, "padding": padding if is_array(size) or size > 1 else "zeros"}


@register("eca")
@dataclass(frozen=True, slots=True, kw_only=True)
class Eca(Attention):
    """An ECA block."""

    dimensions: ClassVar[Mapping[str, str]] = {"eca_kernel": "kernel_size", "eca_padding": "padding"}

    kernel_size: Number | None = None
    """Window over the channels, odd; None takes the paper's formula."""
    padding: Padding = "zeros"
    """Padding of the channel axis: zeros, or the channels of the other end ("circular")."""

    def __post_init__(self) -> None:
        check_kernel(self.kernel_size, self.padding)

    def resolved(self, shape: Shape) -> Eca:
        return replace(self, **resolved_window(shape, self.kernel_size, self.padding))

    def cost(self, shape: Shape) -> Cost:
        """Return the cost of one convolution over the channel axis, without bias."""
        return eca_cost(shape.channels, kernel_for(shape.channels, self.kernel_size, self.padding)).beside(
            shape.elements
        )

    def build(self, shape: Shape) -> nn.Module:
        from .modules.attention import EfficientChannelAttention

        return EfficientChannelAttention(kernel_for(shape.channels, self.kernel_size, self.padding), self.padding)


def eca_cost(channels: Number, kernel_size: Number) -> Cost:
    """Return the cost of a window of `kernel_size` moved over `channels` channels."""
    return Cost(kernel_size * channels, kernel_size, channels, 2 * channels + kernel_size - 1)
