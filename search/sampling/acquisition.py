"""Decides by the posterior which row is most worth evaluating next.

For the best network it is the row of the highest expected improvement over the best posterior mean
of the observed rows (Mockus 1974; for noisy observations Picheny et al., Struct. Multidisc. Optim.
48, 2013). For a front it is the row where a sample from the posterior adds most hypervolume
(Thompson sampling: Russo et al., 2018, arXiv:1707.02038).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .features import Features, Vector
from .hypervolume import improvements
from .surrogate import Surrogate

BOLDNESS = 0.4
"""Factor by which a sample's deviation from the mean is reduced: an unreduced sample explores more
than a study of a few hundred trials can afford."""
PROMISING, AT_RANDOM = 320, 80
"""Rows that are compared: those of the highest mean, and random ones."""
OPTIMISTIC, OPTIMISTIC_FROM = 120, 4_000
"""Further rows that are compared: of OPTIMISTIC_FROM random ones those with the highest mean plus
standard deviation."""
COST_BINS = 8
"""Parts of the range of costs, each of which contributes promising rows if a front is wanted."""


def most_improving(
    model: Surrogate, features: Features, seen: Features, pending: Features, rng: np.random.Generator
) -> int:
    """Index of the row with the highest expected improvement.

    Args:
        model: posterior of the objective, which is maximised.
        features: the rows to choose from.
        seen: the observed rows.
        pending: rows of running trials.
        rng: draws some of the rows that are compared.
    """
    mean = model.mean(features)
    chosen = promising(mean, None, rng)
    if len(chosen) < len(mean):
        few = rng.integers(0, len(mean), OPTIMISTIC_FROM)
        chosen = np.union1d(chosen, few[np.argsort(-mean[few] - model.deviation(features[few]))[:OPTIMISTIC]])
    best = model.mean(seen).max()
    expected, factor = model.with_pending(pending).posterior(features[chosen])
    return int(chosen[np.argmax(expected_improvement(expected - best, np.sqrt((factor**2).sum(1))))])


def most_dominating(
    models: dict[int, Surrogate],
    features: Features,
    costs: Vector,
    seen: Features,
    values: NDArray[np.float64],
    pending: Features,
    rng: np.random.Generator,
) -> int:
    """Index of the row that adds most hypervolume, all objectives being sampled from the posterior.

    Args:
        models: posterior of each objective; an objective without one is minus the cost, which is
            known exactly.
        features: the rows to choose from.
        costs: their costs.
        seen: the observed rows.
        values: (rows, objectives), their observed values, all maximised.
        pending: rows of running trials.
        rng: the random numbers.
    """
    believed, count = values.copy(), values.shape[1]
    for index, model in models.items():
        believed[:, index] = model.mean(seen)
    chosen = promising(models[0].mean(features), costs if len(models) < count else None, rng)
    sampled = np.stack(
        [
            models[index].with_pending(pending).sample(features[chosen], rng, BOLDNESS)[0]
            if index in models
            else -costs[chosen]
            for index in range(count)
        ],
        axis=1,
    )
    return int(chosen[np.argmax(improvements(believed, sampled, rng))])


def promising(mean: Vector, costs: Vector | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Indices of the rows to compare: those of the highest mean, in each part of the range of
    `costs` if these are given, and some random ones."""
    if len(mean) <= PROMISING + AT_RANDOM:
        return np.arange(len(mean))
    parts = [np.arange(len(mean))] if costs is None else np.array_split(np.argsort(costs, kind="stable"), COST_BINS)
    count = PROMISING // len(parts)
    best = [part[np.argpartition(-mean[part], min(count, len(part) - 1))[:count]] for part in parts]
    return np.union1d(np.concatenate(best), rng.integers(0, len(mean), AT_RANDOM))


def expected_improvement(lead: Vector, deviation: Vector) -> Vector:
    """E[max(x, 0)] for normal x of mean `lead` and standard deviation `deviation`."""
    scaled = lead / deviation
    return deviation * (scaled * ndtr(scaled) + np.exp(-0.5 * scaled**2) / math.sqrt(2 * math.pi))
