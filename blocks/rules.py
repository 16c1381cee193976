"""Checks the fields of blocks: a wrong value is refused; in arrays, wrong rows can be marked."""

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
    """Check that a rule holds.

    Args:
        rule: the rule in words, for the message.
        holds: a bool, or an array with one entry for each of many candidates. Inside `marking`, the
            rows that break the rule are marked; otherwise all rows must obey.
        values: the values to show in the message.

    Raises:
        InvalidBlock: the rule is broken; the message gives the rule and the values.
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


def check_channels(channels: Any) -> None:
    """Check that a number of output channels is at least 1."""
    check("channels >= 1 must hold", channels >= 1, channels=channels)


def check_stride(stride: int) -> None:
    """Check that a stride is 1 or 2."""
    check("stride must be 1 or 2", stride in (1, 2), stride=stride)


def check_window(name: str, size: Any) -> None:
    """Check that a window is odd and positive; `name` is the field, `size` may be an array."""
    check(f"{name} must be odd and positive", (size % 2 == 1) & (size > 0), **{name: size})


def check_squeeze(reduced: Any, ratio: float | None, divisor: int | None = 1) -> None:
    """Check the fields that give the squeezed channels of an attention block.

    These are `reduced` itself, or if it is None, `ratio` of the map's channels, rounded to a
    multiple of `divisor`.
    """
    if reduced is not None:
        check("reduced >= 1 must hold", reduced >= 1, reduced=reduced)
        return
    check("without `reduced`, ratio > 0 must hold", ratio is not None and ratio > 0, ratio=ratio)
    check("without `reduced`, divisor >= 1 must hold", divisor is not None and divisor >= 1, divisor=divisor)


@contextmanager
def marking(count: int) -> Iterator[NDArray[np.bool_]]:
    """Mark the rows that break a rule, instead of raising an error, inside the `with` block.

    Yields a boolean array of `count` rows, in which `check` sets the broken rows to True.
    """
    broken = np.zeros(count, bool)
    token = _broken.set(broken)
    try:
        yield broken
    finally:
        _broken.reset(token)
