"""The dimensions that all skeletons share, with their default values and rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..values.plain_values import is_auto
from .value_rules import COUNT, FLAG, ODD_OR_AUTO, POSITIVE, STRIDE, STRIDES, Rule

SHARED: Mapping[str, Any] = {
    "depth": 1.0,
    "width": 1.0,
    "resolution": 1.0,
    "repeats": 1,
    "skip": False,
    "attention": "none",
    "size_multiple": 1,
    "divisor": 8,
    "strides": "published",
    "stride": 1,
    "stem_stride": 2,
    "stem_pool": False,
    "stem_kernel": "auto",
}
"""The dimensions of every skeleton, with their default values.

`depth`, `width` and `resolution` are the coefficients α, β and γ; `repeats` are the layers of a
stage; `skip` leaves a layer out; `attention` is the attention of the layers; image sides are
rounded to multiples of `size_multiple`, channels to multiples of `divisor`. `strides` says whether
the strides are the skeleton's own ("published"), fitted to the space's image ("fitted"), or fitted
so that the last map keeps that many pixels a side; `stride` is the stride of a stage's first layer.
`stem_stride` is the stem's stride, `stem_pool` says whether a max pool follows, and `stem_kernel`
is the window: "auto" is the published one, 3 without stride.
"""
SHARED_RULES: Mapping[str, Rule] = {
    "depth": POSITIVE,
    "width": POSITIVE,
    "resolution": POSITIVE,
    "repeats": COUNT,
    "skip": FLAG,
    "size_multiple": COUNT,
    "divisor": COUNT,
    "strides": STRIDES,
    "stride": STRIDE,
    "stem_stride": STRIDE,
    "stem_pool": FLAG,
    "stem_kernel": ODD_OR_AUTO,
}
SHARED_OUTSIDE = frozenset(
    {"width", "resolution", "size_multiple", "divisor", "strides", "stem_stride", "stem_pool", "stem_kernel"}
)
"""Shared dimensions on which the stem, the head or the image size depends."""


def stem_strides(local: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields `stride` and `pool` of the stem."""
    return {"stride": local["stem_stride"], "pool": local["stem_pool"]}


def stem_kernel(local: Mapping[str, Any], published: int) -> int:
    """Return the window of the stem's convolution; without a stride, "auto" is 3 at most."""
    if not is_auto(local["stem_kernel"]):
        return local["stem_kernel"]
    return published if local["stem_stride"] > 1 else min(published, 3)
