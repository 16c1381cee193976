"""Accuracy as a function of the parameters and of the cost, with its uncertainty.

A Gaussian process whose covariance is a sum of five: a Bayesian linear model in the parameters' effects, one in what equal choices of exchangeable
parameters have in common, one in log cost, one in their pairs (the square of the first), and a squared exponential of everything, which is what a Gaussian
process usually is. The weight of each, and the noise, maximise the marginal likelihood under weak priors (type II maximum a posteriori): with few
observations the linear parts stand alone, as data grow the others take over where they explain more.

Source: sums of covariances as model choice, Duvenaud et al., ICML 2013, arXiv:1302.4922; samples by posterior covariance, Thompson 1933.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from .columns import Column, Table

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

PRIORS = {"effects": 1.0, "shared": 0.3, "pairs": 0.3, "near": 0.3, "cost": 1.0, "curved": 0.3, "noise": 0.1}
"""Where the weights begin, in units of the observations' variance."""
SPREAD = 1.2
"""Standard deviation of the logarithm of a weight."""
JITTER = 1e-6


@dataclass(frozen=True, kw_only=True)
class Features:
    """Rows as numbers that a covariance is made of."""

    effects: Matrix
    """(rows, features): one-hot and centred, or the first two Legendre polynomials of the place in a range; a row's mean square is about 1."""
    shared: Matrix
    """(rows, features): the effects of exchangeable parameters added up."""
    cost: Vector | None
    """(rows,): standardised log MACs."""

    def __getitem__(self, index: object) -> Features:
        return Features(effects=self.effects[index], shared=self.shared[index], cost=None if self.cost is None else self.cost[index])  # type: ignore[index]

    def __len__(self) -> int:
        return len(self.effects)


class Encoder:
    """Makes features of rows."""

    def __init__(self, columns: Sequence[Column], macs: Vector | None) -> None:
        """`macs` are those of the pool, by which log costs are standardised; without, cost is no feature."""
        self._columns = list(columns)
        self._log = None
        if macs is not None and len(macs) and macs.min() > 0 and np.ptp(macs) > 0:
            logs = np.log(macs)
            self._log = float(logs.mean()), float(logs.std())
        alike: dict[str, list[int]] = {}
        for index, column in enumerate(columns):
            alike.setdefault(f"{column.distribution!r}", []).append(index)
        self._alike = [places for places in alike.values() if len(places) > 1]

    def __call__(self, table: Table, macs: Vector | None) -> Features:
        blocks = [_effects(column, table[:, index]) for index, column in enumerate(self._columns)]
        count = max(1, sum(block.shape[1] > 0 for block in blocks))
        shared = [sum(blocks[index] for index in places) / math.sqrt(len(places)) for places in self._alike]
        cost = None if self._log is None or macs is None else (np.log(np.maximum(macs, 1e-300)) - self._log[0]) / self._log[1]
        return Features(
            effects=np.concatenate([*blocks, np.zeros((len(table), 0))], axis=1) / math.sqrt(count),
            shared=np.concatenate([*shared, np.zeros((len(table), 0))], axis=1) / math.sqrt(max(1, len(shared))),
            cost=cost,
        )


def _effects(column: Column, numbers: Vector) -> Matrix:
    values, missing = column.values, np.isnan(numbers)
    if values is not None and len(values) == 1:
        return np.zeros((len(numbers), 0))
    if column.categorical:
        assert values is not None
        size = len(values)
        found = (numbers[:, None] == values) - 1.0 / size
        found /= math.sqrt((size - 1) / size)
    else:
        low, high = float(column.distribution.low), float(column.distribution.high)  # type: ignore[attr-defined]
        here = np.nan_to_num(numbers, nan=low)
        place = (np.log(here) - math.log(low)) / math.log(high / low) if column.log else (here - low) / (high - low)
        u = 2 * place - 1
        found = np.stack([math.sqrt(0.7 * 3) * u, math.sqrt(0.3 * 5) * (3 * u**2 - 1) / 2], axis=1)
    found[missing] = 0.0
    return found


