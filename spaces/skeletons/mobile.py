"""Skeletons of inverted residuals: EfficientNet and what it came from.

Sources: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, Table 1 (the MnasNet-like baseline B0). Widths are rounded to multiples of 8 (never below
90 %), repeats up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...blocks import ConvHead, ConvStem, MBConv, Part, Separable, Unit
from ...blocks.rounding import make_divisible
from ...blocks.shape import is_array
from ..candidate import Layout
from .rules import COUNT, ODD_OR_AUTO, STRIDE, Rule, one_of
from .skeleton import SHARED, SHARED_RULES, Local, Skeleton, attention
from .table import stages


@dataclass(frozen=True, kw_only=True)
class Mobile(Skeleton):
    """Stem 3×3, stages of inverted residuals (depthwise-separable ones where the expansion is 1), head 1×1.

    One expansion for the whole network leaves the first stage as it is: in every published network that one stands apart.
    """

    layout: ClassVar[Layout] = "efficientnet"
    family: ClassVar[Mapping[str, Any]] = {
        **SHARED, "attention": "se", "expansion": 6, "kernel": 3, "activation": "silu", "stem_width": 32, "stem_stride": 2, "head_width": 1280,
    }  # fmt: skip
    rules: ClassVar[Mapping[str, Rule]] = {
        **SHARED_RULES, "expansion": COUNT, "kernel": ODD_OR_AUTO, "activation": one_of("silu", "relu", "relu6", "hard_swish", "gelu"),
        "stem_width": COUNT, "stem_stride": STRIDE, "head_width": COUNT,
    }  # fmt: skip
    per_stage: ClassVar[frozenset[str]] = frozenset({"width", "expansion", "kernel", "repeats", "attention", "activation", "skip"})
    per_layer: ClassVar[frozenset[str]] = frozenset({"expansion", "kernel", "attention", "activation", "skip"})
    numeric: ClassVar[frozenset[str]] = frozenset({"depth", "width", "resolution", "repeats", "expansion", "kernel", "stem_width", "head_width"})
    outside: ClassVar[frozenset[str]] = frozenset({"width", "resolution", "activation", "stem_width", "stem_stride", "head_width"})
    spares_first: ClassVar[frozenset[str]] = frozenset({"expansion"})

    def takes_arrays(self, dimension: str, values: Iterable[Any]) -> bool:
        listed = list(values)
        return super().takes_arrays(dimension, listed) and not (dimension == "expansion" and 1 in listed)  # at 1 the unit is another

    def stem(self, local: Local) -> Part:
        return ConvStem(channels=make_divisible(local["stem_width"] * local["width"]), stride=local["stem_stride"], activation=local["activation"])

    def head(self, local: Local) -> Part:
        return ConvHead(channels=make_divisible(local["head_width"] * local["width"]), activation=local["activation"])

    def unit(self, local: Local) -> Unit:
        expansion, activation = local["expansion"], local["activation"]
        common: dict[str, Any] = {
            "channels": self.out_channels(local),
            "stride": local["stride"],
            "kernel": local["kernel"],
            "activation": activation,
            # a quarter of the block's input, stated over the expanded map it stands on
            "attention": attention(local, ratio=0.25 / expansion, divisor=1, activation=activation, layout="efficientnet"),
        }
        return Separable(**common) if not is_array(expansion) and expansion == 1 else MBConv(expansion=expansion, **common)


EFFICIENTNET = Mobile(
    name="efficientnet",
    stages=stages(
        "repeats channels stride kernel expansion",
        (1, 16, 1, 3, 1),
        (2, 24, 2, 3, 6),
        (2, 40, 2, 5, 6),
        (3, 80, 2, 3, 6),
        (3, 112, 1, 5, 6),
        (4, 192, 2, 5, 6),
        (1, 320, 1, 3, 6),
    ),
)
