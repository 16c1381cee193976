"""Turns other knowledge about a space into features: values of some candidates, earlier studies.

Each source is modelled by a surrogate of its own, whose mean is a feature of every row. The weight
of this feature in the model of accuracy, and its sign and offset, follow from the evidence. A hint
that does not help, or an earlier study on other data, therefore gets a weight near zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.trial import FrozenTrial, TrialState

from .columns import Column, Table, table_of
from .features import Encoder, Vector
from .region import Region, filled
from .surrogate import Surrogate
from .warp import warp

MIN_VALUES = 5
"""With fewer values than this a source is not modelled, and its feature is constant."""
MAX_VALUES = 400
"""Values that are used at most, drawn at random."""
EXACT = 0.003
"""Prior noise of a hint, as a fraction of its variance."""

Rows = Sequence[tuple[Mapping[str, Any], float]]
"""(parameters, value) of some candidates."""


class Auxiliary:
    """The modelled value of one source, as a function of rows."""

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
        """Fit the model.

        Args:
            columns: the parameters of the search space.
            region: tells the costs of rows.
            pool: rows and their costs, by which features are standardised.
            rows: the known values.
            noisy: True if values are accuracies, which are warped; others are only clipped.
            rng: draws MAX_VALUES of the values if there are more.
        """
        kept = [(params, float(value)) for params, value in rows if math.isfinite(value)]
        if len(kept) > MAX_VALUES:
            kept = [kept[index] for index in rng.choice(len(kept), MAX_VALUES, replace=False)]
        self._encoder = Encoder(columns, pool[0], pool[1] if region.priced else None, families=region.families)
        table = table_of(columns, [params for params, _ in kept])
        values = np.array([value for _, value in kept])
        self.model: Surrogate | None = None
        """Model of the values; None if there are too few, or all are equal."""
        if len(kept) >= MIN_VALUES and np.ptp(values) > 0:
            costs = filled(region.examine(columns, region.settled(columns, table)).costs)
            low, high = np.quantile(values, [0.05, 0.95])
            target = warp(values) if noisy else np.clip(values, low - 2 * (high - low), high + 2 * (high - low))
            self.model = Surrogate(self._encoder(table, costs), target, noise=None if noisy else EXACT)

    def __call__(self, table: Table, costs: Vector) -> Vector:
        """The posterior mean for every row."""
        return np.zeros(len(table)) if self.model is None else self.model.mean(self._encoder(table, costs))


def rows_of(trials: Sequence[FrozenTrial], sign: float) -> list[tuple[Mapping[str, Any], float]]:
    """Parameters and first value of the completed trials of an earlier study; multiplying by `sign`
    makes the value one to be maximised."""
    return [
        (trial.params, sign * trial.values[0])
        for trial in trials
        if trial.state == TrialState.COMPLETE and trial.values is not None
    ]
