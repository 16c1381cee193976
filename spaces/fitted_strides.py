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

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from ..blocks import Unit
from .candidate import Candidate, assemble

SMALLEST_MAP = 4
"""Pixels a side that the last map keeps, where the image has as many."""


def fitted_strides(strides: Sequence[int], side: int) -> list[int]:
    """Return `strides` with 1 in the place of the first halvings that an image cannot bear.

    Args:
        strides: the strides of a network, from the image on: 1 or 2.
        side: the shorter side of the image in pixels.

    >>> [fitted_strides([2, 2, 1, 2, 2, 2], side) for side in (224, 64, 32)]
    [[2, 2, 1, 2, 2, 2], [1, 2, 1, 2, 2, 2], [1, 1, 1, 2, 2, 2]]
    """
    halvings = max(0, (side // SMALLEST_MAP).bit_length() - 1)  # the largest with side / 2**halvings >= 4
    surplus = sum(stride > 1 for stride in strides) - halvings
    left = list(strides)
    for place, stride in enumerate(strides):
        if stride > 1 and surplus > 0:
            left[place], surplus = 1, surplus - 1
    return left


def fitted(candidate: Candidate, side: int, *, same_weights: bool = False) -> Candidate:
    """Return the same network with its strides fitted to an image of `side` × `side` pixels.

    The image at which its cost is counted stays. A 7×7 convolution that loses its stride becomes a
    3×3 one, as in ResNet for CIFAR.

    Args:
        candidate: the network.
        side: the shorter side of the image in pixels.
        same_weights: keeps the 7×7 window, and every stride without which a unit would have no
            projection, so that all weights keep their names and shapes.
    """
    stem = candidate.stem
    own = {field.name for field in fields(stem)}  # type: ignore[arg-type]
    stride, pool = getattr(stem, "stride", 1), bool(getattr(stem, "pool", False))
    units = [unit for stage in candidate.stages for unit, _ in stage]
    first, second, *left = fitted_strides([stride, 2 if pool else 1, *(unit.stride for unit in units)], side)
    changes: dict[str, Any] = {"stride": first} if first != stride else {}
    if changes and "kernel" in own and not same_weights:
        changes["kernel"] = min(getattr(stem, "kernel", 3), 3)
    if pool and second == 1:
        changes["pool"] = False
    stages: list[list[tuple[Unit, int]]] = [[] for _ in candidate.stages]
    strides = iter(left)
    for place, block, shape, repeats in candidate.walk():
        if isinstance(block, Unit):
            unit = _with_stride(block, next(strides))
            if same_weights and unit.cost(shape).params != block.cost(shape).params:
                unit = block
            stages[int(place.removeprefix("stages."))].append((unit, repeats))
    return assemble(
        candidate.layout, candidate.image, candidate.classes, replace(stem, **changes), stages, candidate.head
    )


def _with_stride(unit: Unit, stride: int) -> Unit:
    return unit if unit.stride == stride else replace(unit, stride=stride)  # type: ignore[type-var]
