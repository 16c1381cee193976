"""Estimates the probability that a row can be evaluated, from the rows that have failed.

A rule is a choice, an order relation between a number (or the cost) and a threshold, or a pair of
those. Few rules make evaluations fail: each is at fault with a small prior probability, and then
most evaluations that it applies to fail. The evidence for a rule is the Bayes factor between a rate
of failures of its own, with a Beta prior, and the rate of the evaluations that it does not apply
to. A row succeeds if none of the rules that apply to it makes it fail (a noisy or: Pearl 1988).

Few failures that a single choice explains therefore suffice to avoid it, whereas failures that have
nothing to do with the settings change little. A model of linear effects needs many more, since it
spreads the blame over everything that a failed row consists of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, expit

from .columns import Column, Table

Vector = NDArray[np.float64]
Success = Callable[[Table, Vector], Vector]
"""Maps rows and their costs to the probability that each row can be evaluated."""

SINGLE, PAIR = 0.02, 0.0005
"""Prior probability that a choice, or a pair of choices, is at fault."""
FAILS, WORKS = 19.0, 1.0
"""Beta prior of the rate of failures where a rule is at fault."""
USUAL_WORKS, USUAL_FAILS = 4.0, 1.0
"""Beta prior of the rate of successes elsewhere."""
MAX_EACH = 400
"""Only the latest of the failures, and of the successes, are used."""
THRESHOLDS = 4
"""Thresholds of a number, and of the cost."""
ROWS = 4_096
"""Rows whose probability is computed at a time."""


class SuccessModel:
    """The probability of success as a function of rows."""

    def __init__(
        self, columns: Sequence[Column], succeeded: tuple[Table, Vector], failed: tuple[Table, Vector]
    ) -> None:
        """Weigh the rules.

        Args:
            columns: the parameters.
            succeeded: rows that were evaluated, and their costs.
            failed: rows that failed, and their costs; at least one.
        """
        self._columns = list(columns)
        costs = np.concatenate([succeeded[1], failed[1]])
        self._thresholds = np.unique(np.quantile(costs, _inner())) if np.ptp(costs) > 0 else np.zeros(0)
        good, bad = self._rules(*succeeded), self._rules(*failed)
        self._single = _blame(good.sum(axis=0), bad.sum(axis=0), len(good), len(bad), SINGLE)
        pairs = _blame(good.T @ good, bad.T @ bad, len(good), len(bad), PAIR)
        np.fill_diagonal(pairs, 0.0)
        self._pairs = np.where(pairs < np.log1p(-SINGLE), pairs, 0.0) / 2  # each stands there twice
        self._paired = np.flatnonzero(self._pairs.any(axis=0))

    def __call__(self, rows: Table, costs: Vector) -> Vector:
        """The probability of success of every row, relative to a row that no rule blames."""
        found = np.zeros(len(rows))
        among = self._pairs[np.ix_(self._paired, self._paired)]
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            rules = self._rules(rows[part], costs[part])
            few = rules[:, self._paired]
            found[part] = rules @ self._single + (few * (few @ among)).sum(axis=1)
        return np.exp(found)

    def _rules(self, rows: Table, costs: Vector) -> NDArray[np.float64]:
        """(rows, rules): 1 where a rule applies. None applies to a parameter that a row lacks."""
        found = [np.zeros((len(rows), 0))]
        for index, column in enumerate(self._columns):
            numbers = rows[:, index, None]
            if column.categorical:
                found.append((numbers == column.values).astype(np.float64))
            else:
                found += _both_sides(numbers, _thresholds(column))
        found += _both_sides(costs[:, None], self._thresholds)
        return np.concatenate(found, axis=1)


def _blame(good: Vector, bad: Vector, successes: int, failures: int, prior: float) -> Vector:
    """Logarithm of the probability that a rule lets a row succeed.

    Args:
        good: successes to which each rule applies.
        bad: failures to which each rule applies.
        successes: number of all successes.
        failures: number of all failures.
        prior: probability that the rule is at fault.
    """
    others = USUAL_WORKS + USUAL_FAILS + successes - good + failures - bad
    rate = (USUAL_WORKS + successes - good) / others
    own = betaln(FAILS + bad, WORKS + good) - betaln(FAILS, WORKS)
    usual = good * np.log(rate) + bad * np.log1p(-rate)
    fault = expit(own - usual + np.log(prior) - np.log1p(-prior))
    fault = np.where(bad > 0, fault, 0.0)
    return np.log1p(-fault * (FAILS + bad) / (FAILS + WORKS + good + bad))


def _inner() -> Vector:
    """Equal parts of the range from 0 to 1, without its ends."""
    return np.linspace(0, 1, THRESHOLDS + 2)[1:-1]


def _thresholds(column: Column) -> Vector:
    """Numbers that divide the range of a parameter into equal parts on its scale."""
    low, high = float(column.distribution.low), float(column.distribution.high)  # type: ignore[attr-defined]
    if high <= low:
        return np.zeros(0)
    if column.log:
        return np.asarray(low * (high / low) ** _inner(), np.float64)
    return low + (high - low) * _inner()


def _both_sides(numbers: Vector, thresholds: Vector) -> list[NDArray[np.float64]]:
    """Whether numbers are above, and below, each threshold."""
    return [(numbers > thresholds).astype(np.float64), (numbers < thresholds).astype(np.float64)]
