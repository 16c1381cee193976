"""Checks the fields of a study's plain data, so that every database takes them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from ...blocks.errors import InputError

Word = TypeVar("Word", bound=StrEnum)
LARGEST = 2**63 - 1
"""The largest integer of a database."""


def assign(instance: object, name: str, value: object) -> None:
    """Set a field of a frozen dataclass, which is how it normalises its own fields."""
    object.__setattr__(instance, name, value)


def require_text(name: str, value: object) -> None:
    """Raise InputError unless `value` is a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise InputError(f"{name} must be a text that is not empty, but got {value!r}")


def storable(name: str, value: object) -> str | None:
    """Text that every database takes: the reason of a failure may quote anything, and must not make
    a second failure of its recording."""
    if value is None and name in ("reason", "checkpoint"):
        return None
    if not isinstance(value, str):
        raise InputError(f"{name} must be a text, but got {value!r}")
    if type(value) is str and value.isascii() and "\0" not in value:
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")


def integer(name: str, value: Any, *, low: int) -> int:
    """`value` as an int from `low` to `LARGEST`; raises InputError if it is none."""
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != value or isinstance(value, bool):
        raise InputError(f"{name} must be an integer, but got {value!r}")
    if not low <= number <= LARGEST:
        raise InputError(f"{low} <= {name} <= {LARGEST} must hold, but got {value!r}")
    return number


def finite(name: str, value: Any) -> float:
    """`value` as a finite float; raises InputError if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be a number, but got {value!r}") from None
    if not math.isfinite(number):
        raise InputError(
            f"{name} must be a finite number, but got {number} (an evaluation that leaves the numbers is a FAIL with a"
            " reason)"
        )
    return number


def member(kind: type[Word], name: str, value: Any) -> Word:
    """`value` as a member of the enumeration `kind`; raises InputError if it is none."""
    try:
        return kind(value)
    except ValueError:
        raise InputError(f"{name} must be one of {', '.join(kind)}, but got {value!r}") from None


def utc(name: str, value: Any) -> datetime:
    """`value` in UTC; raises InputError if it is no time with a time zone."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InputError(f"{name} must be a time with a time zone, such as datetime.now(UTC), but got {value!r}")
    return value.astimezone(UTC)
