"""The feasible region of a search space: which rows may be proposed, and what they cost.

A region also knows which parameters are active in a row, and which rows are the same thing to
evaluate. Shapes: a table has one row a setting and one column a parameter (`columns.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError
from ...spaces.budget import parse_budget
from .columns import Column, Table, keys_of, params_of
from .conditions import Condition, Declared, apply, declared, learn
from .families import Families

CostFunction = Callable[[Mapping[str, Any]], Any]
"""Maps parameter -> value to a cost. Where values are arrays, it may return an array of costs."""
Bounds = tuple[float, float]
CHEAP = 0.25
"""A row whose cost cannot be told is admitted if it presumably takes at most this share of the way
from the lowest cost to the upper bound."""
REMEMBERED = 200_000
"""Costs of single settings that are remembered at most, for each set of parameters."""


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What a region knows about the rows of a table, each an array with one entry a row."""

    costs: NDArray[np.float64]
    """Cost by the metric of the region; 0 without a cost function, NaN where it lacks a parameter.
    """
    admitted: NDArray[np.bool_]
    """Whether the row can be built and is within the budget."""
    keys: NDArray[np.uint64]
    """Equal for rows that are the same thing to evaluate."""


class Region(Protocol):
    """The part of a search space that may be proposed."""

    priced: bool
    """Whether costs are known."""
    vectorised: bool
    """Whether examining many rows takes about as long as examining one."""
    families: Families | None
    """The families of a union; None if there is no choice of a family."""
    error: Exception | None
    """Why the cost of a row could not be told, the last time that it could not."""
    certain: bool
    """Whether the conditions of all parameters are known, so that settled rows with different keys
    are different things to evaluate."""

    def learn(self, columns: Sequence[Column], table: Table, order: Sequence[str] = ()) -> bool:
        """Learn from the rows of all trials which parameters are conditional; True if that changed.
        `order`: the names of the parameters in the order in which trials first asked for them."""
        ...

    def explains(self, columns: Sequence[Column], table: Table) -> bool:
        """Whether what has been learned agrees with these rows."""
        ...

    def settled(self, columns: Sequence[Column], table: Table) -> Table:
        """The rows with NaN for inactive parameters."""
        ...

    def examine(self, columns: Sequence[Column], table: Table) -> Examined:
        """Costs, feasibility and keys of settled rows."""
        ...

    def partly(self, params: Mapping[str, Any]) -> bool | None:
        """Whether these parameters, perhaps incomplete, are feasible; None if it cannot be told
        yet."""
        ...

    def used(self, params: Mapping[str, Any]) -> float | None:
        """The share of the budget's upper bound that these parameters, perhaps incomplete, take;
        None if it cannot be told yet."""
        ...


