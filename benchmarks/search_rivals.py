"""Rivals of the predictor for `search.py`: simple models with expected improvement, local search.

All of them know the budget and never propose anything twice, since they choose from the same pool
of feasible rows as automl's own samplers. They begin with STARTS random rows. A failed row counts
as the worst value seen.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod

import numpy as np
from automl.search.sampling.acquisition import expected_improvement
from automl.search.sampling.columns import Column, Table
from automl.search.sampling.feasible import FeasibleSampler
from automl.search.sampling.history import History
from automl.search.sampling.one_thread import one_thread
from automl.search.sampling.pool import Pool
from numpy.typing import NDArray
from optuna import Study
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

Vector = NDArray[np.float64]

STARTS = 8
"""Random rows before the model is used."""
COMPARED, NEAR = 8_000, 1_000
"""Random rows of the pool, and mutations of the best trials, among which the next is chosen."""


class Rival(FeasibleSampler):
    """A model of the values, and expected improvement over the best value seen."""

    def choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        rows, values = observed(history)
        if len(rows) < STARTS:
            return self.at_random(pool)
        free = np.flatnonzero(pool.free)
        if len(free) > COMPARED:
            free = self._rng.choice(free, COMPARED, replace=False)
        near, _ = pool.neighbours(rows[np.argsort(-values)[:5]], NEAR, self._rng)
        offer = np.concatenate([pool.rows[free], near])
        if not len(offer):
            return None
        target = (values - values.mean()) / (values.std() or 1.0)
        with one_thread():
            mean, deviation = self.predicted(pool.columns, rows, target, offer)
        return offer[np.argmax(expected_improvement(mean - target.max(), np.maximum(deviation, 1e-9)))]

    @abstractmethod
    def predicted(self, columns: list[Column], rows: Table, target: Vector, offer: Table) -> tuple[Vector, Vector]:
        """Mean and standard deviation of the values of `offer`."""


class ArdProcess(Rival):
    """A Gaussian process with an exponential kernel of the weighted Hamming distance. The weight of
    each parameter is found by the marginal likelihood under a weak prior."""

    _logs: Vector | None = None

    def predicted(self, columns: list[Column], rows: Table, target: Vector, offer: Table) -> tuple[Vector, Vector]:
        apart = distances(columns, rows, rows)
        prior = np.array([*[np.log(1.0 / len(columns))] * len(columns), 0.0, np.log(0.05)])
        begin = prior if self._logs is None or len(self._logs) != len(prior) else self._logs
        bounds = [(-8.0, 4.0)] * (len(prior) - 2) + [(-3.0, 3.0), (-9.0, 1.0)]
        self._logs = minimize(
            _loss, begin, (apart, target, prior), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 40}
        ).x
        weights, signal, noise = np.exp(self._logs[:-2]), np.exp(self._logs[-2]), np.exp(self._logs[-1])
        factor = cho_factor(signal * np.exp(-np.tensordot(weights, apart, 1)) + noise * np.eye(len(rows)), lower=True)
        total = np.zeros((len(offer), len(rows)))
        for weight, index in zip(weights, range(len(columns)), strict=True):
            total += weight * distances([columns[index]], offer[:, [index]], rows[:, [index]])[0]
        cross = signal * np.exp(-total)
        shrunk = solve_triangular(factor[0], cross.T, lower=True)
        return cross @ cho_solve(factor, target), np.sqrt(np.maximum(signal - (shrunk**2).sum(0), 1e-12))


def _loss(logs: Vector, apart: Vector, target: Vector, prior: Vector) -> tuple[float, Vector]:
    """Negative log posterior of the hyperparameters, and its gradient."""
    weights, signal, noise = np.exp(logs[:-2]), np.exp(logs[-2]), np.exp(logs[-1])
    kernel = signal * np.exp(-np.tensordot(weights, apart, 1))
    try:
        factor = cho_factor(kernel + (noise + 1e-8) * np.eye(len(target)), lower=True)
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(logs)
    inverse = cho_solve(factor, np.eye(len(target)))
    alpha = inverse @ target
    slope = inverse - np.outer(alpha, alpha)
    inner = slope * kernel
    gradient = 0.5 * np.array([*(-weights * np.tensordot(apart, inner, 2)), inner.sum(), noise * np.trace(slope)])
    off = (logs - prior) / 1.5
    return float(0.5 * target @ alpha + np.log(np.diag(factor[0])).sum() + 0.5 * off @ off), gradient + off / 1.5


class Forest(Rival):
    """A random forest, whose trees' spread is its uncertainty (as SMAC: Hutter et al., 2011)."""

    def predicted(self, columns: list[Column], rows: Table, target: Vector, offer: Table) -> tuple[Vector, Vector]:
        from sklearn.ensemble import RandomForestRegressor

        forest = RandomForestRegressor(60, max_features=0.8, random_state=int(self._rng.integers(2**31)))
        forest.fit(encoded(columns, rows), target)
        coded = encoded(columns, offer)
        every = np.stack([tree.predict(coded) for tree in forest.estimators_])
        return every.mean(0), every.std(0)


