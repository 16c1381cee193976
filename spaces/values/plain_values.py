"""Tests of plain values, as they come from YAML, JSON and Python."""

from __future__ import annotations

from typing import Any, TypeGuard


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether `value` is an int; True and False are not numbers here."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> TypeGuard[int | float]:
    """Whether `value` is an int or a float; True and False are not numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_auto(value: Any) -> bool:
    """Whether `value` is the text "auto", which stands for the skeleton's own value.

    An array never is: comparing it with a text would compare its elements.
    """
    return isinstance(value, str) and value == "auto"
