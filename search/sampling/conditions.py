"""Learns from trials which parameters are conditional on the value of another.

An Optuna study does not know its search space: it is defined by what its trials ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import Column, Table

MAX_PARENT_VALUES = 32
"""A parameter with more values than this is not considered as a parent."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """Whether one parameter is active depends on the value of another."""

    child: int
    """Column of the conditional parameter."""
    parent: int
    """Column of the parameter that it depends on."""
    absent: frozenset[float]
    """Numbers of the parent with which the child is inactive. It is also inactive where the parent
    is."""


def learn(columns: Sequence[Column], table: Table) -> list[Condition]:
    """The conditions that hold in all rows of `table`: for each column with missing values the
    first other column that explains them. Parents come before children."""
    missing = np.isnan(table)
    found: dict[int, Condition] = {}
    for child in np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0)):
        for parent, column in enumerate(columns):
            if (
                parent == child
                or column.values is None
                or len(column.values) > MAX_PARENT_VALUES
                or (missing[:, parent] & ~missing[:, child]).any()
            ):
                continue
            absent = set(table[missing[:, child], parent]) - {np.nan}
            present = set(table[~missing[:, child], parent])
            absent = {number for number in absent if not np.isnan(number)}
            if not absent & present and absent:
                found[int(child)] = Condition(child=int(child), parent=parent, absent=frozenset(absent))
                break
    return _parents_first(found)


def apply(conditions: Sequence[Condition], table: Table) -> Table:
    """The rows with NaN for inactive parameters."""
    if not conditions:
        return table
    result = table.copy()
    for condition in conditions:
        parent = result[:, condition.parent]
        hidden: NDArray[np.bool_] = np.isnan(parent) | np.isin(parent, list(condition.absent))
        result[hidden, condition.child] = np.nan
    return result


def _parents_first(found: dict[int, Condition]) -> list[Condition]:
    order: list[Condition] = []
    left = dict(found)
    while left:
        ready = [child for child, condition in left.items() if condition.parent not in left]
        if not ready:  # a circle of parameters that explain each other: none is a condition
            return order
        order += [left.pop(child) for child in ready]
    return order
