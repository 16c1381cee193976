"""The shape of a feature map, for one image or, as NumPy arrays, for many candidates at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .rules import check

Number: TypeAlias = Any
"""An int, or an integer array holding one value for each of many candidates. The formulas take
both."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Channels, height and width of one image's feature map."""

    channels: Number
    height: Number
    width: Number

    def with_channels(self, channels: Number) -> Shape:
        """The same map with another number of channels."""
        return Shape(channels, self.height, self.width)

    def strided(self, stride: int) -> Shape:
        """The map after an odd-kernel convolution or pooling of `stride`, padded by half the
        kernel: sizes divided and rounded up.

        Raises:
            InvalidBlock: a map of fewer pixels than the stride, which would be squeezed below one
                pixel.
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
