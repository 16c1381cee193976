"""The EfficientNet skeleton: MBConv stages scaled by α, β, γ from the MnasNet-like baseline B0.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, Table 1. Widths are rounded to multiples of 8 (never below 90 %), repeats up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ...blocks import ConvHead, ConvStem, MBConv, Separable, Unit
from ...blocks.rounding import ceil, make_divisible
from ..candidate import Candidate, assemble, scaled
from .skeleton import COUNT, ODD_OR_AUTO, POSITIVE, Image, Rule, Skeleton, attention, of_stage, one_of, scaled_image


class EfficientNet(Skeleton):
    """Stem 3×3, seven stages, head 1×1. The first stage has expansion 1 (a separable convolution) unless expansion is given for each stage."""

    name: ClassVar[str] = "efficientnet"
    stages: ClassVar[int] = 7
    channels: ClassVar[tuple[int, ...]] = (16, 24, 40, 80, 112, 192, 320)
    strides: ClassVar[tuple[int, ...]] = (1, 2, 2, 2, 1, 2, 1)
    kernels: ClassVar[tuple[int, ...]] = (3, 3, 5, 3, 5, 5, 3)
    defaults: ClassVar[Mapping[str, Any]] = {
        "depth": 1.0,
        "width": 1.0,
        "resolution": 1.0,
        "expansion": (1, 6, 6, 6, 6, 6, 6),
        "kernel": "auto",
        "repeats": (1, 2, 2, 3, 3, 4, 1),
        "attention": "se",
        "activation": "silu",
    }
    rules: ClassVar[Mapping[str, Rule]] = {
        "depth": POSITIVE,
        "width": POSITIVE,
        "resolution": POSITIVE,
        "expansion": COUNT,
        "kernel": ODD_OR_AUTO,
        "repeats": COUNT,
        "activation": one_of("silu", "relu", "relu6", "hard_swish", "gelu"),
    }
    per_stage: ClassVar[frozenset[str]] = frozenset({"expansion", "kernel", "repeats", "attention"})
    numeric: ClassVar[frozenset[str]] = frozenset({"depth", "width", "resolution", "repeats"})

    def candidate(self, settings: Mapping[str, Any], image: Image, classes: int) -> Candidate:
        given = {**self.defaults, **settings}
        if not isinstance(given["expansion"], tuple):
            given["expansion"] = (1,) + (given["expansion"],) * (self.stages - 1)
        stages = []
        for index in range(self.stages):
            repeats = ceil(of_stage(given["repeats"], index) * given["depth"])
            stages.append(scaled(self._unit(given, index), self.strides[index], repeats))
        stem = ConvStem(channels=make_divisible(32 * given["width"]), activation=given["activation"])
        head = ConvHead(channels=make_divisible(1280 * given["width"]), activation=given["activation"])
        return assemble("efficientnet", scaled_image(image, given["resolution"]), classes, stem, stages, head)

    def _unit(self, given: Mapping[str, Any], index: int) -> Unit:
        kernel = of_stage(given["kernel"], index)
        expansion = of_stage(given["expansion"], index)
        chosen = {**given, "attention": of_stage(given["attention"], index)}
        common: dict[str, Any] = {
            "channels": make_divisible(self.channels[index] * given["width"]),
            "kernel": self.kernels[index] if kernel == "auto" else kernel,
            "activation": given["activation"],
            # a quarter of the block's input, stated over the expanded map it stands on
            "attention": attention(chosen, ratio=0.25 / expansion, divisor=1, activation=given["activation"], layout="efficientnet"),
        }
        return Separable(**common) if expansion == 1 else MBConv(expansion=expansion, **common)
