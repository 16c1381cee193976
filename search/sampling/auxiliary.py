"""Cheap knowledge from elsewhere as features: scores of a few candidates, accuracies of an earlier
study.

Each gets a surrogate of its own, whose mean is a feature of every row; how much it weighs, with
which sign and offset, the model of this study's accuracy finds by its evidence. So a score that
says nothing, or a study of something else, comes to weigh nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from .columns import Column, Table, table_of
from .features import Encoder, Vector
from .region import Region
from .surrogate import Surrogate
from .warp import warp

FEWEST = 5
"""Observations without which there is no feature."""
MOST = 400
"""Observations that are used at most, drawn at random."""
EXACT = 0.003
"""Where the noise of a hint is expected, in units of its variance."""

Rows = Sequence[tuple[Mapping[str, Any], float]]
"""(parameters, value) of some candidates."""


class Auxiliary:
    """A source of knowledge over a space, as a function of rows."""

    def __init__(
        self,
        columns: Sequence[Column],
        region: Region,
        pool: tuple[Table, Vector],
        rows: Rows,
        *,
        noisy: bool,
        rng: np.random.Generator,
    ) -> None:
        """`pool` are rows and their MACs, by which features are standardised; `noisy` values are
        accuracies to be maximised, others are taken as they are."""
        kept = [(params, float(value)) for params, value in rows if math.isfinite(value)]
        if len(kept) > MOST:
            kept = [kept[index] for index in rng.choice(len(kept), MOST, replace=False)]
        self._encoder = Encoder(columns, pool[0], pool[1] if region.priced else None)
        table = table_of(columns, [params for params, _ in kept])
        values = np.array([value for _, value in kept])
        self.model: Surrogate | None = None
        """Of the values; None where there are too few to tell anything."""
        if len(kept) >= FEWEST and np.ptp(values) > 0:
            macs = region.examine(columns, region.settled(columns, table)).macs
            low, high = np.quantile(values, [0.05, 0.95])
            target = warp(values) if noisy else np.clip(values, low - 2 * (high - low), high + 2 * (high - low))
            self.model = Surrogate(self._encoder(table, macs), target, noise=None if noisy else EXACT)

    def __call__(self, table: Table, macs: Vector) -> Vector:
        """The value expected of every row."""
        return np.zeros(len(table)) if self.model is None else self.model.mean(self._encoder(table, macs))


def rows_of(trials: Sequence[FrozenTrial], sign: float) -> list[tuple[Mapping[str, Any], float]]:
    """What an earlier study's completed trials say of the first objective; `sign` makes it one to
    be maximised."""
    return [
        (trial.params, sign * trial.values[0])
        for trial in trials
        if trial.state == TrialState.COMPLETE and trial.values is not None
    ]
