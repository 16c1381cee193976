"""What all samplers of ours share: the search space as it becomes known, the pool within the budget, what has been proposed, what came of it."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .columns import Column, Table, columns_of, table_of
from .conditions import apply, learn
from .pool import CostFunction, Costing, Pool, bounds_of

CURVE = "automl:curve"
"""User attribute of a trial: [[step, value], …], for a study of several objectives, whose trials cannot report."""
NEIGHBOURS = 2_000
"""Rows beside others that are looked at where the pool is not whole."""
TRIES = 200
"""Draws of a single parameter until its cost is within the budget."""


@dataclass(kw_only=True)
class History:
    """The trials of a study as tables."""

    columns: list[Column]
    rows: Table
    """Of the trials that ended with finite values, in their order."""
    values: NDArray[np.float64]
    """(rows, objectives), each to be maximised."""
    curves: list[dict[int, float]]
    """Of the same: step → value, where they reported any, to be maximised."""
    stopped: list[tuple[NDArray[np.float64], dict[int, float]]] = field(default_factory=list)
    """Row and curve of every pruned trial that reported."""


class FeasibleSampler(BaseSampler):
    """Proposes what is within the budget, each once; how it chooses is a subclass's matter.

    A study's space is what its trials asked for. Where it is not given, the first trial begins at the lowest values, of which the cheapest network is usually
    made. Parameters that are asked for by the value of another are learned to be so.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        cost: CostFunction | None = None,
        budget: float | str | Sequence[float] | None = None,
        space: Mapping[str, BaseDistribution] | None = None,
    ) -> None:
        """Make a sampler.

        Args:
            seed: of all its draws.
            cost: parameter → value, or → array of values, to MACs; in arrays a parameter that is not asked for stands at its lowest value.
            budget: MACs at most, (low, high), or text as `400MFLOPs`; needs `cost`.
            space: the distributions of all parameters, where they are known before the first trial.

        Raises:
            InputError: not a budget.
        """
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._costing = Costing(cost, bounds_of(budget))
        self._space: dict[str, BaseDistribution] = dict(space or {})
        self._looked: set[int] = set()
        self._pool: Pool | None = None
        self._known: tuple[object, ...] = ()
        self._proposed: dict[int, NDArray[np.float64]] = {}
        self.exhausted = False
        """Whether everything within the budget has been proposed."""

    @abstractmethod
    def choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        """The next row, None where nothing new can be found. `running` are the rows of trials that have not ended."""

    def reseed_rng(self) -> None:
        self._rng = np.random.default_rng(None if self._seed is None else [self._seed, int(np.random.SeedSequence().entropy) % 2**32])  # type: ignore[arg-type]

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        for other in study._get_trials(deepcopy=False, use_cache=True):  # as Optuna's own samplers do: a copy of each trial costs more than the proposal
            if other.state.is_finished() and other.number not in self._looked:
                self._looked.add(other.number)
                self._space |= other.distributions
        return dict(self._space)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        if not search_space:
            return {}
        columns = columns_of(search_space)
        trials = [other for other in study._get_trials(deepcopy=False, use_cache=True) if other.number != trial.number]
        history = _history(study, columns, trials)
        pool = self._pool_of(columns, trials)
        ended = {other.number for other in trials if other.state.is_finished()}
        self._proposed = {number: row for number, row in self._proposed.items() if number not in ended and len(row) == len(columns)}
        running = [other.params for other in trials if not other.state.is_finished() and other.params and other.number not in self._proposed]
        busy = np.concatenate([table_of(columns, running), *(row[None] for row in self._proposed.values())])
        pool.take(busy)
        chosen = None if pool.whole and not pool.free.any() else self.choose(study, history, pool, busy)
        row = pool.rows[self._rng.integers(len(pool.rows))] if chosen is None else chosen  # again, where there is nothing else
        pool.take(row[None])
        self.exhausted = chosen is None or (pool.whole and not pool.free.any())
        self._proposed[trial.number] = row
        return {column.name: column.value(number) for column, number in zip(columns, row, strict=True) if not math.isnan(number)}

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """A parameter not known before: lowest in a study's first trial, else at random; where the cost can be told, within the budget."""
        column = Column(name=param_name, distribution=param_distribution)
        first = not self._looked
        numbers = column.draw(TRIES, self._rng) if column.values is None or len(column.values) > TRIES else self._rng.permutation(column.values)
        if first and not column.categorical:
            numbers = np.sort(np.append(numbers, float(param_distribution.low)))  # type: ignore[attr-defined]
        for number in numbers:
            value = column.value(number)
            try:
                macs = None if self._costing.cost is None else float(self._costing.cost({**trial.params, param_name: value}))
            except Exception:  # parameters that follow are missing
                macs = None
            if macs is None or self._costing.low <= macs <= self._costing.high:
                return value
        return column.value(numbers[0])

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Stop a study in which nothing is left to propose."""
        if self.exhausted and study._thread_local.in_optimize_loop:
            study.stop()

    def at_random(self, pool: Pool) -> NDArray[np.float64] | None:
        """A free row; where a drawn pool has been used up, a neighbour of one that was in it."""
        free = np.flatnonzero(pool.free)
        if len(free):
            return pool.rows[self._rng.choice(free)]
        near, _ = pool.neighbours(pool.rows, NEIGHBOURS, self._rng)
        return near[0] if len(near) else None

    def _pool_of(self, columns: list[Column], trials: Sequence[FrozenTrial]) -> Pool:
        """The pool, made anew when the space or what is known of its conditions has changed."""
        rows = table_of(columns, [trial.params for trial in trials if trial.params])
        conditions = learn(columns, rows)
        known = tuple((column.name, repr(column.distribution)) for column in columns), tuple(conditions)
        if self._pool is None or self._known != known:
            self._pool, self._known = Pool(columns, self._costing, conditions, self._rng), known
            self._pool.take(apply(conditions, rows))
            self._counted = len(rows)
        elif len(rows) > self._counted:
            self._pool.take(apply(conditions, rows[self._counted :]))
            self._counted = len(rows)
        return self._pool


def _history(study: Study, columns: list[Column], trials: Sequence[FrozenTrial]) -> History:
    signs = np.array([1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in study.directions])
    ended = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.values is not None and np.isfinite(trial.values).all()]
    found = History(
        columns=columns,
        rows=table_of(columns, [trial.params for trial in ended]),
        values=np.array([trial.values for trial in ended], float).reshape(len(ended), len(signs)) * signs,
        curves=[_curve(trial, signs[0]) for trial in ended],
    )
    for trial in trials:
        if trial.state == TrialState.PRUNED and (curve := _curve(trial, signs[0])):
            found.stopped.append((table_of(columns, [trial.params])[0], curve))
    return found


def _curve(trial: FrozenTrial, sign: float) -> dict[int, float]:
    reported = trial.intermediate_values or dict(trial.user_attrs.get(CURVE, ()))
    return {int(step): sign * float(value) for step, value in reported.items() if math.isfinite(value)}
