"""Skeletons without residuals: VGG-like and Inception-like, with attention in every layer.

Sources: Simonyan & Zisserman, VGG, ICLR 2015, arXiv:1409.1556, configuration D (here a stem and 12
convolutions before a global pool, which replaces the fully connected layers of 4096); Szegedy et
al., GoogLeNet, CVPR 2015, arXiv:1409.4842, Table 1 (nine Inception units in three stages);
attention in both as in Hu et al., SENet, CVPR 2018, arXiv:1709.01507.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...blocks import ConvStem, Inception, Part, Plain, PoolHead, ResNetStem, Unit
from ...blocks.rounding import make_divisible
from ..candidates.candidate import Layout
from .attention_choice import attention
from .shared_dimensions import SHARED, SHARED_OUTSIDE, SHARED_RULES, stem_kernel, stem_strides
from .skeleton import Local, Skeleton
from .stage_table import stages
from .value_rules import COUNT, ODD_OR_AUTO, Rule, one_of

ACTIVATIONS = one_of("relu", "silu", "relu6", "hard_swish", "gelu")


@dataclass(frozen=True, kw_only=True)
class VGG(Skeleton):
    """A stem of one convolution, then stages of convolutions.

    Every stage after the first begins with a max pool.
    """

    layout: Layout = "resnet"
    family: ClassVar[Mapping[str, Any]] = {
        **SHARED,
        "kernel": 3,
        "activation": "relu",
        "stem_width": 64,
        "stem_stride": 1,
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **SHARED_RULES,
        "kernel": ODD_OR_AUTO,
        "activation": ACTIVATIONS,
        "stem_width": COUNT,
    }
    per_stage: ClassVar[frozenset[str]] = frozenset(
        {"width", "repeats", "stride", "kernel", "attention", "activation", "skip"}
    )
    per_layer: ClassVar[frozenset[str]] = frozenset({"kernel", "attention", "activation", "skip"})
    numeric: ClassVar[frozenset[str]] = frozenset({"depth", "width", "resolution", "repeats", "kernel", "stem_width"})
    outside: ClassVar[frozenset[str]] = SHARED_OUTSIDE | {"activation", "stem_width"}

    def stem(self, local: Local) -> Part:
        channels = make_divisible(local["stem_width"] * local["width"], local["divisor"])
        return ConvStem(
            channels=channels, kernel=stem_kernel(local, 3), activation=local["activation"], **stem_strides(local)
        )

    def head(self, local: Local) -> Part:
        return PoolHead()

    def unit(self, local: Local) -> Unit:
        return Plain(
            channels=self.out_channels(local),
            stride=local["stride"],
            kernel=local["kernel"],
            activation=local["activation"],
            attention=attention(local),
        )


@dataclass(frozen=True, kw_only=True)
class GoogLeNet(Skeleton):
    """A stem of a 7×7 convolution and a max pool, then stages of Inception units."""

    layout: Layout = "resnet"
    family: ClassVar[Mapping[str, Any]] = {**SHARED, "activation": "relu", "stem_width": 64, "stem_pool": True}
    rules: ClassVar[Mapping[str, Rule]] = {**SHARED_RULES, "activation": ACTIVATIONS, "stem_width": COUNT}
    per_stage: ClassVar[frozenset[str]] = frozenset({"width", "repeats", "stride", "attention", "activation", "skip"})
    per_layer: ClassVar[frozenset[str]] = frozenset({"attention", "activation", "skip"})
    numeric: ClassVar[frozenset[str]] = frozenset({"depth", "width", "resolution", "repeats", "stem_width"})
    outside: ClassVar[frozenset[str]] = SHARED_OUTSIDE | {"stem_width"}

    def stem(self, local: Local) -> Part:
        channels = make_divisible(local["stem_width"] * local["width"], local["divisor"])
        return ResNetStem(channels=channels, kernel=stem_kernel(local, 7), **stem_strides(local))

    def head(self, local: Local) -> Part:
        return PoolHead()

    def unit(self, local: Local) -> Unit:
        return Inception(
            channels=self.out_channels(local),
            stride=local["stride"],
            activation=local["activation"],
            attention=attention(local),
        )


PLAIN = VGG(
    name="plain",
    stages=stages("repeats channels stride", (1, 64, 1), (2, 128, 2), (3, 256, 2), (3, 512, 2), (3, 512, 2)),
)
INCEPTION = GoogLeNet(
    name="inception", stages=stages("repeats channels stride", (2, 256, 2), (5, 512, 2), (2, 1024, 2))
)
