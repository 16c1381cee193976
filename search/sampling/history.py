"""Keeps the trials of a study as tables; reads each trial only when it starts and when it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState

from . import CURVE, NO_EVIDENCE, TOO_SLOW
from .columns import Column, Table, table_of


class History:
    """The results of the trials so far."""

    def __init__(self, columns: Sequence[Column], signs: NDArray[np.float64]) -> None:
        """`signs`: factors by which all objectives become maximised."""
        self.columns: list[Column] = list(columns)
        self._signs = signs
        self._rows, self._values = _Growing(len(columns)), _Growing(len(signs))
        self._failed = _Growing(len(columns))
        self.curves: list[dict[int, float]] = []
        """Learning curve of each row: step -> value, maximised; empty if none was reported."""
        self._stopped: dict[bytes, tuple[NDArray[np.float64], dict[int, float]]] = {}
        self._slow: set[bytes] = set()
        self.open: dict[int, FrozenTrial] = {}
        """Running trials by number."""
        self._next = 0

    @property
    def rows(self) -> Table:
        """(trials, parameters): the completed trials with finite values, in the order of their
        ends."""
        return self._rows.table

    @property
    def values(self) -> NDArray[np.float64]:
        """(trials, objectives): their values, all maximised."""
        return self._values.table

    @property
    def stopped(self) -> list[tuple[NDArray[np.float64], dict[int, float]]]:
        """Row and curve of every pruned trial with a curve, unless it has resumed and completed."""
        return list(self._stopped.values())

    @property
    def failed(self) -> Table:
        """(trials, parameters): the trials that failed, in the order of their ends, without those
        whose failure says nothing about their parameters, and with those that are too slow."""
        return self._failed.table

    @property
    def worked(self) -> Table:
        """(trials, parameters): the trials that could be evaluated: completed and pruned ones, but
        for those that are too slow."""
        return np.concatenate(
            [self.rows, *(row[None] for key, (row, _) in self._stopped.items() if key not in self._slow)]
        )

    def follow(self, trials: Sequence[FrozenTrial], current: int) -> Table:
        """Read what is new.

        Args:
            trials: all trials of the study.
            current: number of the trial that is being proposed; it counts as running.

        Returns:
            The rows of the trials that have ended since the last call, in any state.
        """
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
        rows = table_of(self.columns, [trial.params for trial in ended])
        for trial, row in zip(ended, rows, strict=True):
            self._take(trial, row)
        return rows[[bool(trial.params) for trial in ended]]

    def _take(self, trial: FrozenTrial, row: NDArray[np.float64]) -> None:
        curve = _curve(trial, float(self._signs[0]))
        if (
            trial.state == TrialState.COMPLETE
            and trial.values is not None
            and np.isfinite(trial.values).all()
            and len(trial.values) == len(self._signs)
        ):
            self._stopped.pop(row.tobytes(), None)
            self._rows.add(row)
            self._values.add(np.array(trial.values, float) * self._signs)
            self.curves.append(curve)
        elif trial.state == TrialState.PRUNED and curve:
            self._stopped[row.tobytes()] = row, curve
            if trial.user_attrs.get(TOO_SLOW):
                self._slow.add(row.tobytes())
                self._failed.add(row)
        elif trial.state != TrialState.PRUNED and trial.params and not trial.user_attrs.get(NO_EVIDENCE):
            self._failed.add(row)


class _Growing:
    """A table whose rows are appended in amortised constant time."""

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
