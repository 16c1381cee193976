"""The trials of a study as tables that grow: each trial is looked at once when it appears and once
when it has ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from . import CURVE
from .columns import Column, Table, table_of


class History:
    """What came of the trials."""

    def __init__(self, columns: Sequence[Column], signs: NDArray[np.float64]) -> None:
        """`signs` make every objective one to be maximised."""
        self.columns, self._signs = list(columns), signs
        self._rows, self._values = _Growing(len(columns)), _Growing(len(signs))
        self.curves: list[dict[int, float]] = []
        """Of every row: step → value, where it reported any, to be maximised."""
        self._stopped: dict[bytes, tuple[NDArray[np.float64], dict[int, float]]] = {}
        self.open: dict[int, FrozenTrial] = {}
        """Trials that have not ended, by number."""
        self._next = 0

    @property
    def rows(self) -> Table:
        """(rows, parameters) of the trials that ended with finite values, in the order in which
        they were seen to."""
        return self._rows.table

    @property
    def values(self) -> NDArray[np.float64]:
        """(rows, objectives), each to be maximised."""
        return self._values.table

    @property
    def stopped(self) -> list[tuple[NDArray[np.float64], dict[int, float]]]:
        """Row and curve of every pruned trial that reported, but for those that have gone on since:
        of them the later trial stands."""
        return list(self._stopped.values())

    def follow(self, trials: Sequence[FrozenTrial], current: int) -> Table:
        """Take in what is new in all trials of the study, but for the `current` one; returns the
        rows of those that have ended since, however they did."""
        fresh = [trials[number] for number in self.open if number < len(trials)] + list(trials[self._next :])
        self._next = len(trials)
        ended = []
        for trial in fresh:
            self.open.pop(trial.number, None)
            if trial.state.is_finished():
                ended.append(trial)
            elif trial.number != current:
                self.open[trial.number] = trial
        self.open.pop(current, None)
        if current < len(trials) and not trials[current].state.is_finished():
            self.open[current] = trials[current]
        for trial in ended:
            self._take(trial)
        return table_of(self.columns, [trial.params for trial in ended if trial.params])

    def _take(self, trial: FrozenTrial) -> None:
        curve = _curve(trial, float(self._signs[0]))
        if (
            trial.state == TrialState.COMPLETE
            and trial.values is not None
            and np.isfinite(trial.values).all()
            and len(trial.values) == len(self._signs)
        ):
            row = table_of(self.columns, [trial.params])[0]
            self._stopped.pop(row.tobytes(), None)
            self._rows.add(row)
            self._values.add(np.array(trial.values, float) * self._signs)
            self.curves.append(curve)
        elif trial.state == TrialState.PRUNED and curve:
            row = table_of(self.columns, [trial.params])[0]
            self._stopped[row.tobytes()] = row, curve


class _Growing:
    def __init__(self, width: int) -> None:
        self._kept, self._count = np.zeros((16, width)), 0

    @property
    def table(self) -> NDArray[np.float64]:
        return self._kept[: self._count]

    def add(self, row: NDArray[np.float64]) -> None:
        if self._count == len(self._kept):
            self._kept = np.concatenate([self._kept, np.zeros_like(self._kept)])
        self._kept[self._count] = row
        self._count += 1


def _curve(trial: FrozenTrial, sign: float) -> dict[int, float]:
    reported: Any = trial.intermediate_values or dict(trial.user_attrs.get(CURVE, ()))
    return {int(step): sign * float(value) for step, value in reported.items() if math.isfinite(value)}
