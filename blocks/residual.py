"""Residual units: basic and bottleneck, with cardinality (ResNeXt), radix (ResNeSt), attention.

An attention stands before the sum (SENet). One that selects among convolutions (`ConvAttention`:
SKNet, arXiv:1903.06586) instead replaces the 3×3 convolution with the stride: the first one of a
basic unit, the middle one of a bottleneck, whose groups its branches take over.

Sources: He et al., ResNet, CVPR 2016, arXiv:1512.03385 (the stride on the 3×3 convolution, as
everywhere since); Xie et al., ResNeXt, CVPR 2017, arXiv:1611.05431; He et al., Bag of Tricks, CVPR
2019, arXiv:1812.01187 (average-pool downsampling); Zhang et al., ResNeSt, 2020, arXiv:2004.08955;
Zhang, ICML 2019, arXiv:1904.11486 (anti-aliased strides, placed as in timm's `resnetaa50` and
`resnetblur50`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from .block import Attention, ConvAttention, Unit, register
from .cost import Cost, conv_cost, norm_cost
from .residual_rules import Antialias, Downsample, check_selecting, check_unit, shortcut_cost
from .rounding import at_least, floor, make_divisible, next_multiple, pick, scaled_channels
from .rules import check
from .shape import Number, Shape, is_array
from .slot import gate_cost, spatial_cost

if TYPE_CHECKING:
    from torch import nn

Form = Literal["grouped", "concatenated", "summed"]
"""How a bottleneck's groups are built: (c), (b), (a) of ResNeXt's Figure 3."""


@register("basic")
@dataclass(frozen=True, slots=True, kw_only=True)
class Basic(Unit):
    """A basic unit: two 3×3 convolutions."""

    added: ClassVar[Mapping[str, Any]] = {"activation": "relu", "antialias": "none"}

    channels: Number
    """Output channels."""
    stride: int = 1
    """Stride of the first convolution: 1 or 2."""
    downsample: Downsample = "conv"
    """Where the shortcut has its stride: in the projection ("conv"), or in an average pool before
    it ("avg")."""
    attention: Attention | None = None
    """Attention before the sum; one that selects among convolutions replaces the first
    convolution."""
    activation: str = "relu"
    """Activation after the first convolution and after the sum."""
    antialias: Antialias = "none"
    """The pool after the first activation that has the stride in place of the convolution; "none"
    with an attention that selects among convolutions."""

    def __post_init__(self) -> None:
        check_unit(self.channels, self.stride, self.downsample, self.antialias)
        check_selecting(self.attention, self.antialias)

    def resolved(self, shape: Shape) -> Basic:
        # with stride 1 there is no pool: equal networks must have equal descriptions
        block = replace(self, antialias="none") if self.stride == 1 and self.antialias != "none" else self
        if block.attention is None:
            return block
        return replace(block, attention=block.attention.resolved(self.out(shape)))

    def cost(self, shape: Shape) -> Cost:
        out = self.out(shape)
        inside = out if self.antialias == "none" else shape.with_channels(self.channels)  # before the pool
        first = spatial_cost(self.attention, 3, shape, inside)
        after = conv_cost(out, out, 3) + norm_cost(out.channels) + gate_cost(self.attention, out)
        return first + after.beside(shape.elements) + shortcut_cost(shape, out, self.stride, self.downsample)

    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        from .modules.residual import BasicBlock
        from .modules.selective import SelectiveBasic

        if isinstance(self.attention, ConvAttention):
            conv = self.attention.build_conv(shape, self.channels, stride=self.stride)
            return SelectiveBasic(
                shape.channels, self.channels, conv, self.stride, self.downsample, drop_path, self.activation
            )
        attention = None if self.attention is None else self.attention.build(self.out(shape))
        return BasicBlock(
            shape.channels,
            self.channels,
            self.stride,
            self.downsample,
            attention,
            drop_path,
            self.activation,
            self.antialias,
        )


@register("bottleneck")
@dataclass(frozen=True, slots=True, kw_only=True)
class Bottleneck(Unit):
    """A bottleneck unit: a 1×1, a 3×3 and a 1×1 convolution."""

    added: ClassVar[Mapping[str, Any]] = {"activation": "relu", "antialias": "none"}

    channels: Number
    """Output channels."""
    width: Number
    """Channels of the middle convolution, over all groups."""
    stride: int = 1
    """Stride of the middle convolution, or of the pool beside it: 1 or 2."""
    cardinality: Number = 1
    """Groups of the middle convolution (ResNeXt's C)."""
    radix: int = 0
    """Splits of split attention (ResNeSt's R); 0 is a plain convolution."""
    pool: Literal["none", "first", "last"] = "none"
    """Position of the average pool that has the stride in ResNeSt: before the middle convolution
    ("first", the paper's "fast" variant) or after it ("last")."""
    downsample: Downsample = "conv"
    """Where the shortcut has its stride: in the projection ("conv"), or in an average pool before
    it ("avg")."""
    attention: Attention | None = None
    """Attention before the sum; one that selects among convolutions replaces the middle convolution
    and needs radix 0 and no pool."""
    activation: str = "relu"
    """Activation after the first two convolutions and after the sum; within split attention it is
    ReLU."""
    antialias: Antialias = "none"
    """The pool after the middle activation that has the stride in place of the convolution; "none"
    with split attention, and with an attention that selects among convolutions."""

    def __post_init__(self) -> None:
        check_unit(self.channels, self.stride, self.downsample, self.antialias)
        check_selecting(self.attention, self.antialias)
        own = self.antialias == "none" or (self.radix == 0 and self.pool == "none")
        check(
            "with antialias, radix must be 0 and pool 'none'",
            own,
            antialias=self.antialias,
            radix=self.radix,
            pool=self.pool,
        )
        check("width >= 1 must hold", self.width >= 1, width=self.width)
        check("radix >= 0 must hold", self.radix >= 0, radix=self.radix)
        check("pool must be 'none', 'first' or 'last'", self.pool in ("none", "first", "last"), pool=self.pool)
        groups = self.cardinality * max(self.radix, 1)
        check("cardinality >= 1 must hold", self.cardinality >= 1, cardinality=self.cardinality)
        check(
            "cardinality times radix must divide width",
            self.width % groups == 0,
            cardinality=self.cardinality,
            radix=self.radix,
            width=self.width,
        )
        if isinstance(self.attention, ConvAttention):
            plain = self.radix == 0 and self.pool == "none"
            check(
                "in the place of a convolution, radix must be 0 and pool 'none'",
                plain,
                attention=self.attention.name,
                radix=self.radix,
                pool=self.pool,
            )

    def resolved(self, shape: Shape) -> Bottleneck:
        # with stride 1 there is no pool: equal networks must have equal descriptions
        block = replace(self, pool="none", antialias="none") if self.stride == 1 else self
        if block.attention is None:
            return block
        place = shape.with_channels(self.width) if isinstance(block.attention, ConvAttention) else self.out(shape)
        return replace(block, attention=block.attention.resolved(place))

    def widened(self, factor: Number) -> Bottleneck:
        """Return the same unit with `factor` times the channels.

        The channels before the expansion are rounded, as in the skeleton; the width of the middle
        convolution is scaled in proportion. A unit does not store its expansion: it is taken to be
        4, as in every published network, or 1 if 4 does not divide the channels.
        """
        expansion = pick(self.channels % 4 == 0, 4, 1)
        channels = scaled_channels(self.channels // expansion, factor) * expansion
        group = at_least(floor(self.width // self.cardinality * channels / self.channels), 1)
        group = next_multiple(group, max(self.radix, 1))  # whole channels for every split of every group
        attention = None if self.attention is None else self.attention.widened(factor)
        return replace(self, channels=channels, width=group * self.cardinality, attention=attention)

    @property
    def reduced(self) -> Number:
        """Squeezed channels of split attention.

        They are a quarter of the channels of all splits, at least 32, rounded to a multiple of 8
        and then up to a common multiple of 8 and the cardinality.
        """
        step = np.lcm(self.cardinality, 8) if is_array(self.cardinality) else math.lcm(self.cardinality, 8)
        return next_multiple(at_least(make_divisible(self.width * self.radix * 0.25, 8), 32), step)

    def cost(self, shape: Shape) -> Cost:
        out = self.out(shape)
        before = shape.with_channels(self.width)
        after = before.strided(self.stride)
        entering = after if self.pool == "first" else before  # input of the middle convolution
        inside = before if self.pool == "last" or self.antialias != "none" else after  # its output
        if self.radix == 0:  # an attention that replaces the convolution allows no pool
            middle = spatial_cost(self.attention, 3, entering, inside, groups=self.cardinality)
        else:
            middle = self._split_attention_cost(entering, inside)
        last = conv_cost(after, out, 1) + norm_cost(out.channels) + gate_cost(self.attention, out)
        first = conv_cost(shape, before, 1) + norm_cost(self.width)
        return first + (middle + last).beside(shape.elements) + shortcut_cost(shape, out, self.stride, self.downsample)

    def _split_attention_cost(self, before: Shape, inside: Shape) -> Cost:
        splits = inside.with_channels(self.width * self.radix)
        pooled, squeezed = Shape(self.width, 1, 1), Shape(self.reduced, 1, 1)
        return (
            conv_cost(before, splits, 3, groups=self.cardinality * self.radix)
            + norm_cost(splits.channels)
            + (
                conv_cost(pooled, squeezed, 1, groups=self.cardinality, bias=True)
                + norm_cost(squeezed.channels)
                + conv_cost(squeezed, Shape(splits.channels, 1, 1), 1, groups=self.cardinality, bias=True)
            ).beside(splits.elements + before.elements)
        )

    def build(self, shape: Shape, *, drop_path: float = 0.0, form: Form = "grouped") -> nn.Module:
        """Make the trainable module, in one of the three equivalent forms of ResNeXt's Figure 3.

        The forms are (a) "summed" paths, (b) "concatenated" paths and (c) "grouped". They compute
        the same function and have the same MACs and parameters; `automl.blocks.modules.forms`
        converts the weights. `cost` is that of (c); form (a) has more activations.

        Raises:
            InvalidBlock: an unknown form, or one that the attention, radix or pool does not allow.
        """
        from .modules import forms, residual, selective

        check(
            "form must be 'grouped', 'concatenated' or 'summed'",
            form in ("grouped", "concatenated", "summed"),
            form=form,
        )
        if isinstance(self.attention, ConvAttention):
            check(
                "in the place of a convolution, form must be 'grouped'",
                form == "grouped",
                attention=self.attention.name,
                form=form,
            )
            conv = self.attention.build_conv(
                shape.with_channels(self.width), self.width, stride=self.stride, groups=self.cardinality
            )
            return selective.SelectiveBottleneck(
                shape.channels,
                self.width,
                self.channels,
                conv,
                self.stride,
                self.downsample,
                drop_path,
                self.activation,
            )
        attention = None if self.attention is None else self.attention.build(self.out(shape))
        if form != "grouped":
            plain = self.radix == 0 and self.pool == "none"
            check("separate paths need radix 0 and pool 'none'", plain, radix=self.radix, pool=self.pool)
            usual = self.activation == "relu" and self.antialias == "none"
            check(
                "separate paths need activation 'relu' and antialias 'none'",
                usual,
                activation=self.activation,
                antialias=self.antialias,
            )
            return forms.PathBottleneck(
                shape.channels,
                self.width,
                self.channels,
                self.stride,
                self.cardinality,
                form == "concatenated",
                self.downsample,
                attention,
                drop_path,
            )
        return residual.Bottleneck(
            shape.channels,
            self.width,
            self.channels,
            self.stride,
            self.cardinality,
            self.radix,
            self.reduced if self.radix else 0,
            self.pool,
            self.downsample,
            attention,
            drop_path,
            self.activation,
            self.antialias,
        )
