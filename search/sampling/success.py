"""Estimates the probability that a row can be evaluated, from the rows that have failed.

A rule is a choice, an order relation between a number (or the cost) and a threshold, or a pair of
those. Few rules make evaluations fail: each is at fault with a small prior probability, and then
most evaluations that it applies to fail. The evidence for a rule is the Bayes factor between a rate
of failures of its own, with a Beta prior, and the rate of the evaluations that it does not apply
to. The rule of the highest odds is found first, and the failures that it explains are not held
against others, until no rule is rather at fault than not. A row succeeds if none of the rules found
makes it fail (a noisy or: Pearl 1988), nor the worst of those that are merely suspected.

Few failures that a single choice explains therefore suffice to avoid it, whereas failures that have
nothing to do with the settings change little. A model of linear effects needs many more, since it
spreads the blame over everything that a failed row consists of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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
RULES = 300
"""Rules that are considered: those that apply to most failures."""
CULPRITS = 16
"""Largest number of rules that are found to be at fault."""
SUSPECTS = 64
"""Pairs of rules that are kept although they are more likely not at fault."""
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
        self._kept: NDArray[np.intp] | slice = slice(None)
        often = np.argsort(-self._rules(*failed).sum(axis=0), kind="stable")
        self._kept = np.sort(often[:RULES])
        good, bad = self._rules(*succeeded), self._rules(*failed)
        met, successes = good.T @ good, len(good)
        odds, effect = _blame(met, bad.T @ bad, successes, len(bad))
        culprits: list[tuple[int, int, float]] = []
        while len(culprits) < CULPRITS and odds.max(initial=0.0) > 0:
            first, second = divmod(int(np.argmax(odds)), len(odds))
            culprits.append((first, second, float(effect[first, second])))
            bad = bad[bad[:, first] * bad[:, second] == 0]
            odds, effect = _blame(met, bad.T @ bad, successes, len(bad))
        suspects = np.argsort(effect, axis=None, kind="stable")[:SUSPECTS]
        one, other = np.divmod(suspects, max(1, len(effect)))
        self._culprits = _Pairs(
            *(np.array(each) for each in (zip(*culprits, strict=True) if culprits else ((), (), ())))
        )
        self._suspects = _Pairs(one, other, effect[one, other])

    def __call__(self, rows: Table, costs: Vector) -> Vector:
        """The probability of success of every row, relative to a row that no rule blames."""
        found = np.ones(len(rows))
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            rules = self._rules(rows[part], costs[part])
            found[part] = np.exp(
                self._culprits.effects(rules).sum(axis=1) + self._suspects.effects(rules).min(axis=1, initial=0.0)
            )
        return found

    def _rules(self, rows: Table, costs: Vector) -> NDArray[np.float64]:
        """(rows, rules): 1 where a rule applies, for the rules that are kept. None applies to a
        parameter that a row lacks."""
        found = [np.zeros((len(rows), 0))]
        for index, column in enumerate(self._columns):
            numbers = rows[:, index, None]
            if column.categorical:
                found.append((numbers == column.values).astype(np.float64))
            else:
                found += _both_sides(numbers, _thresholds(column))
        found += _both_sides(costs[:, None], self._thresholds)
        return np.concatenate(found, axis=1)[:, self._kept]


class _Pairs:
    """Pairs of rules, or single rules as pairs with themselves, and what they do to a row."""

    def __init__(self, first: NDArray[Any], second: NDArray[Any], effect: NDArray[Any]) -> None:
        """`effect`: the logarithm of the probability that a row to which both apply succeeds."""
        self._first, self._second, self._effect = first.astype(np.intp), second.astype(np.intp), effect

    def effects(self, rules: NDArray[np.float64]) -> NDArray[np.float64]:
        """(rows, pairs): the effect of each pair on each row, 0 where it does not apply."""
        return rules[:, self._first] * rules[:, self._second] * self._effect


def _blame(
    good: NDArray[np.float64], bad: NDArray[np.float64], successes: int, failures: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logarithm of the odds that a pair of rules is at fault, and of the probability that a row to
    which both apply succeeds.

    Args:
        good: (rules, rules): successes to which both apply.
        bad: (rules, rules): failures to which both apply.
        successes: number of all successes.
        failures: number of all failures.
    """
    prior = np.full(good.shape, PAIR)
    np.fill_diagonal(prior, SINGLE)
    others = USUAL_WORKS + USUAL_FAILS + successes - good + failures - bad
    rate = (USUAL_WORKS + successes - good) / others
    own = betaln(FAILS + bad, WORKS + good) - betaln(FAILS, WORKS)
    usual = good * np.log(rate) + bad * np.log1p(-rate)
    odds = np.where(bad > 0, own - usual + np.log(prior) - np.log1p(-prior), -np.inf)
    return odds, np.log1p(-expit(odds) * (FAILS + bad) / (FAILS + WORKS + good + bad))


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
