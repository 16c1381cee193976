"""Tells which trials of a study are best: by a model of their values, or by their values alone.

The highest of many noisy values is mostly a lucky one. A model shrinks every value towards what
similar trials have reached; it does not know what is special to one trial, and takes that for
noise. Therefore the true value of a trial is what the model expects of it from all *other* trials,
and a deviation of its own, whose variance is the share `OWN` of the model's noise. The trial's own
values, of several seeds if it was repeated, then decide by their precision.

Without a model, the mean of all trials takes its place (James & Stein, 1961; Efron & Morris, 1975).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna import Study
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ...studies.database.optuna_private import trials_of
from .columns import Table, table_of
from .curves import continued
from .history import History
from .warp import clipped

OWN = 0.5
"""Share of the variance of a model's noise that is a trial's own, and not its seed's."""
NOISE = 0.2
"""Share of the variance of the values that is noise, where no trial was repeated and there is no
model."""
GUESS = 3
"""Weight of that share beside repeated trials, in degrees of freedom."""
LEAST = 1e-9
"""Smallest variance, as a share of that of the values."""

Vector = NDArray[np.float64]
Predict = Callable[[Table], tuple[Vector, Vector]]
"""Rows -> posterior means and standard deviations of a model, of values that are maximised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """A trial, and what is believed of its value."""

    trial: FrozenTrial
    """The trial; of several with the same parameters the first that was completed."""
    mean: float
    """Posterior mean of its first value, free of noise."""
    deviation: float
    """Posterior standard deviation."""
    noise: float
    """Standard deviation of one observed value of a trial from seed to seed."""


@dataclass(slots=True)
class _Seen:
    """The trials with one setting of the parameters."""

    trial: FrozenTrial
    values: list[float]
    """Values of those that were completed, maximised."""


def by_model(study: Study, history: History, predict: Predict, noise: float) -> list[Recommendation]:
    """The trials of a study by a model of its first value, the best first.

    They are the completed trials, and the pruned ones whose curves the completed ones extrapolate.

    Args:
        study: the study.
        history: its trials, as the model was fitted to them.
        predict: predicts values from rows, those of the same trials included.
        noise: standard deviation of the model's noise.
    """
    sign, seen = _sign(study), _seen(study)
    rows, ends, variances = continued(history)
    stopped = {row.tobytes(): (end, extra) for row, end, extra in zip(rows, ends, variances, strict=True)}
    table = table_of(history.columns, [one.trial.params for one in seen])
    low = float(clipped(np.concatenate([history.values[:, 0], ends])).min())
    square = max(noise**2, LEAST * float(np.var(history.values[:, 0])), 1e-18)
    known = [index for index, one in enumerate(seen) if one.values or table[index].tobytes() in stopped]
    if not known:
        return []
    means, deviations = predict(table[known])
    found = []
    for index, mean, deviation in zip(known, means, deviations, strict=True):
        one = seen[index]
        values = [(max(value, low), 0.0) for value in one.values] or [stopped[table[index].tobytes()]]
        mean, variance = _without(float(mean), float(deviation) ** 2, values, square)
        mean, variance = _with(mean, variance + OWN * square, values, (1 - OWN) * square)
        found.append((one.trial, mean, math.sqrt(variance)))
    return _ranked(found, sign, math.sqrt((1 - OWN) * square))


def by_values(study: Study) -> list[Recommendation]:
    """The completed trials of a study by their first values, the best first: means of the trials
    with the same parameters, shrunk towards the mean of all by their noise."""
    sign, seen = _sign(study), [one for one in _seen(study) if one.values]
    if not seen:
        return []
    means = np.array([np.mean(one.values) for one in seen])
    whole = float(means.var())
    squares = GUESS * NOISE * whole + sum(float(np.var(one.values)) * len(one.values) for one in seen)
    square = max(squares / (GUESS + sum(len(one.values) - 1 for one in seen)), 1e-18)
    spread = max(whole - square, LEAST * whole, 1e-18)
    found = []
    for one in seen:
        mean, variance = _with(float(means.mean()), spread, [(value, 0.0) for value in one.values], square)
        found.append((one.trial, mean, math.sqrt(variance)))
    return _ranked(found, sign, math.sqrt(square))


def _without(mean: float, variance: float, values: list[tuple[float, float]], noise: float) -> tuple[float, float]:
    """A posterior without the (value, further variance) of its own that it contains."""
    precision = sum(1 / (noise + extra) for _, extra in values)
    left = 1 / max(variance, 1e-18) - precision
    if left <= 1e-3 * precision:  # nothing else tells of it
        return mean, 1e3 / precision
    return (mean / variance - sum(value / (noise + extra) for value, extra in values)) / left, 1 / left


def _with(mean: float, variance: float, values: list[tuple[float, float]], noise: float) -> tuple[float, float]:
    """A belief with (value, further variance) of its own."""
    precision = 1 / variance + sum(1 / (noise + extra) for _, extra in values)
    return (mean / variance + sum(value / (noise + extra) for value, extra in values)) / precision, 1 / precision


def _seen(study: Study) -> list[_Seen]:
    """The completed and pruned trials of a study by their parameters, in their order."""
    sign = _sign(study)
    found: dict[tuple[tuple[str, Any], ...], _Seen] = {}
    for trial in trials_of(study):
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED) or not trial.params:
            continue
        complete = trial.state is TrialState.COMPLETE and trial.values is not None and math.isfinite(trial.values[0])
        if not complete and trial.state is TrialState.COMPLETE:
            continue
        one = found.setdefault(tuple(sorted(trial.params.items())), _Seen(trial, []))
        if complete:
            if not one.values:
                one.trial = trial
            one.values.append(sign * trial.values[0])
    return list(found.values())


def _sign(study: Study) -> float:
    return 1.0 if study.directions[0] == StudyDirection.MAXIMIZE else -1.0


def _ranked(found: list[tuple[FrozenTrial, float, float]], sign: float, noise: float) -> list[Recommendation]:
    order = sorted(found, key=lambda one: (-one[1], one[0].number))
    return [
        Recommendation(trial=trial, mean=sign * mean, deviation=deviation, noise=noise)
        for trial, mean, deviation in order
    ]
