"""Models accuracy as a function of the parameters and the cost, by a Gaussian process.

The covariance is a sum of parts: a Bayesian linear model in each block of features (effects of the
parameters, their order, sums of exchangeable parameters, the family in a union, logarithm of the
cost, each hint), a linear model in the pairs of effects (the square of the effects' covariance),
and a squared exponential of the distance between rows. The weight of each part and the noise are
hyperparameters that maximise the marginal likelihood under weak priors (type II maximum a
posteriori). With few observations the linear parts dominate; with more, the others gain weight if
they explain more. The weight of a part that explains nothing, such as a useless hint, approaches
zero.

Tried and not better on generated problems (8 seeds of each; `benchmarks/search.py`): a length scale
for each parameter, found by the marginal likelihood (automatic relevance determination).

Source: sums of covariances as model choice, Duvenaud et al., ICML 2013, arXiv:1302.4922; samples by
posterior covariance, Thompson 1933.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from .covariance import lengths_of, near_of, parts_of
from .features import Features, Matrix, Vector

PRIORS = {
    "effects": 1.0,
    "ordered": 0.5,
    "shared": 0.3,
    "family": 1.0,
    "cost": 1.0,
    "pairs": 0.3,
    "near": 0.3,
    "noise": 0.1,
}
"""Medians of the weights' priors, in units of the observations' variance."""
HINT_PRIOR = 0.3
"""Median of the prior of a hint's weight."""
SPREAD = 1.2
"""Prior standard deviation of the logarithm of a weight."""
HINT_SPREAD = 3.0
"""Prior standard deviation of the logarithm of a hint's weight: its use is not known in advance."""
ITERATIONS = 30
"""Largest number of steps in which the hyperparameters are found."""
JITTER = 1e-6
"""Added to the diagonal of covariance matrices for numerical stability."""
ROWS = 4_096
"""Rows whose means are computed at a time, so that their covariances fit into the caches."""