def covariances(a: Features, b: Features) -> dict[str, Matrix]:
    """Each part's covariance of every row of `a` with every row of `b`."""
    effects = a.effects @ b.effects.T
    squares = (a.effects**2).sum(1)[:, None] + (b.effects**2).sum(1)[None]
    found = {"effects": effects, "pairs": effects**2}
    distance = squares - 2 * effects
    if a.shared.shape[1]:
        found["shared"] = a.shared @ b.shared.T
    if a.cost is not None and b.cost is not None:
        found["cost"] = np.outer(a.cost, b.cost)
        found["curved"] = np.outer(a.cost**2 - 1, b.cost**2 - 1) / 2
        distance = distance + (a.cost[:, None] - b.cost[None]) ** 2 / 4
    found["near"] = np.exp(-np.maximum(distance, 0.0))
    return found


class Surrogate:
    """The model of one objective, fitted."""

    def __init__(self, features: Features, values: Vector, extra: Vector | None = None, *, start: Vector | None = None, logs: Vector | None = None) -> None:
        """`extra` is the variance of each observation beyond the noise of all, in units of the values' variance; `start` are the `logs` of an earlier fit, from
        which the weights are sought; `logs` are those to be taken as they are."""
        self._features = features
        self._mean, self._scale = float(values.mean()), float(values.std()) or 1.0
        self._target = (values - self._mean) / self._scale
        self._extra = np.zeros(len(values)) if extra is None else extra
        parts = covariances(features, features)
        self._names = list(parts)
        self._parts = np.stack([parts[name] for name in self._names])
        self.logs: Vector = self._fitted(start) if logs is None else logs
        """Logarithms of the weights and of the noise."""
        self._weights = np.exp(self.logs)
        self._factor = cho_factor(self._covariance(self._weights), lower=True)
        self._alpha = cho_solve(self._factor, self._target)

    @property
    def noise(self) -> float:
        """Standard deviation of an observation around the truth, in units of the values."""
        return float(math.sqrt(self._weights[-1]) * self._scale)

    def mean(self, rows: Features) -> Vector:
        """The expected value of every row."""
        return self._mean + self._scale * (self._between(rows) @ self._alpha)

    def sample(self, rows: Features, rng: np.random.Generator, boldness: float = 1.0) -> Vector:
        """One draw of the whole function from the posterior, at `rows`; its distance from the mean is multiplied by `boldness`."""
        cross = self._between(rows)
        shrunk = solve_triangular(self._factor[0], cross.T, lower=True)
        own = covariances(rows, rows)
        covariance = sum(weight * own[name] for weight, name in zip(self._weights, self._names, strict=False)) - shrunk.T @ shrunk
        covariance[np.diag_indices(len(rows))] += JITTER * max(1.0, float(np.trace(covariance)) / len(rows))
        draw = np.linalg.cholesky(covariance) @ rng.standard_normal(len(rows))
        return self._mean + self._scale * (cross @ self._alpha + boldness * draw)

    def _between(self, rows: Features) -> Matrix:
        parts = covariances(rows, self._features)
        return sum(weight * parts[name] for weight, name in zip(self._weights, self._names, strict=False))  # type: ignore[return-value]

    def _covariance(self, weights: Vector) -> Matrix:
        found = np.tensordot(weights[:-1], self._parts, axes=1)
        found[np.diag_indices(len(found))] += weights[-1] + self._extra + JITTER
        return found

    def _fitted(self, start: Vector | None) -> Vector:
        prior = np.log([PRIORS[name] for name in (*self._names, "noise")])
        begin = prior if start is None or len(start) != len(prior) else start
        return minimize(self._loss, begin, args=(prior,), jac=True, method="L-BFGS-B", options={"maxiter": 30}, bounds=[(-9.0, 5.0)] * len(prior)).x

    def _loss(self, logs: Vector, prior: Vector) -> tuple[float, Vector]:
        """Negative log posterior of the weights, and its gradient."""
        weights, apart = np.exp(logs), (logs - prior) / SPREAD
        try:
            factor = cho_factor(self._covariance(weights), lower=True)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(logs)
        inverse = cho_solve(factor, np.eye(len(self._target)))
        alpha = inverse @ self._target
        likelihood = 0.5 * self._target @ alpha + np.log(np.diag(factor[0])).sum()
        gradient = [0.5 * w * (np.vdot(inverse, part) - alpha @ part @ alpha) for w, part in zip(weights, self._parts, strict=False)]
        gradient.append(0.5 * weights[-1] * (np.trace(inverse) - alpha @ alpha))
        return float(likelihood + 0.5 * apart @ apart), np.array(gradient) + apart / SPREAD
