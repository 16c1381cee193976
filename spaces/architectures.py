"""Published networks by name, as settings of the skeletons.

Names are timm's where timm has the network. Sources: EfficientNet (arXiv:1905.11946; the released
B1 to B7 are not α^φ exactly), MobileNets (arXiv:1704.04861, 1801.04381, 1905.02244), MnasNet
(arXiv:1807.11626), ResNet (arXiv:1512.03385), ResNet-C and -D (arXiv:1812.01187), ResNeXt
(arXiv:1611.05431), SENet (arXiv:1709.01507), ECA-Net (arXiv:1910.03151), CBAM (arXiv:1807.06521),
SKNet (arXiv:1903.06586), ResNeSt (arXiv:2004.08955), anti-aliased strides (arXiv:1904.11486; timm).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from ..blocks.errors import look_up
from .candidates.candidate import Candidate
from .skeletons import skeleton

Settings = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A published network: a skeleton and settings."""

    skeleton: str
    """Name of the skeleton."""
    settings: Mapping[str, Any]
    """Dimension → value, where it differs from the skeleton's baseline."""
    size: int = 224
    """Height and width in pixels of the input at which its cost was published."""

    def candidate(self, *, image_size: int | None = None, classes: int = 1000, channels: int = 3) -> Candidate:
        """Return the network for inputs of `image_size` × `image_size` pixels.

        None takes the published size.
        """
        side = image_size or self.size
        return skeleton(self.skeleton).candidate(self.settings, (channels, side, side), classes)


def _efficientnets() -> dict[str, Architecture]:
    scales = [
        (1.0, 1.0, 224),
        (1.0, 1.1, 240),
        (1.1, 1.2, 260),
        (1.2, 1.4, 300),
        (1.4, 1.8, 380),
        (1.6, 2.2, 456),
        (1.8, 2.6, 528),
        (2.0, 3.1, 600),
    ]
    scales += [(2.2, 3.6, 672)]
    return {
        f"efficientnet_b{index}": Architecture(
            skeleton="efficientnet", settings={"width": width, "depth": depth}, size=size
        )
        for index, (width, depth, size) in enumerate(scales)
    }


def _mobilenets() -> dict[str, Architecture]:
    found: dict[str, tuple[str, Settings]] = {
        "mobilenetv1_100": ("mobilenetv1", {}),
        "mobilenetv1_125": ("mobilenetv1", {"width": 1.25}),
        "mobilenetv3_large_100": ("mobilenetv3", {}),
    }
    for percent in (50, 75, 100, 140):
        # the head has at least 1280 features
        found[f"mobilenetv2_{percent:03}"] = (
            "mobilenetv2",
            {"width": percent / 100, "head_width": max(1280, ceil(128000 / percent))},
        )
    for percent, depth in ((110, 1.2), (120, 1.4)):
        # all stages but the first and the last are deeper; stem and head keep their width
        repeats = (1, *(ceil(count * depth) for count in (2, 3, 4, 3, 3)), 1)
        kept = {"stem_width": round(3200 / percent), "head_width": round(128000 / percent)}
        found[f"mobilenetv2_{percent}d"] = "mobilenetv2", {"width": percent / 100, "repeats": repeats, **kept}
    a1: Settings = {  # MnasNet-A1
        "width": (1, 1, 1, 1, 112 / 96, 160 / 192, 1),
        "repeats": (1, 2, 3, 4, 2, 3, 1),
        "expansion": (1, 6, 3, 6, 6, 6, 6),
        "kernel": (3, 3, 5, 3, 3, 5, 3),
        "attention": ("none", "none", "se", "none", "se", "se", "none"),
    }
    found["semnasnet_100"] = "mnasnet", a1
    for percent in (50, 75, 100, 140):
        found[f"mnasnet_{percent:03}"] = "mnasnet", {"width": percent / 100, "head_width": round(128000 / percent)}
    return {name: Architecture(skeleton=base, settings=settings) for name, (base, settings) in found.items()}