class Surrogate:
    """The posterior of one objective."""

    def __init__(
        self,
        features: Features,
        values: Vector,
        extra: Vector | None = None,
        *,
        start: Mapping[str, float] | None = None,
        weights: Mapping[str, float] | None = None,
        noise: float | None = None,
    ) -> None:
        """Fit the model.

        Args:
            features: features of the observations.
            values: the observed values.
            extra: additional noise variance of each observation, in squared units of the values.
            start: weights of an earlier fit, where the optimisation starts.
            weights: weights to use as they are, without an optimisation.
            noise: prior median of the noise's weight, instead of that in `PRIORS`.
        """
        self._features = features
        self._mean, self._scale = float(values.mean()), float(values.std()) or 1.0
        self._target = (values - self._mean) / self._scale
        self._extra = np.zeros(len(values)) if extra is None else extra / self._scale**2
        parts = parts_of(features, features)
        self._names, self._parts = list(parts), list(parts.values())
        self._prior = np.log(
            [*(PRIORS.get(name, HINT_PRIOR) for name in self._names), PRIORS["noise"] if noise is None else noise]
        )
        self._spread = np.array([*(SPREAD if name in PRIORS else HINT_SPREAD for name in self._names), SPREAD])
        self.weights: dict[str, float] = self._fitted(start) if weights is None else dict(weights)
        """Weight of each part and of the noise, in units of the observations' variance."""
        self._solve()

    def _solve(self) -> None:
        self._factor = cho_factor(self._covariance(self._array(self.weights)), lower=True)
        self._alpha = cho_solve(self._factor, self._target)

    @property
    def scale(self) -> float:
        """Standard deviation of the observations."""
        return self._scale

    @property
    def noise(self) -> float:
        """Standard deviation of the observation noise, in units of the values."""
        return math.sqrt(self.weights["noise"]) * self._scale

    @property
    def evidence(self) -> float:
        """Log marginal likelihood of the standardised observations."""
        return float(
            -0.5 * self._target @ self._alpha
            - np.log(np.diag(self._factor[0])).sum()
            - 0.5 * len(self._target) * math.log(2 * math.pi)
        )

    def leave_one_out(self) -> Vector:
        """Prediction of each observation from all others, with the same weights (Rasmussen &
        Williams 2006, equation 5.12)."""
        inverse = np.diag(cho_solve(self._factor, np.eye(len(self._target))))
        return self._mean + self._scale * (self._target - self._alpha / inverse)

    def with_pending(self, features: Features) -> Surrogate:
        """Condition on pending rows at their predicted means: means stay, variances shrink."""
        if not len(features):
            return self
        values = np.concatenate([self._mean + self._scale * self._target, self.mean(features)])
        extra = np.concatenate([self._extra, np.zeros(len(features))])
        return _as_scaled(self._features.followed_by(features), values, extra, self)

    def mean(self, rows: Features) -> Vector:
        """Posterior mean of every row, in units of the values."""
        found = np.zeros(len(rows))
        lines = {
            name: block.T @ self._alpha * self.weights[name]
            for name, block in self._features.linear.items()
            if name != "effects"
        }
        linear, pairs, near = (
            (self.weights[name] * self._alpha).astype(np.float32) for name in ("effects", "pairs", "near")
        )
        seen = self._features.as_type(np.float32)
        own = seen.linear["effects"].T
        for start in range(0, len(rows), ROWS):
            few = rows[start : start + ROWS].as_type(np.float32)
            shared = few.linear["effects"] @ own
            total = shared @ linear + (shared**2) @ pairs + near_of(few, seen, shared) @ near
            found[start : start + ROWS] = np.add.reduce(
                [total, *(few.linear[name] @ line for name, line in lines.items())]
            )
        return self._mean + self._scale * found

    def posterior(self, rows: Features) -> tuple[Vector, Matrix]:
        """Posterior mean and Cholesky factor of the posterior covariance of `rows`, in units of
        the values. Noise is not included."""
        cross, own = self._between(rows, self._features), self._between(rows, rows)
        shrunk = solve_triangular(self._factor[0], cross.T, lower=True)
        covariance = own - shrunk.T @ shrunk
        diagonal = np.diag_indices(len(rows))
        covariance[diagonal] += JITTER * max(1.0, float(np.trace(own)) / len(rows))
        return self._mean + self._scale * (cross @ self._alpha), self._scale * np.linalg.cholesky(covariance)

    def deviation(self, rows: Features) -> Vector:
        """Posterior standard deviation of every row without noise, in units of the values."""
        shrunk = solve_triangular(self._factor[0], self._between(rows, self._features).T, lower=True)
        length = lengths_of(rows)
        own = self.weights["effects"] * length + self.weights["pairs"] * length**2 + self.weights["near"]
        for name, block in rows.linear.items():
            if name != "effects":
                own = own + self.weights[name] * (block**2).sum(1)
        return self._scale * np.sqrt(np.maximum(own - (shrunk**2).sum(0), JITTER))

    def sample(self, rows: Features, rng: np.random.Generator, boldness: float = 1.0, draws: int = 1) -> Matrix:
        """Samples from the joint posterior at `rows`, (draws, rows). Their deviation from the mean
        is multiplied by `boldness`."""
        mean, factor = self.posterior(rows)
        return mean + boldness * (rng.standard_normal((draws, len(rows))) @ factor.T)

    def _between(self, a: Features, b: Features) -> Matrix:
        """Total covariance of every row of `a` with every row of `b`."""
        shared = np.asarray(a.linear["effects"] @ b.linear["effects"].T, np.float64)
        found = self.weights["pairs"] * shared**2 + self.weights["effects"] * shared
        found += self.weights["near"] * near_of(a, b, shared)
        names = [name for name in a.linear if name != "effects"]
        if names:  # all other linear parts in one product
            roots = [math.sqrt(self.weights[name]) for name in names]
            sides = [
                np.concatenate([one.linear[name] * root for name, root in zip(names, roots, strict=True)], axis=1)
                for one in (a, b)
            ]
            found += sides[0] @ sides[1].T
        return found

    def _array(self, weights: Mapping[str, float]) -> Vector:
        return np.array([weights[name] for name in (*self._names, "noise")])

    def _covariance(self, weights: Vector) -> Matrix:
        found = np.zeros((len(self._target), len(self._target)))
        for weight, part in zip(weights[:-1], self._parts, strict=True):
            found += weight * part
        found[np.diag_indices(len(found))] += weights[-1] + self._extra + JITTER
        return found

    def _fitted(self, start: Mapping[str, float] | None) -> dict[str, float]:
        begin = self._prior
        if start is not None and {*self._names, "noise"} <= set(start):
            begin = np.log(self._array(start))
        bounds, options = [(-14.0, 5.0)] * len(begin), {"maxiter": ITERATIONS}
        logs = minimize(self.loss, begin, jac=True, method="L-BFGS-B", options=options, bounds=bounds).x
        return dict(zip((*self._names, "noise"), np.exp(logs).tolist(), strict=True))

    def loss(self, logs: Vector) -> tuple[float, Vector]:
        """Negative log posterior of the hyperparameters up to a constant, and its gradient. `logs`
        are the logarithms of the parts' weights, in order, then that of the noise."""
        weights, apart = np.exp(logs), (logs - self._prior) / self._spread
        try:
            factor = cho_factor(self._covariance(weights), lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(logs)
        inverse = cho_solve(factor, np.eye(len(self._target)), check_finite=False)
        alpha = inverse @ self._target
        likelihood = 0.5 * self._target @ alpha + np.log(np.diag(factor[0])).sum()
        slope = inverse - np.outer(alpha, alpha)
        gradient = 0.5 * weights * np.array([*(np.vdot(part, slope) for part in self._parts), np.trace(slope)])
        return float(likelihood + 0.5 * apart @ apart), np.asarray(gradient + apart / self._spread, np.float64)


def _as_scaled(features: Features, values: Vector, extra: Vector, like: Surrogate) -> Surrogate:
    """A model of other observations with the weights, mean and scale of `like`."""
    made = Surrogate.__new__(Surrogate)
    made._features, made._mean, made._scale = features, like._mean, like._scale
    made._target, made._extra = (values - like._mean) / like._scale, extra
    made._names, made._prior, made._spread = like._names, like._prior, like._spread
    made._parts, made.weights = list(parts_of(features, features).values()), like.weights
    made._solve()
    return made
