"""The ResNet skeleton: one family with ResNet, ResNeXt, SENet, ECA-Net and ResNeSt as its members.

Sources: He et al., CVPR 2016, arXiv:1512.03385, Table 1 (the baseline is ResNet-50); Xie et al.,
ResNeXt, CVPR 2017, arXiv:1611.05431, Table 2 (cardinality × base width at equal cost); Zhang et
al., ResNeSt, arXiv:2004.08955 (radix); Zhang, ICML 2019, arXiv:1904.11486 (anti-aliased strides).
Widths are rounded to multiples of 8, repeats up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...blocks import Basic, Bottleneck, ConvAttention, Part, PoolHead, ResNetStem, Unit
from ...blocks.rounding import at_least, floor, make_divisible, nearest, next_multiple
from ...blocks.rules import check
from ...blocks.shape import Number, is_array
from ..candidates.candidate import Layout
from .attention_choice import attention
from .shared_dimensions import SHARED, SHARED_OUTSIDE, SHARED_RULES, stem_kernel, stem_strides
from .skeleton import Local, Skeleton
from .stage_table import stages
from .value_rules import COUNT, COUNT_OR_AUTO, NATURAL, Rule, one_of


def equal_cost_width(cardinality: Number) -> Number:
    """Return the base width d at which a bottleneck of `cardinality` C costs what ResNet-50's does.

    d solves 256·C·d + 3·3·C·d² + C·d·256 = 69,632 and is rounded to the nearest integer. It
    reproduces ResNeXt's Table 2: 1×64d, 2×40d, 4×24d, 8×14d, 32×4d.

    >>> [equal_cost_width(c) for c in (1, 2, 4, 8, 32)]
    [64, 40, 24, 14, 4]
    """
    root = (
        np.sqrt(262144 + 36 * 69632 / cardinality)
        if is_array(cardinality)
        else math.sqrt(262144 + 36 * 69632 / cardinality)
    )
    return at_least(nearest((root - 512) / 18), 1)


@dataclass(frozen=True, kw_only=True)
class ResNet(Skeleton):
    """A stem of one 7×7 or three 3×3 convolutions, then stages of bottleneck or basic units."""

    layout: Layout = "resnet"
    family: ClassVar[Mapping[str, Any]] = {
        **SHARED,
        "unit": "bottleneck",
        "cardinality": 1,
        "base_width": "auto",
        "radix": 0,
        "expansion": 4,
        "stem": "plain",
        "stem_width": 32,
        "stem_pool": True,
        "downsample": "conv",
        "pool": "none",
        "activation": "relu",
        "antialias": "none",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **SHARED_RULES,
        "unit": one_of("bottleneck", "basic"),
        "cardinality": COUNT,
        "base_width": COUNT_OR_AUTO,
        "radix": NATURAL,
        "expansion": COUNT,
        "stem": one_of("plain", "deep", "tiered"),
        "stem_width": COUNT,
        "downsample": one_of("conv", "avg"),
        "pool": one_of("none", "first", "last"),
        "activation": one_of("relu", "silu", "relu6", "hard_swish", "gelu"),
        "antialias": one_of("none", "avg", "blur"),
    }
    per_stage: ClassVar[frozenset[str]] = frozenset(
        {
            "width",
            "repeats",
            "stride",
            "cardinality",
            "base_width",
            "radix",
            "expansion",
            "attention",
            "activation",
            "skip",
        }
    )
    per_layer: ClassVar[frozenset[str]] = frozenset(
        {"cardinality", "base_width", "radix", "attention", "activation", "skip"}
    )
    numeric: ClassVar[frozenset[str]] = frozenset(
        {"depth", "width", "resolution", "repeats", "cardinality", "base_width", "expansion", "stem_width"}
    )
    widens: ClassVar[frozenset[str]] = frozenset({"width", "expansion", "unit"})
    outside: ClassVar[frozenset[str]] = SHARED_OUTSIDE | {"stem", "stem_width", "activation", "antialias"}

    def out_channels(self, local: Local) -> Number:
        return super().out_channels(local) * (1 if local["unit"] == "basic" else local["expansion"])

    def stem(self, local: Local) -> Part:
        common = {**stem_strides(local), "activation": local["activation"], "antialias": local["antialias"]}
        if local["stem"] == "plain":
            channels = make_divisible(64 * local["width"], local["divisor"])
            return ResNetStem(channels=channels, kernel=stem_kernel(local, 7), **common)
        deep = make_divisible(local["stem_width"] * local["width"], local["divisor"])
        return ResNetStem(channels=2 * deep, deep=deep, tiered=local["stem"] == "tiered", **common)

    def head(self, local: Local) -> Part:
        return PoolHead()

    def unit(self, local: Local) -> Unit:
        cardinality, radix = local["cardinality"], local["radix"]
        gate = attention(local)
        common: dict[str, Any] = {
            "channels": self.out_channels(local),
            "stride": local["stride"],
            "downsample": local["downsample"],
            "attention": gate,
            "activation": local["activation"],
            # split attention and attention in place of the convolution have strides of their own
            "antialias": "none" if radix or isinstance(gate, ConvAttention) else local["antialias"],
        }
        if local["unit"] == "basic":
            plain = (np.equal(cardinality, 1) if is_array(cardinality) else cardinality == 1) & (radix == 0)
            check("a basic unit has cardinality 1 and radix 0", plain, cardinality=cardinality, radix=radix)
            return Basic(**common)
        automatic = isinstance(local["base_width"], str)
        base_width = equal_cost_width(cardinality) if automatic else local["base_width"]
        group = at_least(floor(base_width * super().out_channels(local) / 64), 1)
        group = next_multiple(group, max(radix, 1))  # whole channels for every split of every group
        return Bottleneck(
            width=group * cardinality,
            cardinality=cardinality,
            radix=radix,
            pool=local["pool"] if radix else "none",
            **common,
        )


RESNET = ResNet(
    name="resnet", stages=stages("repeats channels stride", (3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
)
