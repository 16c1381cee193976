"""Skeletons turn settings (depth, width, cardinality, …) into candidates."""

from __future__ import annotations

from ...blocks.errors import look_up
from .mobilenets import EFFICIENTNET, MNASNET, MOBILENETV1, MOBILENETV2, MOBILENETV3
from .resnet import RESNET
from .skeleton import Skeleton
from .vgg_inception import INCEPTION, PLAIN

_all = (EFFICIENTNET, RESNET, MOBILENETV1, MOBILENETV2, MOBILENETV3, MNASNET, PLAIN, INCEPTION)
_skeletons: dict[str, Skeleton] = {skeleton.name: skeleton for skeleton in _all}


def skeleton(name: str) -> Skeleton:
    """Return the skeleton called `name`.

    Raises:
        InputError: there is none; the message gives the nearest name.
    """
    return look_up("skeleton", name, _skeletons)


def skeletons() -> list[str]:
    """List the names of all skeletons."""
    return list(_skeletons)


__all__ = ["Skeleton", "skeleton", "skeletons"]
