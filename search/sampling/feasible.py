"""The base class of automl's samplers: proposes only feasible candidates, and each only once.

It follows the study as its search space becomes known, keeps the pool of feasible rows, the running
trials and the history; a subclass decides which row of the pool comes next.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ...studies.database.optuna_private import enqueued_params, identity, stop_loop, trials_of
from .cheapest import is_cheapest, presumed_cost
from .columns import Column, Table, columns_of, params_of, table_of
from .conditions import Declared, checked
from .history import History
from .pool import Pool
from .recommendation import Recommendation, by_values
from .region import CostFunction, CostRegion, Region

NEIGHBOURS = 2_000
"""Mutations tried when the pool is not complete."""
SPENT = 0.3
"""The share of what is left of the budget that one parameter of the first trial may take."""
TRIES = 200
"""Draws of a single parameter until its cost is within the budget."""


class FeasibleSampler(BaseSampler):
    """Proposes rows within a budget, each once; subclasses implement `choose`.

    The search space of a study is what its trials have asked for. If it is not given and there is a
    budget, the first trial takes values that are presumably cheap. Parameters that are asked for
    only with some values of another are learned to be conditional, unless `conditions` says so.
    """

    feasible = True
    """Tells the registry of samplers that all proposals are feasible."""

    def __init__(
        self,
        *,
        seed: int | None = None,
        cost: CostFunction | None = None,
        budget: float | str | Sequence[float] | None = None,
        space: Mapping[str, BaseDistribution] | None = None,
        conditions: Mapping[str, Declared] | None = None,
        region: Region | None = None,
    ) -> None:
        """Make a sampler.

        Args:
            seed: seed of all draws.
            cost: maps parameter -> value (or -> array of values) to MACs, or any other cost;
                inactive parameters are left out. A cost that cannot be told since a parameter is
                not known yet may raise any error.
            budget: upper bound on the cost, (low, high), or text such as `400MFLOPs` or
                `5.3MParams`, in the metric that `cost` returns; needs `cost`.
            space: distributions of all parameters, if they are known before the first trial.
            conditions: conditional parameter of `space` -> (other parameter, the value or the list
                of its values with which alone it is asked for).
            region: replaces `cost`, `budget` and `conditions`.

        Raises:
            InputError: not a budget, a budget without `cost`, or conditions that do not fit
                `space`.
        """
        self._seed = seed
        self._process: list[int] = []
        self._rng = np.random.default_rng(seed)
        checked(conditions or {}, columns_of(space or {}))
        self._region: Region = CostRegion(cost, budget, conditions) if region is None else region
        self._bounded = region is not None or budget is not None
        self._space: dict[str, BaseDistribution] = dict(space or {})
        self._looked = 0
        self._begun: set[int] = set()
        self._study: tuple[object, int] | None = None
        self._history: History | None = None
        self._pool: Pool | None = None
        self._proposed: dict[int, NDArray[np.float64]] = {}
        self._chosen: dict[int, dict[str, Any]] = {}
        self.exhausted: bool = False
        """Whether everything within the budget has been proposed."""

    @abstractmethod
    def choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        """The row to propose next; None if nothing new was found.

        Args:
            study: the study.
            history: the trials that have ended.
            pool: the feasible rows.
            running: rows of the trials that have not ended, (trials, parameters).
        """

    def recommend(self, study: Study) -> list[Recommendation]:
        """The completed trials of a study, the best first: by their first values, shrunk by their
        noise. A sampler with a model ranks them by that."""
        return by_values(study)

    def reseed_rng(self) -> None:
        """Draw other random numbers than the sampler of another process or thread."""
        entropy = int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
        self._process = [entropy % 2**32]
        self._rng = np.random.default_rng(None if self._seed is None else [self._seed, *self._process])

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All parameters that any trial has asked for."""
        own = identity(study)
        if self._study is None or self._study[0] is not own[0] or self._study[1] != own[1]:
            self._study, self._looked, self._begun, self._history, self._pool = own, 0, set(), None, None
        trials = trials_of(study)
        for other in [*(trials[number] for number in self._begun if number < len(trials)), *trials[self._looked :]]:
            self._space |= other.distributions
            (self._begun.discard if other.state.is_finished() else self._begun.add)(other.number)
        self._looked = len(trials)
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The parameters of the chosen row."""
        if not search_space:
            return {}
        columns = columns_of(search_space)
        history, pool = self._followed(study, columns, trials_of(study), trial.number)
        fixed = enqueued_params(trial)
        if fixed:  # Optuna uses these parameters whatever is returned
            row = table_of(columns, [fixed])[0]
            pool.take(row[None])
            self._proposed[trial.number] = row
            return {}
        running = self._running(columns, history, trial.number)
        pool.take(running)
        if not self._region.certain:
            begun = [other.params for number, other in history.open.items() if number != trial.number]
            pool.hold(table_of(columns, [params for params in begun if params]))
        chosen = None if pool.complete and not pool.left else self.choose(study, history, pool, running)
        # nothing new: the rows are proposed again, one after the other
        row = pool.rows[trial.number % len(pool.rows)] if chosen is None else chosen
        pool.take(row[None])
        self.exhausted = chosen is None or (pool.complete and not pool.left)
        self._proposed[trial.number] = row
        self._chosen = {number: params for number, params in self._chosen.items() if number in self._proposed}
        self._chosen[trial.number] = params_of(columns, row)
        return self._chosen[trial.number]

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A value for a parameter that no trial had before: a random one; with a budget the
        presumably cheapest as long as the cost cannot be told, and else one of those that leave
        most of the budget to the parameters that are still to come. Not all parameters take the
        presumably cheapest value if there is a choice: such a setting teaches little."""
        column = Column(name=param_name, distribution=param_distribution)
        numbers = (
            column.draw(TRIES, self._rng)
            if column.values is None or len(column.values) > TRIES
            else self._rng.permutation(column.values)
        )
        if not self._bounded:
            return column.value(numbers[0])
        numbers = np.array(sorted(numbers, key=presumed_cost(column)))
        if not column.categorical:
            numbers = np.append(float(param_distribution.low), numbers)  # type: ignore[attr-defined]
        # in a branch of the space that no trial has reached before, some of the chosen parameters
        # are still to be asked for
        begun = {**self._chosen.get(trial.number, {}), **trial.params}
        params = [{**begun, param_name: column.value(number)} for number in numbers]
        used = np.array([math.nan if (share := self._region.used(one)) is None else share for one in params])
        if not (used <= 1).any():
            cheapest = 0 if np.isnan(used).any() else int(np.argmin(used))
            return params[cheapest][param_name]
        least = float(np.nanmin(used))
        allowed = np.flatnonzero(used <= least + SPENT * (1 - least))
        inside = [index for index in allowed if self._region.partly(params[index])] or allowed.tolist()
        if all(is_cheapest(name, asked, trial.params[name]) for name, asked in trial.distributions.items()):
            inside = [index for index in inside if numbers[index] != numbers[0]] or inside
        return params[int(self._rng.choice(np.array(inside)))][param_name]

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Stop `study.optimize` if nothing is left to propose."""
        if self.exhausted:
            stop_loop(study)

    def at_random(self, pool: Pool) -> NDArray[np.float64] | None:
        """A free row of the pool; if there is none, a neighbour of a row of the pool."""
        if pool.left:
            return pool.rows[self._rng.choice(np.flatnonzero(pool.free))]
        near, _ = pool.neighbours(pool.rows, NEIGHBOURS, self._rng)
        return near[0] if len(near) else None

    def _reseed(self, pool: Pool) -> None:
        """Draw the same after a restart, which knows what was proposed, but not what was drawn for
        it: the seed of the next draws follows from the number of candidates that were proposed."""
        if self._seed is not None:
            self._rng = np.random.default_rng([self._seed, pool.taken, *self._process])

    def _followed(
        self, study: Study, columns: list[Column], trials: Sequence[FrozenTrial], current: int
    ) -> tuple[History, Pool]:
        """History and pool, up to date. The pool is extended if the search space has changed, or
        what has been learned about conditional parameters."""
        if self._history is None or self._history.columns != columns:
            signs = np.array([1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in study.directions])
            self._history, self._ended = History(columns, signs), [np.zeros((0, len(columns)))]
        ended = self._history.follow(trials, current)
        changed = self._pool is None or self._pool.columns != columns
        if len(ended):
            self._ended.append(ended)
            if not self._region.explains(columns, ended):
                changed |= self._region.learn(columns, np.concatenate(self._ended), list(self._space))
        if self._pool is None or changed:
            self._pool = Pool(columns, self._region, self._rng, kept=self._pool)
            self._pool.take(np.concatenate(self._ended))
        elif len(ended):
            self._pool.take(ended)
        return self._history, self._pool

    def _running(self, columns: list[Column], history: History, current: int) -> Table:
        """Rows of the trials that have not ended."""
        self._proposed = {
            number: row for number, row in self._proposed.items() if number in history.open and len(row) == len(columns)
        }
        others = [
            other.params
            for number, other in history.open.items()
            if number != current and other.params and number not in self._proposed
        ]
        return np.concatenate([table_of(columns, others), *(row[None] for row in self._proposed.values())])
