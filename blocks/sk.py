"""Selective kernels: convolutions of several window sizes, softly selected per channel.

Source: Li et al., Selective Kernel Networks, CVPR 2019, arXiv:1903.06586: branches U_m of growing
window are summed and pooled (equation 2), squeezed to d = max(C/r, L) channels (equations 3 and 4),
and weighed by a softmax over the branches (equation 5). As in the paper, a window above 3 is a
dilated 3×3. Names, and the squeezed width rounded to a multiple of `divisor` instead of bounded by
L, are timm's (`SelectiveKernel`); so is `split`, which is not in the paper and which timm turns on
unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from .block import ConvAttention, register
from .cost import Cost, conv_cost, norm_cost
from .rounding import make_divisible
from .rules import check, check_squeeze
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


@register("sk")
@dataclass(frozen=True, slots=True, kw_only=True)
class Sk(ConvAttention):
    """A selective-kernel convolution."""

    dimensions: ClassVar[Mapping[str, str]] = {
        "sk_branches": "branches",
        "sk_dilated": "dilated",
        "sk_split": "split",
        "sk_ratio": "ratio",
        "sk_divisor": "divisor",
    }

    branches: int = 2
    """Number of convolutions to select among; their windows are 3, 5, 7 and so on."""
    dilated: bool = True
    """Whether the windows are dilated 3×3 convolutions (dilation 1, 2, 3, …) instead of dense."""
    split: bool = False
    """Whether each branch reads its own share of the input channels instead of all of them; the
    number of branches must divide the channels."""
    reduced: Number | None = None
    """Squeezed channels; None takes `ratio` of the output channels."""
    ratio: float | None = 1 / 16
    """Squeezed channels over output channels."""
    divisor: int | None = 8
    """Squeezed channels are rounded to a multiple of this."""
    activation: str = "relu"
    """Activation of the branches; that of the squeezed channels is ReLU."""

    def __post_init__(self) -> None:
        check(
            "branches must be a whole number of at least 2",
            type(self.branches) is int and self.branches >= 2,
            branches=self.branches,
        )
        for name, value in (("dilated", self.dilated), ("split", self.split)):
            check(f"{name} must be true or false", isinstance(value, bool), **{name: value})
        check_squeeze(self.reduced, self.ratio, self.divisor)

    def reduced_for(self, channels: Number) -> Number:
        """Return the squeezed channels for `channels` output channels."""
        return make_divisible(channels * self.ratio, self.divisor or 1) if self.reduced is None else self.reduced

    def resolved(self, shape: Shape) -> Sk:
        """Return the block with the squeezed channels written out; `shape` is the output's."""
        return replace(self, reduced=self.reduced_for(shape.channels), ratio=None, divisor=None)

    def seen(self, shape: Shape, channels: Number, groups: Number) -> Shape:
        """Return the part of an input of `shape` that one branch reads.

        Raises:
            InvalidBlock: the branches do not divide the input channels, or `groups` divides not
                both the channels of a branch and the output channels.
        """
        if self.split:
            check(
                "the branches of a split must divide the channels",
                shape.channels % self.branches == 0,
                branches=self.branches,
                channels=shape.channels,
            )
            shape = shape.with_channels(shape.channels // self.branches)
        divided: Any = (shape.channels % groups == 0) & (channels % groups == 0)
        check(
            "groups must divide each branch's channels", divided, groups=groups, channels=shape.channels, out=channels
        )
        return shape

    def conv_cost(self, shape: Shape, out: Shape, *, groups: Number = 1) -> Cost:
        """Return the cost of the branches and of two 1×1 convolutions on their pooled sum.

        The branches run one after another. The input and the outputs of finished branches are held
        to the end.
        """
        seen = self.seen(shape, out.channels, groups)
        cost = Cost()
        for index in range(self.branches):
            window = 3 if self.dilated else 3 + 2 * index
            held = shape.elements - seen.elements + index * out.elements
            cost += conv_cost(seen, out, window, groups=groups).beside(held) + norm_cost(out.channels)
        pooled, squeezed = Shape(out.channels, 1, 1), Shape(self.reduced_for(out.channels), 1, 1)
        weights = Shape(out.channels * self.branches, 1, 1)
        select = conv_cost(pooled, squeezed, 1) + norm_cost(squeezed.channels) + conv_cost(squeezed, weights, 1)
        return cost + select.beside(shape.elements + self.branches * out.elements)

    def build_conv(self, shape: Shape, channels: int, *, stride: int = 1, groups: int = 1) -> nn.Module:
        from .modules.selective import SelectiveKernel

        self.seen(shape, channels, groups)
        return SelectiveKernel(
            shape.channels,
            channels,
            self.reduced_for(channels),
            self.branches,
            stride,
            groups,
            self.dilated,
            self.split,
            self.activation,
        )
