"""Reads the stages of a skeleton from a table, as papers print them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def stages(columns: str, *rows: tuple[Any, ...]) -> tuple[Mapping[str, Any], ...]:
    """Return one mapping for each row: column name → value.

    Args:
        columns: names of the columns, separated by spaces.
        rows: the values of each stage, in the order of the columns.
    """
    return tuple(dict(zip(columns.split(), row, strict=True)) for row in rows)
