"""Copies of nested state: what a checkpoint holds, apart from the tensors that training goes on to
change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor


def snapshot(value: Any) -> Any:
    """`value` with its tensors copied to the CPU and its mappings as plain dicts; memory layout
    (channels_last) is kept."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, Mapping):
        return {key: snapshot(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(snapshot(item) for item in value)
    return value


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two plain settings, for a person: `epochs=5 instead of 3`; empty where
    nothing does."""
    names = [name for name in {**before, **now} if before.get(name) != now.get(name)]
    return ", ".join(f"{name}={now.get(name)!r} instead of {before.get(name)!r}" for name in names)
