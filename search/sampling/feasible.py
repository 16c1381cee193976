"""What all samplers of ours share: the search space as it becomes known, the pool within the
budget, what has been proposed, what came of it."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .columns import Column, Table, columns_of, params_of, table_of
from .history import History
from .pool import Pool
from .region import CostFunction, CostRegion, Region

NEIGHBOURS = 2_000
"""Rows beside others that are looked at where the pool is not whole."""
TRIES = 200
"""Draws of a single parameter until its cost is within the budget."""
LEAST = re.compile(r"none|zero|skip|identity|no$|off|false", re.IGNORECASE)
"""Choices that most likely cost nothing."""


class FeasibleSampler(BaseSampler):
    """Proposes what is within the budget, each once; how it chooses is a subclass's matter.

    A study's space is what its trials asked for. Where it is not given and there is a budget, the
    first trial begins at the values that look cheapest: the least numbers, choices such as `none`.
    Parameters that are asked for by the value of another are learned to be so.
    """

    def __init__(
        self,
        *,
        seed: int | None = None,
        cost: CostFunction | None = None,
        budget: float | str | Sequence[float] | None = None,
        space: Mapping[str, BaseDistribution] | None = None,
        region: Region | None = None,
    ) -> None:
        """Make a sampler.

        Args:
            seed: of all its draws.
            cost: parameter → value, or → array of values, to MACs; parameters that are not asked
                for are left out.
            budget: MACs at most, (low, high), or text as `400MFLOPs`; needs `cost`.
            space: the distributions of all parameters, where they are known before the first trial.
            region: in place of `cost` and `budget`.

        Raises:
            InputError: not a budget, or one without a cost.
        """
        self._seed = seed
        self._rng = np.random.default_rng(seed)
        self._region: Region = CostRegion(cost, budget) if region is None else region
        self._bounded = region is not None or budget is not None
        self._space: dict[str, BaseDistribution] = dict(space or {})
        self._looked = 0
        self._begun: set[int] = set()
        self._study: tuple[object, int] | None = None
        self._history: History | None = None
        self._pool: Pool | None = None
        self._proposed: dict[int, NDArray[np.float64]] = {}
        self._chosen: dict[int, dict[str, Any]] = {}
        self.exhausted = False
        """Whether everything within the budget has been proposed."""

    @abstractmethod
    def choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        """The next row, None where nothing new can be found. `running` are the rows of trials that
        have not ended."""

    def reseed_rng(self) -> None:
        """Other draws, for another process or thread."""
        entropy = int(np.random.SeedSequence().entropy)  # type: ignore[arg-type]
        self._rng = np.random.default_rng(None if self._seed is None else [self._seed, entropy % 2**32])

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All parameters that any trial was asked for."""
        if self._study is None or self._study[0] is not study._storage or self._study[1] != study._study_id:
            self._study, self._looked, self._begun, self._history, self._pool = (
                (study._storage, study._study_id),
                0,
                set(),
                None,
                None,
            )
        # as Optuna's own samplers do: a copy of each trial costs more than the proposal
        trials = study._get_trials(deepcopy=False, use_cache=True)
        for other in [*(trials[number] for number in self._begun if number < len(trials)), *trials[self._looked :]]:
            self._space |= other.distributions
            (self._begun.discard if other.state.is_finished() else self._begun.add)(other.number)
        self._looked = len(trials)
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The row chosen, as parameters."""
        if not search_space:
            return {}
        columns = columns_of(search_space)
        trials = study._get_trials(deepcopy=False, use_cache=True)
        history, pool = self._followed(study, columns, trials, trial.number)
        fixed = trial.system_attrs.get("fixed_params")
        if fixed:  # enqueued by the user: nothing is to be chosen
            row = table_of(columns, [fixed])[0]
            pool.take(row[None])
            self._proposed[trial.number] = row
            return {}
        busy = self._busy(columns, history, trial.number)
        pool.take(busy)
        chosen = None if pool.whole and not pool.left else self.choose(study, history, pool, busy)
        row = (
            pool.rows[self._rng.integers(len(pool.rows))] if chosen is None else chosen
        )  # again, where there is nothing else
        pool.take(row[None])
        self.exhausted = chosen is None or (pool.whole and not pool.left)
        self._proposed[trial.number] = row
        self._chosen = {number: params for number, params in self._chosen.items() if number in self._proposed}
        self._chosen[trial.number] = params_of(columns, row)
        return self._chosen[trial.number]

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """A parameter not known before: at random, or, within a budget, what looks cheapest; where
        the cost can be told, within it."""
        column = Column(name=param_name, distribution=param_distribution)
        numbers = (
            column.draw(TRIES, self._rng)
            if column.values is None or len(column.values) > TRIES
            else self._rng.permutation(column.values)
        )
        if self._bounded:
            numbers = np.array(sorted(numbers, key=_likely_cost(column)))
            if not column.categorical:
                numbers = np.append(float(param_distribution.low), numbers)  # type: ignore[attr-defined]
        coming = self._chosen.get(
            trial.number, {}
        )  # a branch of the space that no trial had reached: what was chosen of the others is still to be asked for
        for number in numbers:
            value = column.value(number)
            if self._region.partly({**coming, **trial.params, param_name: value}) is not False:
                return value
        return column.value(numbers[0])

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Stop a study in which nothing is left to propose."""
        if self.exhausted and study._thread_local.in_optimize_loop:
            study.stop()

    def at_random(self, pool: Pool) -> NDArray[np.float64] | None:
        """A free row; where a drawn pool has been used up, a neighbour of one that was in it."""
        if pool.left:
            return pool.rows[self._rng.choice(np.flatnonzero(pool.free))]
        near, _ = pool.neighbours(pool.rows, NEIGHBOURS, self._rng)
        return near[0] if len(near) else None

    def _followed(
        self, study: Study, columns: list[Column], trials: Sequence[FrozenTrial], current: int
    ) -> tuple[History, Pool]:
        """History and pool up to date; the pool made anew when the space, or what is known of its
        conditions, has changed."""
        if self._history is None or self._history.columns != columns:
            signs = np.array([1.0 if direction == StudyDirection.MAXIMIZE else -1.0 for direction in study.directions])
            self._history, self._pool, self._ended = History(columns, signs), None, [np.zeros((0, len(columns)))]
        ended = self._history.follow(trials, current)
        if len(ended):
            self._ended.append(ended)
            if not self._region.explains(columns, ended) and self._region.learn(columns, np.concatenate(self._ended)):
                self._pool = None
        if self._pool is None:
            self._pool = Pool(columns, self._region, self._rng)
            self._pool.take(np.concatenate(self._ended))
        elif len(ended):
            self._pool.take(ended)
        return self._history, self._pool

    def _busy(self, columns: list[Column], history: History, current: int) -> Table:
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


def _likely_cost(column: Column) -> Any:
    """A key by which numbers of a parameter come in the order of their likely cost."""
    found = column.distribution
    if not isinstance(found, CategoricalDistribution):
        return float

    def key(number: float) -> tuple[float, float]:
        choice = found.choices[int(number)]
        if choice is None or choice is False or (isinstance(choice, str) and LEAST.search(choice)):
            return (-1.0, number)
        if isinstance(choice, int | float):
            return (float(choice), number)
        digits = re.findall(r"\d+", str(choice))
        return (float(sum(map(int, digits))), number)

    return key