_DEPTHS: dict[str, Settings] = {
    "14": {"repeats": (1, 1, 1, 1)},
    "18": {"unit": "basic", "repeats": (2, 2, 2, 2)},
    "26": {"repeats": (2, 2, 2, 2)},
    "34": {"unit": "basic", "repeats": (3, 4, 6, 3)},
    "50": {"repeats": (3, 4, 6, 3)},
    "101": {"repeats": (3, 4, 23, 3)},
    "152": {"repeats": (3, 8, 36, 3)},
    "200": {"repeats": (3, 24, 36, 3)},
    "269": {"repeats": (3, 30, 48, 8)},
}
_C: Settings = {"stem": "deep"}
_D: Settings = {"stem": "deep", "downsample": "avg"}
_T: Settings = {"stem": "tiered", "downsample": "avg"}


def _resnets() -> dict[str, Settings]:
    found: dict[str, Settings] = {}
    for depth in ("18", "26", "34", "50", "101", "152", "200"):
        base = _DEPTHS[depth]
        found |= {f"resnet{depth}": base, f"resnet{depth}d": {**base, **_D}}
    for depth in ("50", "101", "152"):
        found[f"resnet{depth}c"] = {**_DEPTHS[depth], **_C}
    for depth in ("14", "26"):
        found[f"resnet{depth}t"] = {**_DEPTHS[depth], **_T}
    for depth in ("18", "34", "50", "101", "152"):
        found[f"seresnet{depth}"] = {**_DEPTHS[depth], "attention": "se"}
    for depth in ("152", "200", "269"):
        found[f"seresnet{depth}d"] = {**_DEPTHS[depth], **_D, "attention": "se"}
    for depth in ("50", "101"):
        found[f"wide_resnet{depth}_2"] = {**_DEPTHS[depth], "base_width": 128}
    return found


def _resnexts() -> dict[str, Settings]:
    found: dict[str, Settings] = {}
    for depth in ("50", "101", "152"):
        found |= {
            f"resnext{depth}_{c}x{d}d": {**_DEPTHS[depth], "cardinality": c, "base_width": d}
            for c, d in ((32, 4), (64, 4), (2, 40), (4, 24), (8, 14))
        }
        found[f"seresnext{depth}_32x4d"] = {**_DEPTHS[depth], "cardinality": 32, "attention": "se"}
    found["resnext50d_32x4d"] = {**_DEPTHS["50"], **_D, "cardinality": 32}
    for width in (8, 16, 32):
        found[f"resnext101_32x{width}d"] = {**_DEPTHS["101"], "cardinality": 32, "base_width": width}
    found["seresnext101_32x8d"] = {**_DEPTHS["101"], "cardinality": 32, "base_width": 8, "attention": "se"}
    found["seresnext101_64x4d"] = {**_DEPTHS["101"], "cardinality": 64, "base_width": 4, "attention": "se"}
    found["seresnext101d_32x8d"] = {**found["seresnext101_32x8d"], **_D}
    for letter, stem in (("d", _D), ("t", _T)):
        found[f"seresnext26{letter}_32x4d"] = {**_DEPTHS["26"], **stem, "cardinality": 32, "attention": "se"}
    return found