class CostRegion:
    """The region of any Optuna study, given by a cost function and bounds on its value; without a
    cost function everything is feasible."""

    certain = False

    def __init__(
        self,
        cost: CostFunction | None = None,
        budget: float | str | Sequence[float] | None = None,
        conditions: Mapping[str, Declared] | None = None,
    ) -> None:
        """Describe it; the arguments are those of `FeasibleSampler`.

        Raises:
            InputError: not a budget, or a budget without a cost function.
        """
        if budget is not None and cost is None:
            raise InputError(f"a budget needs the cost that it bounds, but got {budget!r} and no cost")
        self.priced: bool = cost is not None
        self.families: Families | None = None
        self._cost = cost
        self.low: float
        self.high: float
        self.low, self.high = bounds_of(budget)
        self.vectorised: bool = True
        self.error: Exception | None = None
        """Why the cost of a row could not be told, the last time that it could not."""
        self._declared = dict(conditions or {})
        self._learned: list[Condition] = []
        self._told: dict[tuple[str, ...], dict[bytes, float]] = {}

    def learn(self, columns: Sequence[Column], table: Table, order: Sequence[str] = ()) -> bool:
        """Learn from the trials which parameters depend on the value of another, except those whose
        conditions were declared."""
        names = [column.name for column in columns]
        found = learn(columns, table, order=order)
        before, self._learned = self._learned, [one for one in found if names[one.child] not in self._declared]
        return before != self._learned

    def explains(self, columns: Sequence[Column], table: Table) -> bool:
        """Whether the learned conditions predict exactly the missing parameters of these rows."""
        gaps = np.isnan(table)
        lowest = np.array([0.0 if column.values is None else column.values[0] for column in columns])
        return bool((np.isnan(self.settled(columns, np.where(gaps, lowest, table))) == gaps).all())

    def settled(self, columns: Sequence[Column], table: Table) -> Table:
        """The rows with NaN for inactive parameters, by the declared and the learned conditions."""
        return apply([*declared(columns, self._declared), *self._learned], table)

    def examine(self, columns: Sequence[Column], table: Table) -> Examined:
        """Costs by the cost function; rows are the same if all their values are. A row whose cost
        cannot be told is admitted if it is presumably among the cheap ones."""
        costs = self._costs(columns, table)
        admitted = (costs >= self.low) & (costs <= self.high) if self.priced else np.ones(len(table), bool)
        unknown = np.isnan(costs)
        if unknown.any():
            admitted[unknown] = self._presumably_cheap(table, costs)[unknown]
        return Examined(costs=costs, admitted=admitted, keys=keys_of(table))

    def partly(self, params: Mapping[str, Any]) -> bool | None:
        """Whether the cost of `params` is within the budget; None if the cost function needs more
        parameters."""
        if self._cost is None:
            return True
        cost = self._cost_of(params)
        return None if math.isnan(cost) else self.low <= cost <= self.high

    def used(self, params: Mapping[str, Any]) -> float | None:
        """The cost of `params` as a share of the upper bound; None if the cost function needs more
        parameters."""
        cost = self._cost_of(params)
        return None if math.isnan(cost) else cost / self.high

    def _presumably_cheap(self, table: Table, costs: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows would be in the lowest part of the budget if each parameter added to the cost
        what it adds on the average of the rows whose cost is known."""
        known = ~np.isnan(costs)
        if not known.any():
            return np.ones(len(table), bool)
        mean, low = float(costs[known].mean()), float(costs[known].min())
        presumed = np.full(len(table), mean)
        for column in table.T:
            values, place = np.unique(column, return_inverse=True)
            count = np.bincount(place[known], minlength=len(values))
            total = np.bincount(place[known], costs[known], minlength=len(values))
            presumed += np.where(count > 0, total / np.maximum(count, 1) - mean, 0.0)[place]
        high = self.high if math.isfinite(self.high) else float(costs[known].max())
        return presumed <= max(low + CHEAP * (high - low), float(presumed[~known].min()))

    def _costs(self, columns: Sequence[Column], table: Table) -> NDArray[np.float64]:
        """Costs of all rows; those that lack the same parameters are passed together."""
        found = np.zeros(len(table))
        if self._cost is None or not len(table):
            return found
        absent = np.isnan(table)
        if not absent.any():
            return self._costs_of_complete(columns, table)
        names = np.packbits(absent, axis=1)
        _, first, which = np.unique(names, axis=0, return_index=True, return_inverse=True)
        which = which.ravel()
        order = np.argsort(which, kind="stable")
        for place, rows in zip(first, np.split(order, np.cumsum(np.bincount(which))[:-1]), strict=True):
            here = np.flatnonzero(~absent[place]).tolist()
            present = [columns[index] for index in here]
            found[rows] = self._costs_of_complete(present, table[np.ix_(rows, np.array(here, np.intp))])
        return found

    def _costs_of_complete(self, columns: Sequence[Column], table: Table) -> NDArray[np.float64]:
        """Costs of rows without NaN; NaN where the function lacks a parameter. Whether the function
        takes arrays is tested by comparing its first and last value with those of single settings.
        """
        assert self._cost is not None
        if self.vectorised and len(table) > 1:
            try:
                found = np.asarray(
                    self._cost({column.name: column.array(table[:, i]) for i, column in enumerate(columns)}), float
                )
                ends = [_single(self._cost(params_of(columns, table[i]))) for i in (0, -1)]
                if found.shape == (len(table),) and np.allclose(found[[0, -1]], ends, rtol=1e-9):
                    return found
            except Exception:  # any error of a user's function that takes no arrays
                pass
        told = self._told.setdefault(tuple(column.name for column in columns), {})
        found = np.empty(len(table))
        for index, row in enumerate(table):
            key = row.tobytes()
            if key not in told:
                if len(told) >= REMEMBERED:
                    told.clear()
                told[key] = self._cost_of(params_of(columns, row))
            found[index] = told[key]
        # a function that lacks a parameter may take arrays where it does not
        self.vectorised = self.vectorised and (len(table) < 2 or bool(np.isnan(found).any()))
        return found

    def _cost_of(self, params: Mapping[str, Any]) -> float:
        """The cost of one setting; NaN if the function raises an error, which lacking parameters
        may cause."""
        assert self._cost is not None
        try:
            return _single(self._cost(dict(params)))
        except Exception as error:  # any error of a user's function
            self.error = error
            return math.nan


def _single(cost: Any) -> float:
    """The cost of one setting; a function that takes arrays may return an array of one element."""
    return float(np.asarray(cost, float).item())


def filled(costs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The costs with the mean of the known ones in place of NaN, or 0 if none is known."""
    unknown = np.isnan(costs)
    if not unknown.any():
        return costs
    return np.where(unknown, costs[~unknown].mean() if not unknown.all() else 0.0, costs)


def bounds_of(budget: float | str | Sequence[float] | None) -> Bounds:
    """(low, high) of a budget: an upper bound, a pair, or text such as `400MFLOPs` or `5.3MParams`
    that bounds one metric: the one that the cost function returns.

    Raises:
        InputError: not such a budget.
    """
    if budget is None:
        return 0.0, math.inf
    if isinstance(budget, str):
        parsed = parse_budget(budget).bounds
        if len(parsed) != 1:
            raise InputError(f"a sampler's budget must bound one metric, but got {budget!r}")
        return float(parsed[0].low), float(parsed[0].high)
    low, high = (0.0, float(budget)) if isinstance(budget, int | float) else map(float, budget)
    if not (0 <= low <= high and high > 0):
        raise InputError(f"0 <= low <= high must hold for a budget, but got {budget!r}")
    return low, high
