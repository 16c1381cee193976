"""Fits the strides of a network to the image, so that its last map keeps enough pixels.

Networks published for 224 px halve their map five times and end with 7 pixels a side; on 32 px the
same strides leave one pixel. The field removes the first halvings instead of the last. Sources: He
et al., ResNet, CVPR 2016, arXiv:1512.03385, section 4.2 (on CIFAR's 32 px a 3×3 convolution without
stride, no max pool, and two halvings); the CIFAR ports of ResNet, MobileNetV2 and EfficientNet that
followed, whose stem is a 3×3 convolution of stride 1 without a pool, and whose first strided stages
have stride 1. The rule here makes one formula of them: as many halvings as leave 4 pixels a side,
the last ones, and never more than the network has.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from math import prod
from typing import Any

from ...blocks import Shape, Unit
from .candidate import Candidate, assemble

SMALLEST_MAP = 4
"""Pixels a side that the last map keeps, where the image has as many."""


def fitted_strides(
    strides: Sequence[int], side: int, *, smallest: int = SMALLEST_MAP, kept: Collection[int] = ()
) -> list[int]:
    """Return `strides` with 1 in the place of the first halvings that an image cannot bear.

    Args:
        strides: the strides of a network, from the image on: 1 or 2.
        side: the shorter side of the image in pixels.
        smallest: pixels a side that the last map keeps.
        kept: places in `strides` that do not change.

    >>> [fitted_strides([2, 2, 1, 2, 2, 2], side) for side in (224, 64, 32)]
    [[2, 2, 1, 2, 2, 2], [1, 2, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]]
    """
    halvings = max(0, (side // smallest).bit_length() - 1)  # the largest with side / 2**halvings >= smallest
    surplus = sum(stride > 1 for stride in strides) - halvings
    left = list(strides)
    for place, stride in enumerate(strides):
        if stride > 1 and surplus > 0 and place not in kept:
            left[place], surplus = 1, surplus - 1
    return left


def fitted(candidate: Candidate, side: int, *, smallest: int = SMALLEST_MAP, same_weights: bool = False) -> Candidate:
    """Return the same network with its strides fitted to an image of `side` × `side` pixels.

    The image at which its cost is counted stays. A 7×7 convolution that loses its stride becomes a
    3×3 one, as in ResNet for CIFAR.

    Args:
        candidate: the network.
        side: the shorter side of the image in pixels.
        smallest: pixels a side that the last map keeps.
        same_weights: keeps the 7×7 window, and every stride without which a unit would have no
            projection, so that all weights keep their names and shapes.
    """
    stem = candidate.stem
    own = {field.name for field in fields(stem)}  # type: ignore[arg-type]
    strides = [getattr(stem, "stride", 1), 2 if getattr(stem, "pool", False) else 1]
    kept: list[int] = []
    for _, block, shape, _ in candidate.walk():
        if isinstance(block, Unit):
            if same_weights and _with_stride(block, 1).cost(shape).params != block.cost(shape).params:
                kept.append(len(strides))
            strides.append(block.stride)
    first, pool, *left = fitted_strides(strides, side, smallest=smallest, kept=kept)
    changes: dict[str, Any] = {"stride": first} if first != strides[0] else {}
    if changes and "kernel" in own and not same_weights:
        changes["kernel"] = min(getattr(stem, "kernel", 3), 3)
    if pool != strides[1]:
        changes["pool"] = False
    units = iter(left)
    stages = [[(_with_stride(unit, next(units)), repeats) for unit, repeats in stage] for stage in candidate.stages]
    stem = replace(stem, **changes)  # type: ignore[type-var]
    return assemble(candidate.layout, candidate.image, candidate.classes, stem, stages, candidate.head)


def proxy_network(candidate: Candidate, side: int, smallest: int) -> Candidate:
    """Return the network that is trained in the place of a candidate at a smaller input size.

    Its strides are fitted to `side` × `side` pixels, so that the last map keeps `smallest` pixels a
    side, or as many as it has in the candidate if these are fewer. Its weights have the names and
    shapes of the candidate's, since a convolution's weights do not depend on its stride; its own
    image, at which its cost is counted, has `side` pixels. It is the candidate itself where no
    stride changes.
    """
    if side >= min(candidate.image[1:]):
        return candidate
    last = last_map(candidate)
    found = fitted(candidate, side, smallest=min(smallest, last.height, last.width), same_weights=True)
    return candidate if found == candidate else replace(found, image=(candidate.image[0], side, side))


def last_map(candidate: Candidate) -> Shape:
    """Return the shape of the map that the last stage makes."""
    *_, (_, _, shape, _) = candidate.walk()
    return shape


def _with_stride(unit: Unit, stride: int) -> Unit:
    return unit if unit.stride == stride else replace(unit, stride=stride)  # type: ignore[type-var]


def strides_in_words(candidate: Candidate) -> str:
    """Write the strides of a network as text, and the size of its last map.

    For example "stem 2, pool 2, stages 1/2/2/2, last map 7x7 px".
    """
    stem, last = candidate.stem, last_map(candidate)
    before = [f"stem {getattr(stem, 'stride', 1)}", *(["pool 2"] if getattr(stem, "pool", False) else [])]
    stages = [str(prod(unit.stride for unit, _ in stage)) for stage in candidate.stages]
    return f"{', '.join(before)}, stages {'/'.join(stages)}, last map {last.height}x{last.width} px"
