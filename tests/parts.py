"""A part of many parameters for the default suite; the rest is marked `exhaustive`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

FAMILIES = (
    "efficientnet_b0",
    "mobilenetv1_100",
    "mobilenetv2_110d",
    "mobilenetv3_large_100",
    "semnasnet_100",
    "resnet18d",
    "resnet26t",
    "resnet50c",
    "seresnet50",
    "wide_resnet50_2",
    "resnext50_32x4d",
    "seresnext26t_32x4d",
    "ecaresnet26t",
    "cecaresnet18",
    "cbamresnet18",
    "ecabamresnet18",
    "skresnet18",
    "resnest14d",
    "resnest50d_4s2x40d",
    "vgg16_gap",
    "seinception9",
)
"""Named networks: every skeleton, stem, shortcut, unit and attention among them."""


def part(names: Iterable[str], default: Iterable[str] = FAMILIES) -> list[Any]:
    """`names` as parameters, those that are not in `default` marked `exhaustive`."""
    kept = set(default)
    found = [pytest.param(name, marks=[] if name in kept else [pytest.mark.exhaustive], id=name) for name in names]
    assert any(not one.marks for one in found), "the default suite takes none of them"
    return found
