"""Plain data whose fields are decoded when they are first asked for.

A study of 100,000 trials has as many curves, settings and times, and a command that reads it shows
a few of them. They stay the texts of the database until then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

_LATE = "_late"
Decode = Callable[[str, Any], Any]
"""Decodes the stored value of a field of this name; raises an error for a damaged one."""


class Late:
    """Base of a dataclass that `late` makes."""

    if not TYPE_CHECKING:  # else each name would be one of its attributes

        def __getattr__(self, name: str) -> Any:
            """The value of a field that has not been decoded yet."""
            decode, stored = self.__dict__.get(_LATE, (None, ()))
            if name not in stored:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            value = self.__dict__[name] = decode(name, stored[name])
            return value

        def __getstate__(self) -> dict[str, Any]:
            """All fields, decoded: a copy elsewhere has no database to ask."""
            for name in self.__dict__.get(_LATE, (None, ()))[1]:
                getattr(self, name)
            return {name: value for name, value in self.__dict__.items() if name != _LATE}


def late(kind: type[T], known: dict[str, Any], stored: Mapping[str, Any], decode: Decode) -> T:
    """An object of the dataclass `kind`, made without its checks.

    Args:
        kind: the class, which inherits from `Late`.
        known: the fields that are decoded and known to be in order.
        stored: all other fields as the database has them.
        decode: decodes them, when one is asked for or the object is pickled.
    """
    made = object.__new__(kind)
    known[_LATE] = decode, stored
    object.__setattr__(made, "__dict__", known)
    return made
