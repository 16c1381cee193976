"""Every use of timm's private names: a new version of timm can break this alone.

timm is imported when a function is called: reading a space needs `REGISTRY` and no timm.
"""

from __future__ import annotations

from collections.abc import Sequence

REGISTRY = "timm.models._registry"
"""The module in which timm keeps its models."""


def taken_levels(count: int, indices: int | Sequence[int] | None) -> tuple[list[int], int]:
    """Which of `count` levels of features `indices` mean in timm (None: all; a number: this many
    from the end; numbers: those, negative ones from the end), and the last of them."""
    from timm.models._features import feature_take_indices

    return feature_take_indices(count, indices)  # pyright: ignore[reportArgumentType, reportReturnType]


def group_before() -> tuple[int, ...]:
    """What a layer group is given in timm whose modules belong to the group before."""
    from timm.models._manipulate import MATCH_PREV_GROUP

    return MATCH_PREV_GROUP
