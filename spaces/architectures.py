"""Published networks by name, as points of the skeletons: what `automl cost NAME` counts.

Names are timm's. Sources: EfficientNet (arXiv:1905.11946; the released B1 to B7 are not α^φ exactly), ResNet (arXiv:1512.03385), ResNet-D
(arXiv:1812.01187), ResNeXt (arXiv:1611.05431), SENet (arXiv:1709.01507), ECA-Net (arXiv:1910.03151), ResNeSt (arXiv:2004.08955).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..blocks.errors import unknown
from .candidate import Candidate
from .skeletons import skeleton


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A point of a skeleton."""

    skeleton: str
    """Which one."""
    settings: Mapping[str, Any]
    """What differs from its baseline."""
    size: int = 224
    """Input side in pixels at which its cost was published."""

    def candidate(self, *, image_size: int | None = None, classes: int = 1000, channels: int = 3) -> Candidate:
        """The network, for inputs of `image_size` pixels (the published size without)."""
        side = image_size or self.size
        return skeleton(self.skeleton).candidate(self.settings, (channels, side, side), classes)


def _efficientnets() -> dict[str, Architecture]:
    scales = [(1.0, 1.0, 224), (1.0, 1.1, 240), (1.1, 1.2, 260), (1.2, 1.4, 300), (1.4, 1.8, 380), (1.6, 2.2, 456), (1.8, 2.6, 528), (2.0, 3.1, 600)]
    return {
        f"efficientnet_b{index}": Architecture(skeleton="efficientnet", settings={"width": width, "depth": depth}, size=size)
        for index, (width, depth, size) in enumerate(scales)
    }


def _mobilenets() -> dict[str, Architecture]:
    found: dict[str, tuple[str, dict[str, Any]]] = {
        "mobilenetv1_100": ("mobilenetv1", {}),
        "mobilenetv2_100": ("mobilenetv2", {}),
        "mnasnet_100": ("mnasnet", {}),
        "mobilenetv3_large_100": ("mobilenetv3", {}),
    }
    return {name: Architecture(skeleton=base, settings=settings) for name, (base, settings) in found.items()}


def _resnets() -> dict[str, Architecture]:
    depths: dict[str, dict[str, Any]] = {
        "18": {"unit": "basic", "repeats": (2, 2, 2, 2)},
        "34": {"unit": "basic", "repeats": (3, 4, 6, 3)},
        "50": {"repeats": (3, 4, 6, 3)},
        "101": {"repeats": (3, 4, 23, 3)},
        "152": {"repeats": (3, 8, 36, 3)},
    }
    d: dict[str, Any] = {"stem": "deep", "downsample": "avg"}
    found: dict[str, dict[str, Any]] = {}
    for depth, base in depths.items():
        found |= {f"resnet{depth}": base, f"resnet{depth}d": {**base, **d}, f"seresnet{depth}": {**base, "attention": "se"}}
    for depth in ("50", "101"):
        found[f"ecaresnet{depth}d"] = {**depths[depth], **d, "attention": "eca"}
        found[f"resnext{depth}_32x4d"] = {**depths[depth], "cardinality": 32}
        found[f"seresnext{depth}_32x4d"] = {**depths[depth], "cardinality": 32, "attention": "se"}
    found["resnext101_64x4d"] = {**depths["101"], "cardinality": 64, "base_width": 4}
    return {name: Architecture(skeleton="resnet", settings=settings) for name, settings in found.items()}


def _resnests() -> dict[str, Architecture]:
    d: dict[str, Any] = {"stem": "deep", "downsample": "avg"}
    last, fast = {**d, "radix": 2, "pool": "last"}, {**d, "pool": "first"}
    found: dict[str, tuple[dict[str, Any], int]] = {
        "resnest14d": ({**last, "repeats": (1, 1, 1, 1)}, 224),
        "resnest26d": ({**last, "repeats": (2, 2, 2, 2)}, 224),
        "resnest50d": (last, 224),
        "resnest101e": ({**last, "repeats": (3, 4, 23, 3), "stem_width": 64}, 256),
        "resnest50d_4s2x40d": ({**fast, "radix": 4, "cardinality": 2, "base_width": 40}, 224),
        "resnest50d_1s4x24d": ({**fast, "radix": 1, "cardinality": 4, "base_width": 24}, 224),
    }
    return {name: Architecture(skeleton="resnet", settings=settings, size=size) for name, (settings, size) in found.items()}


_architectures: dict[str, Architecture] = {**_efficientnets(), **_mobilenets(), **_resnets(), **_resnests()}


def architectures() -> list[str]:
    """Names of all published networks that are known."""
    return list(_architectures)


def architecture(name: str) -> Architecture:
    """The published network called `name`; InputError names the nearest when there is none."""
    if name not in _architectures:
        raise unknown("architecture", name, _architectures)
    return _architectures[name]
