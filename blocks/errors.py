"""The exceptions of automl, one tree.

    AutomlError                what is raised on purpose; its text is one line for a person
    ├── InputError             somebody wrote something that cannot be: refused before any work starts (exit code 2)
    │   └── InvalidBlock       a block or candidate that no network can be built from
    ├── Diverged               training left the finite numbers: recorded as FAIL, the search goes on
    └── Interrupted            stopped by Ctrl-C: the study is intact (exit code 130)

A message gives the rule, then the value, then the nearest right one.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AutomlError(Exception):
    """Base of all errors raised on purpose; `str(error)` is one line."""


class InputError(AutomlError, ValueError):
    """A value somebody gave that cannot be used; nothing was started or written."""


class InvalidBlock(InputError):
    """A block or candidate from which no network can be built."""


class Diverged(AutomlError):
    """Training produced NaN or infinity; the evaluation is recorded as FAIL."""


class Interrupted(AutomlError):
    """The user stopped the command; what finished is in the database."""


def unknown(what: str, given: str, known: Iterable[str]) -> InputError:
    """The error for a name that is not among `known`: it names the nearest, or all of them when
    few.

    >>> str(unknown("sampler", "tpf", ["tpe", "gp"]))
    "unknown sampler 'tpf'; did you mean 'tpe'? (known: tpe, gp)"
    """
    names = list(known)
    near = get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    return InputError(f"unknown {what} {given!r}{hint} (known: {shown})")
