"""Skeletons: how settings (depth, width, cardinality, …) become a candidate."""

from __future__ import annotations

from ...blocks.errors import unknown
from .mobile import EFFICIENTNET, MNASNET, MOBILENETV1, MOBILENETV2, MOBILENETV3
from .plain import INCEPTION, PLAIN
from .resnet import RESNET
from .skeleton import Skeleton

_all = (EFFICIENTNET, RESNET, MOBILENETV1, MOBILENETV2, MOBILENETV3, MNASNET, PLAIN, INCEPTION)
_skeletons: dict[str, Skeleton] = {skeleton.name: skeleton for skeleton in _all}


def skeleton(name: str) -> Skeleton:
    """The skeleton called `name`; InputError names the nearest when there is none."""
    if name not in _skeletons:
        raise unknown("skeleton", name, _skeletons)
    return _skeletons[name]


def skeletons() -> list[str]:
    """Names of all skeletons."""
    return list(_skeletons)


__all__ = ["Skeleton", "skeleton", "skeletons"]
