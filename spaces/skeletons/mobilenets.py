"""Skeletons of inverted residuals: EfficientNet, MobileNetV1 to V3, and MnasNet.

Sources: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, Table 1 (the MnasNet-like B0); Howard
et al., MobileNets, arXiv:1704.04861, Table 1; Sandler et al., MobileNetV2, CVPR 2018,
arXiv:1801.04381, Table 2; Tan et al., MnasNet, CVPR 2019, arXiv:1807.11626, Figure 7 (B1, without
SE, as timm has it); Howard et al., MobileNetV3, ICCV 2019, arXiv:1905.02244, Table 1. Widths are
rounded to multiples of 8 (never below 90 %), repeats up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ...blocks import ConvHead, ConvStem, EfficientHead, MBConv, Part, PoolHead, Projection, Separable, Unit
from ...blocks.rounding import make_divisible
from ...blocks.shape import is_array
from ..candidates.candidate import Layout
from .attention_choice import attention
from .shared_dimensions import SHARED, SHARED_OUTSIDE, SHARED_RULES, stem_kernel, stem_strides
from .skeleton import Local, Skeleton
from .stage_table import stages
from .value_rules import COUNT, ODD_OR_AUTO, POSITIVE, Rule, one_of


@dataclass(frozen=True, kw_only=True)
class Mobile(Skeleton):
    """A 3×3 stem, stages of inverted residuals, and a 1×1 head.

    Where the expansion is 1 the unit is depthwise-separable. One expansion for the whole network
    does not change the first stage, whose expansion differs in every published network.
    """

    layout: Layout = "efficientnet"
    family: ClassVar[Mapping[str, Any]] = {
        **SHARED,
        "unit": "mbconv",
        "attention": "se",
        "squeeze": "input",
        "expansion": 6,
        "kernel": 3,
        "activation": "silu",
        "stem_width": 32,
        "head": "conv",
        "head_width": 1280,
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        **SHARED_RULES,
        "unit": one_of("mbconv", "separable", "projection"),
        "squeeze": one_of("input", "expanded"),
        "expansion": POSITIVE,
        "kernel": ODD_OR_AUTO,
        "activation": one_of("silu", "relu", "relu6", "hard_swish", "gelu"),
        "stem_width": COUNT,
        "head": one_of("conv", "pool", "efficient", "efficient_no_bias"),
        "head_width": COUNT,
    }
    per_stage: ClassVar[frozenset[str]] = frozenset(
        {"unit", "width", "expansion", "kernel", "repeats", "stride", "attention", "squeeze", "activation", "skip"}
    )
    per_layer: ClassVar[frozenset[str]] = frozenset(
        {"expansion", "kernel", "attention", "squeeze", "activation", "skip"}
    )
    numeric: ClassVar[frozenset[str]] = frozenset(
        {"depth", "width", "resolution", "repeats", "expansion", "kernel", "stem_width", "head_width"}
    )
    outside: ClassVar[frozenset[str]] = SHARED_OUTSIDE | {"activation", "stem_width", "head", "head_width"}
    spares_first: ClassVar[frozenset[str]] = frozenset({"expansion"})

    def takes_arrays(self, dimension: str, values: Iterable[Any]) -> bool:
        listed = list(values)
        if dimension == "expansion" and 1 in listed:  # at expansion 1 the unit is of another class
            return False
        return super().takes_arrays(dimension, listed)

    def stem(self, local: Local) -> Part:
        channels = make_divisible(local["stem_width"] * local["width"], local["divisor"])
        return ConvStem(
            channels=channels, kernel=stem_kernel(local, 3), activation=local["activation"], **stem_strides(local)
        )

    def head(self, local: Local) -> Part:
        if local["head"] == "pool":
            return PoolHead()
        channels = make_divisible(local["head_width"] * local["width"], local["divisor"])
        if local["head"] == "conv":
            return ConvHead(channels=channels, activation=local["activation"])
        return EfficientHead(channels=channels, bias=local["head"] == "efficient", activation=local["activation"])

    def unit(self, local: Local) -> Unit:
        expansion, activation = local["expansion"], local["activation"]
        common: dict[str, Any] = {
            "channels": self.out_channels(local),
            "stride": local["stride"],
            "activation": activation,
        }
        if local["unit"] == "projection":
            return Projection(**common)
        if local["squeeze"] == "input":
            # EfficientNet: a quarter of the unit's input, as a share of the expanded map
            se = {"ratio": 0.25 / expansion, "divisor": 1, "activation": activation, "layout": "efficientnet"}
        else:
            # MobileNetV3: a quarter of the expanded map
            se = {"ratio": 0.25, "divisor": 8, "floor": 0.9, "gate": "hard_sigmoid", "layout": "efficientnet"}
        common |= {"kernel": local["kernel"], "attention": attention(local, **se)}
        if local["unit"] == "separable":
            return Separable(projection="activated", **common)
        return (
            Separable(**common) if not is_array(expansion) and expansion == 1 else MBConv(expansion=expansion, **common)
        )


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
MOBILENETV1 = Mobile(
    name="mobilenetv1",
    baseline={"unit": "separable", "attention": "none", "activation": "relu6", "head": "pool"},
    stages=stages("repeats channels stride", (1, 64, 1), (2, 128, 2), (2, 256, 2), (6, 512, 2), (2, 1024, 2)),
)
MOBILENETV2 = Mobile(
    name="mobilenetv2",
    baseline={"attention": "none", "activation": "relu6"},
    stages=stages(
        "repeats channels stride expansion",
        (1, 16, 1, 1),
        (2, 24, 2, 6),
        (3, 32, 2, 6),
        (4, 64, 2, 6),
        (3, 96, 1, 6),
        (3, 160, 2, 6),
        (1, 320, 1, 6),
    ),
)
MNASNET = Mobile(
    name="mnasnet",
    baseline={"attention": "none", "activation": "relu"},
    stages=stages(
        "repeats channels stride kernel expansion",
        (1, 16, 1, 3, 1),
        (3, 24, 2, 3, 3),
        (3, 40, 2, 5, 3),
        (3, 80, 2, 5, 6),
        (2, 96, 1, 3, 6),
        (4, 192, 2, 5, 6),
        (1, 320, 1, 3, 6),
    ),
)
MOBILENETV3 = Mobile(
    name="mobilenetv3",
    baseline={
        "attention": "none",
        "squeeze": "expanded",
        "activation": "hard_swish",
        "stem_width": 16,
        "head": "efficient",
    },
    stages=stages(
        "unit repeats channels stride kernel expansion attention activation",
        ("mbconv", 1, 16, 1, 3, 1, "none", "relu"),
        ("mbconv", 2, 24, 2, 3, (4, 3), "none", "relu"),
        ("mbconv", 3, 40, 2, 5, 3, "se", "relu"),
        ("mbconv", 4, 80, 2, 3, (6, 2.5, 2.3), "none", "hard_swish"),
        ("mbconv", 2, 112, 1, 3, 6, "se", "hard_swish"),
        ("mbconv", 3, 160, 2, 5, 6, "se", "hard_swish"),
        ("projection", 1, 960, 1, 1, 1, "none", "hard_swish"),
    ),
)
