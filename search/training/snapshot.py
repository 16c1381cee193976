"""Copies nested states for checkpoints, and compares settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def snapshot(value: Any) -> Any:
    """A copy of `value` with tensors on the CPU and mappings as plain dicts.

    The memory layout of tensors (channels_last) is kept. Further training does not change the copy.
    """
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(snapshot(item) for item in value)
    return value


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The differences of two plain settings as text, `epochs=5 instead of 3`; empty if none."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name}={now.get(name)!r} instead of {before.get(name)!r}" for name in names)
