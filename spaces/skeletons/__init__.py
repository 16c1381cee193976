"""Skeletons: how settings (depth, width, cardinality, …) become a candidate."""

from __future__ import annotations

from ...blocks.errors import unknown
from .mobile import EFFICIENTNET
from .resnet import RESNET
from .skeleton import Skeleton

_skeletons: dict[str, Skeleton] = {skeleton.name: skeleton for skeleton in (EFFICIENTNET, RESNET)}


def skeleton(name: str) -> Skeleton:
    """The skeleton called `name`; InputError names the nearest when there is none."""
    if name not in _skeletons:
        raise unknown("skeleton", name, _skeletons)
    return _skeletons[name]


def skeletons() -> list[str]:
    """Names of all skeletons."""
    return list(_skeletons)


__all__ = ["Skeleton", "skeleton", "skeletons"]