def _attended() -> dict[str, Settings]:
    found: dict[str, Settings] = {}
    for depth in ("50", "101", "200", "269"):
        found[f"ecaresnet{depth}d"] = {**_DEPTHS[depth], **_D, "attention": "eca"}
    for depth in ("26", "50"):
        found[f"ecaresnet{depth}t"] = {**_DEPTHS[depth], **_T, "attention": "eca"}
        found[f"ecaresnext{depth}t_32x4d"] = {**_DEPTHS[depth], **_T, "cardinality": 32, "attention": "eca"}
    found["ecaresnetlight"] = {"repeats": (1, 1, 11, 3), "downsample": "avg", "attention": "eca"}
    # the networks of the authors' repository, which states the kernels of each stage
    for depth, kernels in (("18", (3, 5, 7, 7)), ("34", (3, 3, 5, 7)), ("50", (3, 5, 5, 7)), ("101", (3, 3, 5, 7))):
        found[f"ecanet{depth}"] = {**_DEPTHS[depth], "attention": "eca", "eca_kernel": kernels}
    for depth in ("18", "34", "50", "101"):
        found[f"cecaresnet{depth}"] = {**_DEPTHS[depth], "attention": "eca", "eca_padding": "circular"}
        found |= {f"{kind}resnet{depth}": {**_DEPTHS[depth], "attention": kind} for kind in ("cbam", "ecabam")}
    narrow: Settings = {"attention": "sk", "sk_ratio": 1 / 8, "sk_divisor": 16, "sk_split": True}
    found |= {f"skresnet{depth}": {**_DEPTHS[depth], **narrow} for depth in ("18", "34")}
    found["skresnet50"] = {**_DEPTHS["50"], "attention": "sk", "sk_split": True}
    found["skresnet50d"] = {**found["skresnet50"], **_D}
    found["skresnext50_32x4d"] = {
        **_DEPTHS["50"],
        "attention": "sk",
        "sk_ratio": 1 / 16,
        "sk_divisor": 32,
        "cardinality": 32,
    }
    return found


def _antialiased() -> dict[str, Settings]:
    found: dict[str, Settings] = {}
    for kind, pool in (("aa", "avg"), ("blur", "blur")):
        found[f"resnet{kind}50"] = {**_DEPTHS["50"], "antialias": pool}
        found |= {f"resnet{kind}{depth}d": {**_DEPTHS[depth], **_D, "antialias": pool} for depth in ("50", "101")}
    found["resnetaa34d"] = {**_DEPTHS["34"], **_D, "antialias": "avg"}
    found["resnetblur18"] = {**_DEPTHS["18"], "antialias": "blur"}
    found["seresnetaa50d"] = {**found["resnetaa50d"], "attention": "se"}
    found["seresnextaa101d_32x8d"] = {**found["resnetaa101d"], "cardinality": 32, "base_width": 8, "attention": "se"}
    return found


def _resnests() -> dict[str, tuple[Settings, int]]:
    last, fast = {**_D, "radix": 2, "pool": "last"}, {**_D, "pool": "first"}
    found: dict[str, tuple[Settings, int]] = {
        f"resnest{depth}d": ({**last, **_DEPTHS[depth]}, 224) for depth in ("14", "26", "50")
    }
    for depth, size in (("101", 256), ("200", 320), ("269", 416)):
        found[f"resnest{depth}e"] = {**last, **_DEPTHS[depth], "stem_width": 64}, size
    for radix, cardinality, width in (
        (1, 1, 64),
        (2, 1, 64),
        (4, 1, 64),
        (1, 2, 40),
        (2, 2, 40),
        (4, 2, 40),
        (1, 4, 24),
    ):
        found[f"resnest50d_{radix}s{cardinality}x{width}d"] = (
            {**fast, "radix": radix, "cardinality": cardinality, "base_width": width},
            224,
        )
    return found


def _all() -> dict[str, Architecture]:
    residual = {**_resnets(), **_resnexts(), **_attended(), **_antialiased()}
    found = {**_efficientnets(), **_mobilenets()}
    found |= {name: Architecture(skeleton="resnet", settings=settings) for name, settings in residual.items()}
    found |= {
        name: Architecture(skeleton="resnet", settings=settings, size=size)
        for name, (settings, size) in _resnests().items()
    }
    for name, base in (("vgg16_gap", "plain"), ("inception9", "inception")):
        found |= {
            name: Architecture(skeleton=base, settings={}),
            f"se{name}": Architecture(skeleton=base, settings={"attention": "se"}),
        }
    return found


_architectures: dict[str, Architecture] = _all()


def architectures() -> list[str]:
    """List the names of all published networks."""
    return list(_architectures)


def architecture(name: str) -> Architecture:
    """Return the published network called `name`.

    Raises:
        InputError: there is none; the message gives the nearest name.
    """
    return look_up("architecture", name, _architectures)