class Ridge(Rival):
    """Bayesian ridge regression on the effects of the parameters."""

    def predicted(self, columns: list[Column], rows: Table, target: Vector, offer: Table) -> tuple[Vector, Vector]:
        from sklearn.linear_model import BayesianRidge

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = BayesianRidge().fit(encoded(columns, rows), target)
            return found.predict(encoded(columns, offer), return_std=True)


class LocalSearch(FeasibleSampler):
    """Evaluates neighbours of the best row in random order; a random row once none is left."""

    def choose(self, study: Study, history: History, pool: Pool, running: Table) -> NDArray[np.float64] | None:
        rows, values = observed(history)
        if len(rows) < STARTS:
            return self.at_random(pool)
        near, _ = pool.neighbours(rows[[np.argmax(values)]], 200, self._rng, twice=0.0)
        return near[self._rng.integers(len(near))] if len(near) else self.at_random(pool)


def observed(history: History) -> tuple[Table, Vector]:
    """Rows and values of the trials that ended; failed ones with the worst value."""
    values = history.values[:, 0]
    worst = values.min() if len(values) else 0.0
    return (
        np.concatenate([history.rows, history.failed]),
        np.concatenate([values, np.full(len(history.failed), worst)]),
    )


def distances(columns: list[Column], a: Table, b: Table) -> NDArray[np.float64]:
    """(columns, rows of a, rows of b): 1 where choices differ, and the difference of numbers as a
    share of their range; 1 where only one has the parameter."""
    found = []
    for index, column in enumerate(columns):
        x, y = a[:, index, None], b[None, :, index]
        if column.categorical:
            apart = (x != y).astype(float)
        else:
            low, high = float(column.distribution.low), float(column.distribution.high)  # type: ignore[attr-defined]
            scale = np.log if column.log else np.asarray
            apart = np.abs(scale(x) - scale(y)) / max(float(scale(high) - scale(low)), 1e-12)
        missing = np.isnan(x) | np.isnan(y)
        found.append(np.where(missing, (np.isnan(x) != np.isnan(y)).astype(float), apart))
    return np.array(found)


def encoded(columns: list[Column], rows: Table) -> Table:
    """Choices as indicators, numbers as shares of their range, 0 for what a row lacks."""
    found = []
    for index, column in enumerate(columns):
        numbers = rows[:, index]
        if column.categorical and column.values is not None:
            found.append((numbers[:, None] == column.values).astype(float))
        else:
            low, high = float(column.distribution.low), float(column.distribution.high)  # type: ignore[attr-defined]
            scale = np.log if column.log else np.asarray
            share = (scale(numbers) - scale(low)) / max(float(scale(high) - scale(low)), 1e-12)
            found.append(np.nan_to_num(share)[:, None])
    return np.concatenate(found, axis=1)
