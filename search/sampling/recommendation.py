"""Tells which trials of a study are best: by a model of their values, or by their values alone.

The highest of many noisy values is mostly a lucky one. A model shrinks every value towards what
similar trials have reached; it does not know what is special to one trial, and takes that for
noise. Therefore a trial is judged by what the model expects of it from all *other* trials, a
deviation of its own, and its values, of several seeds if it was repeated: see
`studies.statistics.posterior`, whose guess it is which part of the scatter around the model is a
trial's own. Without a model, the mean of all trials takes its place (James & Stein, 1961; Efron &
Morris, 1975).
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
from ...studies.statistics.posterior import GUESS, OWN
from .columns import Table, table_of
from .curves import continued
from .history import History
from .warp import clipped

NOISE = 0.2
"""Share of the variance of the values that is noise, where no trial was repeated and there is no
model."""
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
    expected: float
    """The value that the model expects by all other trials."""
    doubt: float
    """Standard deviation of what the model expects."""
    scatter: float
    """Standard deviation of one observed value around what the model knows."""


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
        expected, doubt = _without(float(mean), float(deviation) ** 2, values, square)
        found.append(_judged(one.trial, sign, expected, doubt, values, own=OWN * square, noise=(1 - OWN) * square))
    return _ranked(found, sign)


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
    found = [
        _judged(one.trial, sign, float(means.mean()), spread, [(value, 0.0) for value in one.values], noise=square)
        for one in seen
    ]
    return _ranked(found, sign)


def _without(mean: float, variance: float, values: list[tuple[float, float]], noise: float) -> tuple[float, float]:
    """A posterior without the (value, further variance) of its own that it contains."""
    precision = sum(1 / (noise + extra) for _, extra in values)
    left = 1 / max(variance, 1e-18) - precision
    if left <= 1e-3 * precision:  # nothing else tells of it
        return mean, 1e3 / precision
    return (mean / variance - sum(value / (noise + extra) for value, extra in values)) / left, 1 / left


def _judged(
    trial: FrozenTrial,
    sign: float,
    expected: float,
    variance: float,
    values: list[tuple[float, float]],
    *,
    own: float = 0.0,
    noise: float,
) -> Recommendation:
    """What is expected of a trial, with a variance, and its own (value, further variance)."""
    prior = variance + own
    precision = 1 / prior + sum(1 / (noise + extra) for _, extra in values)
    mean = (expected / prior + sum(value / (noise + extra) for value, extra in values)) / precision
    return Recommendation(
        trial=trial,
        mean=sign * mean,
        deviation=math.sqrt(1 / precision),
        expected=sign * expected,
        doubt=math.sqrt(variance),
        scatter=math.sqrt(own + noise),
    )


def _seen(study: Study) -> list[_Seen]:
    """The completed and pruned trials of a study by their parameters, in their order."""
    sign = _sign(study)
    found: dict[tuple[tuple[str, Any], ...], _Seen] = {}
    for trial in trials_of(study):
        if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED) or not trial.params:
            continue
        one = found.setdefault(tuple(sorted(trial.params.items())), _Seen(trial, []))
        if trial.state is TrialState.COMPLETE and trial.values is not None:
            if not one.values:
                one.trial = trial
            one.values.append(sign * trial.values[0])
    return list(found.values())


def _sign(study: Study) -> float:
    return 1.0 if study.directions[0] == StudyDirection.MAXIMIZE else -1.0


def _ranked(found: list[Recommendation], sign: float) -> list[Recommendation]:
    return sorted(found, key=lambda one: (-sign * one.mean, one.trial.number))
