"""What may be proposed: which parameters a row needs, what it costs, whether the budget admits it,
and which rows are one and the same."""

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
from .conditions import Condition, apply, learn

CostFunction = Callable[[Mapping[str, Any]], Any]
"""Parameter → value, or → array of values, to MACs, or an array of them."""
Bounds = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Examined:
    """Facts of rows, one of each for every row."""

    macs: NDArray[np.float64]
    """Multiply-adds; 0 where no cost is known."""
    admitted: NDArray[np.bool_]
    """Whether it can be built, within the budget."""
    keys: NDArray[np.uint64]
    """Equal for rows that are the same thing to evaluate."""


class Region(Protocol):
    """The part of a search space that may be proposed."""

    priced: bool
    """Whether costs are known."""
    quick: bool
    """Whether many rows are examined at little more than the time of one."""

    def learn(self, columns: Sequence[Column], table: Table) -> bool:
        """Look at the rows of trials; True if what is needed by which has turned out to be
        otherwise."""
        ...

    def explains(self, columns: Sequence[Column], table: Table) -> bool:
        """Whether rows of trials fit what has been learned: if so, nothing has to be learned from
        them."""
        ...

    def settled(self, columns: Sequence[Column], table: Table) -> Table:
        """The same rows with NaN where a parameter is not asked for."""
        ...

    def examine(self, columns: Sequence[Column], table: Table) -> Examined:
        """Facts of settled rows."""
        ...

    def partly(self, params: Mapping[str, Any]) -> bool | None:
        """Whether some parameters, perhaps not all, are admitted; None where that cannot be told
        yet."""
        ...


class CostRegion:
    """A region of any Optuna study, by a cost function and bounds of it; without a function
    everything is within."""

    def __init__(self, cost: CostFunction | None = None, budget: float | str | Sequence[float] | None = None) -> None:
        """As `PredictorSampler` takes them. Raises: InputError, a budget that is none, or one
        without a cost."""
        if budget is not None and cost is None:
            raise InputError(f"a budget needs the cost that it bounds, but got {budget!r} and no cost")
        self.priced = cost is not None
        self._cost = cost
        self.low, self.high = bounds_of(budget)
        self.quick = True
        self._conditions: list[Condition] = []

    def learn(self, columns: Sequence[Column], table: Table) -> bool:
        """Which parameters are asked for by the value of another follows from the trials."""
        before, self._conditions = self._conditions, learn(columns, table)
        return before != self._conditions

    def explains(self, columns: Sequence[Column], table: Table) -> bool:
        """By what has been learned: whether exactly the gaps of these rows would be theirs."""
        gaps = np.isnan(table)
        lowest = np.array([0.0 if column.values is None else column.values[0] for column in columns])
        return bool((np.isnan(apply(self._conditions, np.where(gaps, lowest, table))) == gaps).all())

    def settled(self, columns: Sequence[Column], table: Table) -> Table:
        """By what has been learned."""
        return apply(self._conditions, table)

    def examine(self, columns: Sequence[Column], table: Table) -> Examined:
        """Rows are the same where all their values are."""
        macs = self._macs(columns, table)
        admitted = (macs >= self.low) & (macs <= self.high) if self.priced else np.ones(len(table), bool)
        return Examined(macs=macs, admitted=admitted, keys=keys_of(table))

    def partly(self, params: Mapping[str, Any]) -> bool | None:
        """By the cost function, if it can do with these parameters."""
        if self._cost is None:
            return True
        try:
            return bool(self.low <= _single(self._cost(dict(params))) <= self.high)
        except Exception:  # whatever it does without parameters that are still to come
            return None

    def _macs(self, columns: Sequence[Column], table: Table) -> NDArray[np.float64]:
        """Rows that lack the same parameters are costed together, without those."""
        found = np.zeros(len(table))
        if self._cost is None or not len(table):
            return found
        absent = np.isnan(table)
        if not absent.any():
            return self._alike(columns, table)
        names = np.packbits(absent, axis=1)
        _, first, which = np.unique(names, axis=0, return_index=True, return_inverse=True)
        which = which.ravel()
        order = np.argsort(which, kind="stable")
        for place, rows in zip(first, np.split(order, np.cumsum(np.bincount(which))[:-1]), strict=True):
            here = np.flatnonzero(~absent[place]).tolist()
            found[rows] = self._alike([columns[index] for index in here], table[np.ix_(rows, np.array(here))])
        return found

    def _alike(self, columns: Sequence[Column], table: Table) -> NDArray[np.float64]:
        """Of rows without gaps; whether the function takes arrays is found out by comparing it with
        itself on the first row and the last."""
        assert self._cost is not None
        if self.quick and len(table) > 1:
            try:
                found = np.asarray(
                    self._cost({column.name: column.array(table[:, i]) for i, column in enumerate(columns)}), float
                )
                ends = [_single(self._cost(params_of(columns, table[i]))) for i in (0, -1)]
                if found.shape == (len(table),) and np.allclose(found[[0, -1]], ends, rtol=1e-9):
                    return found
            except Exception:  # whatever a function meant for scalars makes of arrays
                pass
            self.quick = False
        return np.array([_single(self._cost(params_of(columns, row))) for row in table])


def _single(cost: Any) -> float:
    """The cost of one setting, also where a function that takes arrays gives it as an array of one."""
    return float(np.asarray(cost, float).item())


def bounds_of(budget: float | str | Sequence[float] | None) -> Bounds:
    """(low, high) of a budget in MACs: a number, a pair, or text as `400MFLOPs`.

    Raises:
        InputError: not such a budget.
    """
    if budget is None:
        return 0.0, math.inf
    if isinstance(budget, str):
        parsed = parse_budget(budget).bounds
        if [bound.metric for bound in parsed] != ["macs"]:
            raise InputError(f"a sampler's budget bounds MACs, but got {budget!r}")
        return float(parsed[0].low), float(parsed[0].high)
    low, high = (0.0, float(budget)) if isinstance(budget, int | float) else map(float, budget)
    if not (0 <= low <= high and high > 0):
        raise InputError(f"0 <= low <= high must hold for a budget, but got {budget!r}")
    return low, high
