"""Rules that descriptions must obey: one wrong value is refused, wrong rows among many are marked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidBlock

_broken: ContextVar[NDArray[np.bool_] | None] = ContextVar("broken", default=None)


def check(rule: str, holds: Any, **values: object) -> None:
    """Refuse a description that breaks `rule`. Where values are arrays, the rows that break it are
    marked if `marking` is on, else all must obey.

    Raises:
        InvalidBlock: says the rule and the values.
    """
    if isinstance(holds, np.ndarray):
        broken = _broken.get()
        if broken is not None:
            np.logical_or(broken, ~holds, out=broken)
            return
        holds = holds.all()
    if holds:
        return
    shown = ", ".join(f"{key}={value!r}" for key, value in values.items())
    raise InvalidBlock(f"{rule}, but got {shown}")


@contextmanager
def marking(count: int) -> Iterator[NDArray[np.bool_]]:
    """While it lasts, rows of `count` that break a rule become True in the array given, instead of
    refusing all of them."""
    broken = np.zeros(count, bool)
    token = _broken.set(broken)
    try:
        yield broken
    finally:
        _broken.reset(token)
