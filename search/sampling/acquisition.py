"""Decides by the posterior which row is most worth evaluating next.

For the best network it is the row of the highest expected improvement over the best posterior mean
of the observed rows (Mockus 1974; for noisy observations Picheny et al., Struct. Multidisc. Optim.
48, 2013). For a front it is the row where a sample from the posterior adds most hypervolume
(Thompson sampling: Russo et al., 2018, arXiv:1707.02038). Both are multiplied by the probability
that the row can be evaluated (Schonlau et al., 1998).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .columns import Table
from .features import Features, Vector
from .hypervolume import improvements
from .success import Success
from .surrogate import Surrogate

BOLDNESS = 0.4
"""Factor by which a sample's deviation from the mean is reduced: an unreduced sample explores more
than a study of a few hundred trials can afford."""
PROMISING, AT_RANDOM = 320, 80
"""Rows that are compared: those of the highest mean, and random ones."""
OPTIMISTIC, OPTIMISTIC_FROM = 120, 4_000
"""Further rows that are compared: of OPTIMISTIC_FROM random ones those with the highest mean plus
standard deviation."""
TOO_DOUBTFUL = 0.2
"""A row is not proposed if its probability of success is lower than this share of the highest."""
COST_BINS = 8
"""Parts of the range of costs, each of which contributes promising rows if a front is wanted."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """Rows to choose from."""

    rows: Table
    """(rows, parameters)."""
    costs: Vector
    """Their costs."""
    features: Features
    """Their features."""

    def __getitem__(self, index: NDArray[np.intp]) -> Offer:
        return Offer(rows=self.rows[index], costs=self.costs[index], features=self.features[index])

    def __len__(self) -> int:
        return len(self.rows)

    def followed_by(self, other: Offer) -> Offer:
        """The rows of both."""
        return Offer(
            rows=np.concatenate([self.rows, other.rows]),
            costs=np.concatenate([self.costs, other.costs]),
            features=self.features.followed_by(other.features),
        )


def value_of(model: Surrogate, offer: Offer, success: Success | None) -> Vector:
    """How good the rows are believed to be: the posterior mean, less a penalty for rows that may
    fail."""
    mean = model.mean(offer.features)
    return mean if success is None else mean + model.scale * np.log(success(offer.rows, offer.costs))


def if_it_works(gain: Vector, offer: Offer, success: Success | None) -> Vector:
    """`gain` multiplied by the probability of success, and 0 where that is lower than TOO_DOUBTFUL
    of the highest: where little is to be gained elsewhere, the doubtful rows would be left."""
    if success is None:
        return gain
    odds = success(offer.rows, offer.costs)
    return gain * odds * (odds >= TOO_DOUBTFUL * odds.max())


def shortlist(model: Surrogate, offer: Offer, value: Vector, rng: np.random.Generator, *, best: bool) -> Offer:
    """The rows of `offer` that are worth comparing by the whole posterior.

    Args:
        model: posterior of the first objective.
        offer: rows.
        value: how good each is believed to be.
        rng: draws some of the rows.
        best: whether the best network is wanted, not the front.
    """
    chosen = promising(value, None if best else offer.costs, rng)
    if best and len(chosen) < len(value):
        few = rng.integers(0, len(value), OPTIMISTIC_FROM)
        hope = value[few] + model.deviation(offer.features[few])
        chosen = np.union1d(chosen, few[np.argsort(-hope)[:OPTIMISTIC]])
    return offer[chosen]


def improvement(model: Surrogate, offer: Offer, seen: Features, pending: Features, success: Success | None) -> Vector:
    """The expected improvement by every row.

    Args:
        model: posterior of the objective, which is maximised.
        offer: the rows.
        seen: the observed rows.
        pending: rows of running trials.
        success: probability that a row can be evaluated; None for 1.
    """
    lead = model.mean(offer.features) - model.mean(seen).max()
    found = expected_improvement(lead, model.with_pending(pending).deviation(offer.features))
    return if_it_works(found, offer, success)


def domination(
    models: dict[int, Surrogate],
    offer: Offer,
    seen: Features,
    values: NDArray[np.float64],
    pending: Features,
    success: Success | None,
    rng: np.random.Generator,
) -> Vector:
    """The hypervolume that every row adds, all objectives being sampled from the posterior.

    Args:
        models: posterior of each objective; an objective without one is minus the cost, which is
            known exactly.
        offer: the rows.
        seen: the observed rows.
        values: (rows, objectives), their observed values, all maximised.
        pending: rows of running trials.
        success: probability that a row can be evaluated; None for 1.
        rng: the random numbers.
    """
    believed, count = values.copy(), values.shape[1]
    for index, model in models.items():
        believed[:, index] = model.mean(seen)
    sampled = np.stack(
        [
            models[index].with_pending(pending).sample(offer.features, rng, BOLDNESS)[0]
            if index in models
            else -offer.costs
            for index in range(count)
        ],
        axis=1,
    )
    found = improvements(believed, sampled, rng)
    return if_it_works(found, offer, success)


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
