"""The space around one published network or skeleton.

It contains the network, scaled in depth, width and resolution (α, β, γ of EfficientNet,
arXiv:1905.11946).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..blocks.rounding import make_divisible
from .architectures import Architecture, architecture, architectures
from .skeletons import Skeleton, skeleton, skeletons

FACTORS = {"depth": (0.4, 1.6, 0.2), "width": (0.3, 1.3, 0.1), "resolution": (0.57, 1.15, 0.0715)}
"""Axis → low, high and step, as multiples of the network's own coefficient."""


def centres() -> list[str]:
    """List the names of published networks and skeletons, which `around` accepts."""
    return [*architectures(), *skeletons()]


def around(name: str) -> dict[str, Any]:
    """Return the space around a published network or skeleton, as the data of a space file."""
    data = network(name)
    own = data["dimensions"]
    whole = {key: value for key, value in own.items() if key not in FACTORS}
    return {
        **data,
        "dimensions": {**{key: _range(own.get(key, 1.0), *factors) for key, factors in FACTORS.items()}, **whole},
    }


def network(name: str) -> dict[str, Any]:
    """Return a published network or skeleton as the data of a space file without free parameters.

    Its stages are written out.
    """
    return written(centre(name), name)


def centre(name: str) -> Architecture:
    """Return a published network, or the baseline of a skeleton, by name."""
    return architecture(name) if name in architectures() else Architecture(skeleton=name, settings={})


def written(network: Architecture, name: str) -> dict[str, Any]:
    """Return `network` as `network(name)` returns a published one."""
    base = skeleton(network.skeleton)
    return {
        "name": name,
        "skeleton": base.name,
        "image": [3, network.size, network.size],
        "classes": 1000,
        "stages": [_row(base, index, network.settings) for index in range(len(base.stages))],
        "dimensions": {key: value for key, value in network.settings.items() if not isinstance(value, tuple)},
    }


def _range(own: float, low: float, high: float, step: float) -> dict[str, float]:
    return {"low": round(own * low, 6), "high": round(own * high, 6), "step": round(own * step, 6)}


def _row(base: Skeleton, index: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return stage `index` of the network as a row of `stages` in a space file."""
    row: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value for key, value in base.stages[index].items()
    }
    row |= {key: value[index] for key, value in settings.items() if isinstance(value, tuple)}
    width = row.pop("width", 1)
    return {**row, "channels": make_divisible(row["channels"] * width) if width != 1 else row["channels"]}
