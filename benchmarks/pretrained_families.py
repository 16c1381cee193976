"""The source networks and candidates of `pretrained.py`: three families, small enough for a CPU."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from automl.spaces import Candidate
from automl.spaces.skeletons import skeleton


@dataclass(frozen=True, kw_only=True)
class Family:
    """A source network, and the dimensions in which candidates differ from it."""

    skeleton: str
    source: Mapping[str, Any]
    dimensions: Mapping[str, Sequence[Any]]

    def candidate(self, settings: Mapping[str, Any], channels: int, size: int) -> Candidate:
        """A network for five classes."""
        return skeleton(self.skeleton).candidate({**self.source, **settings}, (channels, size, size), 5)

    def drawn(self, count: int, channels: int, size: int) -> list[Candidate]:
        """Different random candidates."""
        draw, found = random.Random(0), dict[str, Candidate]()
        while len(found) < count:
            settings = {name: draw.choice(values) for name, values in self.dimensions.items()}
            candidate = self.candidate(settings, channels, size)
            found[candidate.id] = candidate
        return list(found.values())


FAMILIES = {
    "ResNet": Family(
        skeleton="resnet",
        source={"unit": "basic", "repeats": 2, "width": 0.25, "stem_stride": 2, "stem_pool": False},
        dimensions={"width": [0.125, 0.1875, 0.25, 0.3125], "repeats": [1, 2], "attention": ["none", "se", "eca"]},
    ),
    "ResNeXt": Family(
        skeleton="resnet",
        source={"repeats": 1, "width": 0.125, "cardinality": 4, "base_width": 16, "stem_stride": 2, "stem_pool": False},
        dimensions={
            "width": [0.125, 0.1875],
            "repeats": [1, 2],
            "cardinality": [1, 4],
            "attention": ["none", "se", "eca"],
        },
    ),
    "EfficientNet": Family(
        skeleton="efficientnet",
        source={"width": 0.25, "depth": 0.5, "strides": 2},
        dimensions={
            "width": [0.15, 0.25, 0.35],
            "depth": [0.25, 0.5],
            "kernel": [3, 5],
            "expansion": [3, 6],
            "attention": ["none", "se"],
        },
    ),
}
