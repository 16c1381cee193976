"""Stages as papers print them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def stages(columns: str, *rows: tuple[Any, ...]) -> tuple[Mapping[str, Any], ...]:
    """A table of stages: the names of its columns, then its rows."""
    return tuple(dict(zip(columns.split(), row, strict=True)) for row in rows)
