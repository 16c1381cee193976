"""The ResNet skeleton: ResNet, ResNeXt, SENet, ECA-Net and ResNeSt as points of one family.

Sources: He et al., CVPR 2016, arXiv:1512.03385, Table 1 (the baseline is ResNet-50); Xie et al., ResNeXt, CVPR 2017, arXiv:1611.05431, Table 2
(cardinality × base width at equal cost); Zhang et al., ResNeSt, arXiv:2004.08955 (radix). Widths are rounded to multiples of 8, repeats up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ...blocks import Basic, Bottleneck, InvalidBlock, PoolHead, ResNetStem, Unit
from ...blocks.errors import unknown
from ...blocks.rounding import at_least, ceil, floor, make_divisible, nearest
from ...blocks.shape import Number, is_array
from ..candidate import Candidate, assemble, scaled
from .skeleton import COUNT, COUNT_OR_AUTO, NATURAL, POSITIVE, Image, Rule, Skeleton, attention, of_stage, one_of, scaled_image


def equal_cost_width(cardinality: Number) -> Number:
    """The base width d that keeps a bottleneck of `cardinality` C at the cost of ResNet-50's: 256·Cd + 3·3·C·d² + Cd·256 = 69,632, rounded.

    It reproduces ResNeXt's Table 2: 1×64d, 2×40d, 4×24d, 8×14d, 32×4d.

    >>> [equal_cost_width(c) for c in (1, 2, 4, 8, 32)]
    [64, 40, 24, 14, 4]
    """
    root = np.sqrt(262144 + 36 * 69632 / cardinality) if is_array(cardinality) else math.sqrt(262144 + 36 * 69632 / cardinality)
    return at_least(nearest((root - 512) / 18), 1)


class ResNet(Skeleton):
    """Stem 7×7 or deep, four stages of bottleneck or basic units."""

    name: ClassVar[str] = "resnet"
    stages: ClassVar[int] = 4
    planes: ClassVar[tuple[int, ...]] = (64, 128, 256, 512)
    defaults: ClassVar[Mapping[str, Any]] = {
        "depth": 1.0,
        "width": 1.0,
        "resolution": 1.0,
        "unit": "bottleneck",
        "repeats": (3, 4, 6, 3),
        "cardinality": 1,
        "base_width": "auto",
        "radix": 0,
        "expansion": 4,
        "attention": "none",
        "stem": "plain",
        "stem_width": 32,
        "downsample": "conv",
        "pool": "none",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        "depth": POSITIVE,
        "width": POSITIVE,
        "resolution": POSITIVE,
        "unit": one_of("bottleneck", "basic"),
        "repeats": COUNT,
        "cardinality": COUNT,
        "base_width": COUNT_OR_AUTO,
        "radix": NATURAL,
        "expansion": COUNT,
        "stem": one_of("plain", "deep"),
        "stem_width": COUNT,
        "downsample": one_of("conv", "avg"),
        "pool": one_of("none", "first", "last"),
    }
    per_stage: ClassVar[frozenset[str]] = frozenset({"repeats", "cardinality", "radix", "expansion", "attention"})
    numeric: ClassVar[frozenset[str]] = frozenset({"depth", "width", "resolution", "repeats", "cardinality", "expansion"})

    def candidate(self, settings: Mapping[str, Any], image: Image, classes: int) -> Candidate:
        given = {**self.defaults, **settings}
        stages = []
        for index in range(self.stages):
            repeats = ceil(of_stage(given["repeats"], index) * given["depth"])
            stages.append(scaled(self._unit(given, index), 1 if index == 0 else 2, repeats))
        return assemble("resnet", scaled_image(image, given["resolution"]), classes, self._stem(given), stages, PoolHead())

    def _stem(self, given: Mapping[str, Any]) -> ResNetStem:
        if given["stem"] == "plain":
            return ResNetStem(channels=make_divisible(64 * given["width"]))
        if given["stem"] == "deep":
            deep = make_divisible(given["stem_width"] * given["width"])
            return ResNetStem(channels=2 * deep, deep=deep)
        raise unknown("stem", str(given["stem"]), ["plain", "deep"])

    def _unit(self, given: Mapping[str, Any], index: int) -> Unit:
        planes = make_divisible(self.planes[index] * given["width"])
        cardinality, radix = of_stage(given["cardinality"], index), of_stage(given["radix"], index)
        attended = attention({**given, "attention": of_stage(given["attention"], index)})
        if given["unit"] == "basic":
            if radix != 0 or np.any(np.not_equal(cardinality, 1)):
                raise InvalidBlock(f"a basic unit has cardinality 1 and radix 0, but got cardinality={cardinality!r}, radix={radix!r}")
            return Basic(channels=planes, downsample=given["downsample"], attention=attended)
        if given["unit"] != "bottleneck":
            raise unknown("unit", str(given["unit"]), ["bottleneck", "basic"])
        base_width = equal_cost_width(cardinality) if given["base_width"] == "auto" else given["base_width"]
        group = at_least(floor(base_width * planes / 64), 1)
        splits = max(radix, 1)
        group = (group + splits - 1) // splits * splits  # every split of every group gets whole channels
        return Bottleneck(
            channels=planes * of_stage(given["expansion"], index), width=group * cardinality, cardinality=cardinality, radix=radix,
            pool=given["pool"] if radix else "none", downsample=given["downsample"], attention=attended,
        )  # fmt: skip
