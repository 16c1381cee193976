"""The shape of a feature map, as numbers for one candidate or as NumPy arrays for many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .rules import check

Number: TypeAlias = Any
"""An int, or an integer array with one value for each of many candidates; formulas accept both."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels, height and width of the feature map of one image."""

    channels: Number
    """Channels of the map."""
    height: Number
    """Height in pixels."""
    width: Number
    """Width in pixels."""

    def with_channels(self, channels: Number) -> Shape:
        """Return the same shape with another number of channels."""
        return Shape(channels, self.height, self.width)

    def strided(self, stride: int) -> Shape:
        """Return the shape after a convolution or pooling of `stride`: sides divided, rounded up.

        The kernel is odd and the padding half of it.

        Raises:
            InvalidBlock: a side has fewer pixels than the stride.
        """
        if stride == 1:
            return self
        enough = (self.height >= stride) & (self.width >= stride)
        check(
            "a map must have at least as many pixels a side as the stride that squeezes it",
            enough,
            height=self.height,
            width=self.width,
            stride=stride,
        )
        return Shape(self.channels, (self.height + stride - 1) // stride, (self.width + stride - 1) // stride)

    @property
    def pixels(self) -> Number:
        """Positions of the map: height times width."""
        return self.height * self.width

    @property
    def elements(self) -> Number:
        """Numbers in the map: channels times height times width."""
        return self.channels * self.height * self.width


def is_array(value: object) -> bool:
    """Whether `value` stands for many candidates at once."""
    return isinstance(value, np.ndarray)
