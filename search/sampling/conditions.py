"""Which parameters depend on which: learned from the trials, since a study's own space is known
only from what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import Column, Table

MOST_LEVELS = 32
"""A parameter of more values decides about no other."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One parameter is asked for, or not, by the value of another."""

    child: int
    """Column of the one."""
    parent: int
    """Column of the other."""
    absent: frozenset[float]
    """The parent's numbers with which the child was never asked for; NaN, where the parent itself
    is not, counts as well."""


def learn(columns: Sequence[Column], table: Table) -> list[Condition]:
    """What follows from trials without exception: for each column with gaps the first other column
    that explains them; parents come first."""
    missing = np.isnan(table)
    found: dict[int, Condition] = {}
    for child in np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0)):
        for parent, column in enumerate(columns):
            if (
                parent == child
                or column.values is None
                or len(column.values) > MOST_LEVELS
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
    """The same rows with NaN where a parameter would not be asked for."""
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
        if not ready:  # each explains the other: neither is a condition
            return order
        order += [left.pop(child) for child in ready]
    return order
