"""The exceptions of automl, in one tree.

    AutomlError            base of all errors that are raised on purpose
    ├── InputError         a value given by the user is refused before any work starts (exit code 2)
    │   └── InvalidBlock   no network can be built from a block or candidate
    ├── Diverged           training produced NaN or infinity: recorded as FAIL, the search goes on
    └── Interrupted        a signal stopped the command: the study is intact (exit 128 + signal)

A message is one line: the rule, the value given, and the nearest valid name where there is one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class AutomlError(Exception):
    """Base of all errors raised on purpose; `str(error)` is one line."""


class InputError(AutomlError, ValueError):
    """A value given by the user cannot be used; nothing was started or written."""


class InvalidBlock(InputError):
    """No network can be built from a block or candidate."""


class Diverged(AutomlError):
    """Training produced NaN or infinity; the evaluation is recorded as FAIL."""


class Interrupted(AutomlError):
    """A signal stopped the command; all finished evaluations are in the database."""

    def __init__(self, text: str, code: int = 130) -> None:
        super().__init__(text)
        self.code = code
        """The exit code of the command."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, and its type if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def look_up(what: str, name: str, known: Mapping[str, T]) -> T:
    """Return the value of `name` in `known`.

    Raises:
        InputError: `known` lacks the name (see `unknown`).
    """
    if name not in known:
        raise unknown(what, name, known)
    return known[name]


def unknown(what: str, given: str, known: Iterable[str]) -> InputError:
    """Make the error for a name that is not among `known`.

    The message gives the nearest known name, if one is near, and up to twelve known names.

    >>> str(unknown("sampler", "tpf", ["tpe", "gp"]))
    "unknown sampler 'tpf'; did you mean 'tpe'? (known: tpe, gp)"
    """
    names = list(known)
    near = get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return InputError(f"unknown {what} {given!r}{hint} (known: {shown})")
