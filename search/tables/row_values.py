"""Reads the values of a table row: accuracies or curves for each seed, cost and seconds.

Which network the row describes is determined in `row_matching`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import pairwise
from typing import Any, TypeAlias

from ...blocks.errors import unknown
from ...studies.records.measure import ACCURACY as ACCURACY_METRIC
from ...studies.records.measure import in_percent, shown
from .table_file import Row

_NUMBERED = re.compile(r"(accuracy|seed)\.[0-9]{1,6}")
"""Names of numbered CSV columns, one column for each seed: `accuracy.0`, … or `seed.0`, …."""

Curve: TypeAlias = tuple[tuple[int, float], ...]
"""Pairs of (epoch, accuracy), epochs rising."""

ACCURACY = (
    "accuracy",
    "accuracies",
    "acc",
    "validation_accuracy",
    "val_accuracy",
    "valid_accuracy",
    "val_acc",
    "valid_acc",
    "test_accuracy",
    "test_acc",
)
"""Keys of accuracies in order of precedence: the first that a row has is used."""
CURVE = ("curve", "curves")
MACS, PARAMS, SECONDS = ("macs", "flops"), ("params", "parameters"), ("seconds",)
LONGEST_TRAINING = 1e9
"""Largest number of seconds of a training, 31 years; sums of thousands of them stay dates."""
MOST_EPOCHS = 1_000_000
"""Largest epoch of a curve."""
MOST_COUNTED = 2**63 - 1
"""Largest number of multiply-adds or parameters, which a database can hold."""
KNOWN = (*ACCURACY, *CURVE, *MACS, *PARAMS, *SECONDS, "settings", "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowValues:
    """The values of one row."""

    row: Row
    """Row that they were read from."""
    curves: tuple[Curve, ...]
    """Curve for each seed; a single point at epoch 1 if the row has only accuracies."""
    curved: bool
    """Whether the row has curves."""
    seconds: tuple[float | None, ...]
    """Seconds of the full training for each seed; None where the table does not give them."""
    macs: int | None
    """Multiply-adds for one image; None if the table does not give them."""
    params: int | None
    """Number of parameters; None if the table does not give it."""


def row_values(row: Row, metric: str = ACCURACY_METRIC) -> RowValues:
    """Read the values of a row: accuracies, or another quality measure from the column of its name,
    with the sign by which larger is better.

    Raises:
        InputError: the row has no accuracies, or a value is not allowed.
    """
    curve = None
    if metric == ACCURACY_METRIC:
        curve = next((row.values[name] for name in CURVE if name in row.values), None)
    curves = _curves(row, curve) if curve is not None else tuple(((1, value),) for value in _accuracies(row, metric))
    return RowValues(
        row=row,
        curves=curves,
        curved=curve is not None,
        seconds=_seconds(row, len(curves)),
        macs=_whole(row, MACS),
        params=_whole(row, PARAMS),
    )


def as_fractions(table: Sequence[RowValues], metric: str = ACCURACY_METRIC) -> list[RowValues]:
    """The rows with accuracies, or another quality measure, from 0 to 1.

    If any accuracy of the table is above 1, all are read as percent. A measure that is no share is
    read as it is.

    Raises:
        InputError: an accuracy below 0 or above 100 %.
    """
    if not in_percent(metric):
        return list(table)
    percent = any(value > 1 for one in table for curve in one.curves for _, value in curve)
    top = 100 if percent else 1
    for one in table:
        for curve in one.curves:
            for _, value in curve:
                if not 0 <= value <= top:
                    raise one.row.error(
                        "an accuracy must lie between 0 and 1, or all of a table between 0 and 100 %, but got"
                        f" {value:g}"
                    )
    if not percent:
        return list(table)
    return [
        replace(one, curves=tuple(tuple((epoch, value / 100) for epoch, value in curve) for curve in one.curves))
        for one in table
    ]


def _accuracies(row: Row, metric: str) -> list[float]:
    if metric != ACCURACY_METRIC:
        return [shown(metric, value) for value in _measured(row, metric)]
    numbered = [name for name in row.values if _NUMBERED.fullmatch(name)]
    if numbered:
        return [
            _number(row, name, row.values[name])
            for name in sorted(numbered, key=lambda name: int(name.partition(".")[2]))
        ]
    name = next((name for name in ACCURACY if name in row.values), None)
    if name is None:
        near = [
            unknown("name", given, KNOWN)
            for given in row.values
            if given not in KNOWN and get_close_matches(given, ACCURACY + CURVE, n=1)
        ]
        raise row.error(f"a row needs an accuracy or a curve{f': {near[0]}' if near else f', but has {_listed(row)}'}")
    return _numbers(row, name)


def _measured(row: Row, metric: str) -> list[float]:
    """The values in the column of a quality measure, which may be written with _ for -."""
    name = next((name for name in (metric, metric.replace("-", "_")) if name in row.values), None)
    if name is None:
        raise row.error(f"--metric {metric} needs a column {metric}, but a row has {_listed(row)}")
    return _numbers(row, name)


def _numbers(row: Row, name: str) -> list[float]:
    value = row.values[name]
    given = value if isinstance(value, list) else [value]
    if not given:
        raise row.error(f"{name} must hold at least one number, but is empty")
    return [_number(row, name, one) for one in given]


def _listed(row: Row) -> str:
    return ", ".join(map(repr, row.values)) or "nothing"


def _curves(row: Row, given: Any) -> tuple[Curve, ...]:
    rule = "a curve is [[epoch, accuracy], …], or one such list for each seed"
    if not isinstance(given, list) or not given or not all(isinstance(one, list) and one for one in given):
        raise row.error(f"{rule}, but got {_short(given)}")
    seeds = given if isinstance(given[0][0], list) else [given]
    return tuple(_curve(row, one, rule) for one in seeds)


def _curve(row: Row, given: Any, rule: str) -> Curve:
    if (
        not isinstance(given, list)
        or not given
        or not all(isinstance(point, list) and len(point) == 2 for point in given)
    ):
        raise row.error(f"{rule}, but got {_short(given)}")
    curve = tuple((_epoch(row, epoch), _number(row, "an accuracy of a curve", value)) for epoch, value in given)
    if any(after[0] <= before[0] for before, after in pairwise(curve)):
        raise row.error(f"the epochs of a curve must rise, but got {[epoch for epoch, _ in curve]}")
    return curve


def _epoch(row: Row, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise row.error(f"an epoch must be a whole number of at least 1, but got {_short(value)}")
    if value > MOST_EPOCHS:
        raise row.error(f"an epoch must be at most {MOST_EPOCHS:,}, but got {_short(value)}")
    return value


def _seconds(row: Row, seeds: int) -> tuple[float | None, ...]:
    name = next((name for name in SECONDS if name in row.values), None)
    if name is None:
        return (None,) * seeds
    value = row.values[name]
    given = value if isinstance(value, list) else [value] * seeds
    if len(given) != seeds:
        raise row.error(f"{name} must be one number, or one for each of the {seeds} seeds, but got {len(given)}")
    found = [_number(row, name, one) for one in given]
    if min(found) <= 0:
        raise row.error(f"{name} must be positive, but got {min(found):g}")
    if max(found) > LONGEST_TRAINING:
        raise row.error(f"{name} must be at most {LONGEST_TRAINING:g}, but got {max(found):g}")
    return tuple(found)


def _whole(row: Row, names: Sequence[str]) -> int | None:
    name = next((name for name in names if name in row.values), None)
    if name is None:
        return None
    number = _number(row, name, row.values[name])
    if not 0 <= number <= MOST_COUNTED or number != int(number):
        raise row.error(f"{name} must be a whole number, counted singly, but got {row.values[name]!r}")
    return int(number)


def _number(row: Row, name: str, value: Any) -> float:
    try:
        if isinstance(value, bool) or value is None:
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise row.error(f"{name} must be a number, but got {_short(value)}") from None
    if not math.isfinite(number):
        raise row.error(f"{name} must be a finite number, but got {number}")
    return number


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
