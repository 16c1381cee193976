"""Rounds scaled widths and depths as the EfficientNet authors' code does; takes ints or arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .shape import Number, is_array


def make_divisible(value: Any, divisor: int = 8, *, floor: float = 0.9) -> Number:
    """Round to the nearest multiple of `divisor`, at least `divisor` and `floor` times `value`.

    Source: `_make_divisible` of the MobileNet and EfficientNet repositories (floor 0.9); timm's SE
    layers use floor 0.
    """
    if is_array(value):
        rounded = np.maximum(divisor, (value + divisor / 2).astype(np.int64) // divisor * divisor)
        return np.where(rounded < floor * value, rounded + divisor, rounded)
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < floor * value else rounded


def scaled_channels(channels: Number, factor: Any) -> Number:
    """Multiply channels by a width factor and round to a multiple of 8, never below 90 %.

    At factor 1 the channels stay as they are.
    """
    return pick(factor == 1, channels, make_divisible(channels * factor))


def ceil(value: Any) -> Number:
    """Round up to an integer, after removing rounding errors of decimals.

    1.1 * 10 = 11.000000000000002 gives 11, not 12.
    """
    if is_array(value):
        return np.ceil(np.round(value, 9)).astype(np.int64)
    return math.ceil(round(value, 9))


def nearest(value: Any) -> Number:
    """Round to the nearest integer, halves to even."""
    return np.rint(value).astype(np.int64) if is_array(value) else round(value)


def floor(value: Any) -> Number:
    """Round down to an integer, after removing rounding errors of decimals (see `ceil`)."""
    return np.floor(np.round(value, 9)).astype(np.int64) if is_array(value) else math.floor(round(value, 9))


def next_multiple(value: Number, divisor: Number) -> Number:
    """Round up to a multiple of `divisor`."""
    return (value + divisor - 1) // divisor * divisor


def at_least(value: Number, low: int) -> Number:
    """Return the larger of `value` and `low`, elementwise for arrays."""
    return np.maximum(value, low) if is_array(value) else max(value, low)


def pick(condition: Any, one: Number, other: Number) -> Number:
    """Return `one` where `condition` holds, else `other`; elementwise for arrays."""
    return np.where(condition, one, other) if is_array(condition) else (one if condition else other)
