"""Tells which parameters are conditional on the value of another: as declared, or learned from
trials.

An Optuna study does not know its search space: it is defined by what its trials ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError
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
    absent: frozenset[float] = frozenset()
    """Numbers of the parent with which the child is inactive. It is also inactive where the parent
    is."""
    present: frozenset[float] | None = None
    """The only numbers of the parent with which the child is active; None: all but the absent ones.
    """

    def hides(self, parent: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether the child is inactive, for many numbers of the parent."""
        hidden = np.isnan(parent) | np.isin(parent, list(self.absent))
        return hidden if self.present is None else hidden | ~np.isin(parent, list(self.present))


Declared = tuple[str, Any]
"""(parent, its value or a list of its values with which the child is active)."""


def checked(conditions: Mapping[str, Declared], columns: Sequence[Column]) -> None:
    """Raise InputError unless every condition names two of the parameters, and values of the
    parent, and no parameter depends on itself."""
    by_name = {column.name: column for column in columns}
    for child, (parent, _) in conditions.items():
        for name in (child, parent):
            if name not in by_name:
                raise InputError(
                    f"a condition must name parameters of `space`, but got {name!r}; known: {', '.join(by_name)}"
                )
        known = by_name[parent].values
        for value in _values(conditions[child]):
            if known is None or not np.isin(by_name[parent].number(value), known):
                raise InputError(f"a condition must give values of {parent!r}, but got {value!r} for {child!r}")
    if len(declared(columns, conditions)) < len(conditions):
        raise InputError(f"conditions must not form a circle, but got {', '.join(conditions)}")


def declared(columns: Sequence[Column], conditions: Mapping[str, Declared]) -> list[Condition]:
    """The conditions of those parameters that are among the columns, parents before children."""
    places = {column.name: index for index, column in enumerate(columns)}
    found: dict[int, Condition] = {}
    for name, condition in conditions.items():
        if name not in places or condition[0] not in places:
            continue
        parent = columns[places[condition[0]]]
        active = frozenset(parent.number(value) for value in _values(condition))
        found[places[name]] = Condition(child=places[name], parent=places[condition[0]], present=active)
    return _parents_first(found)


def learn(columns: Sequence[Column], table: Table, *, order: Sequence[str] = ()) -> list[Condition]:
    """The conditions that hold in all rows of `table`, parents before children.

    Each column with missing values gets one parent: a column whose value decides where they are
    missing. Columns that trials asked for before it are preferred; of those, the ones with the
    fewest values; of those, the one that was asked for last.

    Args:
        columns: the parameters.
        table: rows of trials.
        order: names of the parameters in the order in which trials first asked for them.
    """
    missing = np.isnan(table)
    asked = {name: index for index, name in enumerate(order)}
    rank = [asked.get(column.name, len(asked)) for column in columns]
    found: dict[int, Condition] = {}
    for child in np.flatnonzero(missing.any(axis=0) & ~missing.all(axis=0)):
        explained: list[tuple[tuple[bool, int, int], Condition]] = []
        for parent, column in enumerate(columns):
            if (
                parent == child
                or column.values is None
                or len(column.values) > MAX_PARENT_VALUES
                or (missing[:, parent] & ~missing[:, child]).any()
            ):
                continue
            absent = {number for number in set(table[missing[:, child], parent]) if not np.isnan(number)}
            present = set(table[~missing[:, child], parent])
            if not absent & present and absent:
                preference = rank[parent] > rank[child], len(column.values), -rank[parent]
                explained.append((preference, Condition(child=int(child), parent=parent, absent=frozenset(absent))))
        if explained:
            found[int(child)] = min(explained, key=lambda one: one[0])[1]
    return _parents_first(found)


def apply(conditions: Sequence[Condition], table: Table) -> Table:
    """The rows with NaN for inactive parameters."""
    if not conditions:
        return table
    result = table.copy()
    for condition in conditions:
        result[condition.hides(result[:, condition.parent]), condition.child] = np.nan
    return result


def _values(condition: Declared) -> list[Any]:
    """The values of the parent with which the child is active."""
    given = condition[1]
    return list(given) if isinstance(given, list | tuple | set | frozenset) else [given]


def _parents_first(found: dict[int, Condition]) -> list[Condition]:
    order: list[Condition] = []
    left = dict(found)
    while left:
        ready = [child for child, condition in left.items() if condition.parent not in left]
        if not ready:  # a circle of parameters that explain each other: none is a condition
            return order
        order += [left.pop(child) for child in ready]
    return order
