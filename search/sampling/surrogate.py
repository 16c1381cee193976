"""Models accuracy as a function of the parameters and the cost, by a Gaussian process.

The covariance is a sum of parts: a Bayesian linear model in each block of features (effects of the
parameters, their order, sums of exchangeable parameters, the family in a union, logarithm of the
cost, each hint), a linear model in the pairs of effects (the square of the effects' covariance),
and a squared exponential of the distance between rows. The weight of each part, the noise, and the
relevance of each parameter, by which its effects are scaled in effects, pairs and distance
(automatic relevance determination: MacKay 1994, Neal 1996), are hyperparameters that maximise the
marginal likelihood under weak priors (type II maximum a posteriori). With few observations the
linear parts dominate and all parameters are equally relevant; with more, the others gain weight if
they explain more. The weight of a part that explains nothing, such as a useless hint, approaches
zero.

Source: sums of covariances as model choice, Duvenaud et al., ICML 2013, arXiv:1302.4922; samples by
posterior covariance, Thompson 1933.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.optimize import minimize

from .covariance import lengths_of, near_of
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
"""The same for a hint."""
SPREAD = 1.2
"""Prior standard deviation of the logarithm of a weight."""
HINT_SPREAD = 3.0
"""The same for a hint, whose usefulness is not known in advance."""
RELEVANCE_SPREAD = 0.7
"""Prior standard deviation of the logarithm of a parameter's relevance, whose median is 1."""
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
        start: tuple[Mapping[str, float], Vector] | None = None,
        weights: Mapping[str, float] | None = None,
        relevance: Vector | None = None,
        noise: float | None = None,
    ) -> None:
        """Fit the model.

        Args:
            features: features of the observations.
            values: the observed values.
            extra: additional noise variance of each observation, in squared units of the values.
            start: weights and relevances of an earlier fit, where the optimisation starts.
            weights: weights to use as they are, without an optimisation.
            relevance: relevances to use with `weights`; None for 1.
            noise: prior median of the noise's weight, instead of that in `PRIORS`.
        """
        self._features = features
        self._mean, self._scale = float(values.mean()), float(values.std()) or 1.0
        self._target = (values - self._mean) / self._scale
        self._extra = np.zeros(len(values)) if extra is None else extra / self._scale**2
        self._names = [*features.linear, "pairs", "near"]
        self._plain = [
            np.asarray(block @ block.T, np.float64) for name, block in features.linear.items() if name != "effects"
        ]
        parameters = int(features.groups.max()) + 1 if len(features.groups) else 0
        self._prior = np.concatenate(
            [
                np.log([PRIORS.get(name, HINT_PRIOR) for name in self._names]),
                [math.log(PRIORS["noise"] if noise is None else noise)],
                np.zeros(parameters),
            ]
        )
        self._spread = np.array(
            [
                *(SPREAD if name in PRIORS else HINT_SPREAD for name in self._names),
                SPREAD,
                *[RELEVANCE_SPREAD] * parameters,
            ]
        )
        self.weights: dict[str, float]
        """Weight of each part and of the noise, in units of the observations' variance."""
        self.relevance: Vector
        """(parameters,): relevance of each."""
        if weights is None:
            self.weights, self.relevance = self._fitted(start)
        else:
            self.weights = dict(weights)
            self.relevance = np.ones(parameters) if relevance is None else relevance
        self._solve()

    def _solve(self) -> None:
        self._factor = cho_factor(self._covariance(self._array(self.weights), self._parts(self.relevance)), lower=True)
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
        scale = self.relevance[self._features.groups]
        seen = self._features.as_type(np.float32)
        own = (seen.linear["effects"] * scale.astype(np.float32)).T
        for start in range(0, len(rows), ROWS):
            few = rows[start : start + ROWS].as_type(np.float32)
            shared = few.linear["effects"] @ own
            total = shared @ linear + (shared**2) @ pairs + near_of(few, seen, shared, scale) @ near
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
        length = lengths_of(rows, self.relevance[rows.groups])
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
        scale = self.relevance[a.groups]
        shared = np.asarray((a.linear["effects"] * scale) @ b.linear["effects"].T, np.float64)
        found = self.weights["pairs"] * shared**2 + self.weights["effects"] * shared
        found += self.weights["near"] * near_of(a, b, shared, scale)
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

    def _parts(self, relevance: Vector) -> list[Matrix]:
        """Covariance of the observations by each part, in the order of the names."""
        scale = relevance[self._features.groups]
        effects = self._features.linear["effects"]
        shared = (effects * scale) @ effects.T
        others = iter(self._plain)
        linear = [shared if name == "effects" else next(others) for name in self._features.linear]
        return [*linear, shared**2, near_of(self._features, self._features, shared, scale)]

    def _covariance(self, weights: Vector, parts: Sequence[Matrix]) -> Matrix:
        found = np.zeros((len(self._target), len(self._target)))
        for weight, part in zip(weights[:-1], parts, strict=True):
            found += weight * part
        found[np.diag_indices(len(found))] += weights[-1] + self._extra + JITTER
        return found

    def _fitted(self, start: tuple[Mapping[str, float], Vector] | None) -> tuple[dict[str, float], Vector]:
        begin = self._prior
        if start is not None and {*self._names, "noise"} <= set(start[0]):
            begin = np.log(np.concatenate([self._array(start[0]), start[1]]))
        count = len(self._names) + 1
        bounds = [(-14.0, 5.0)] * count + [(-4.0, 4.0)] * (len(begin) - count)
        options = {"maxiter": ITERATIONS}
        found = np.exp(minimize(self.loss, begin, jac=True, method="L-BFGS-B", options=options, bounds=bounds).x)
        return dict(zip((*self._names, "noise"), found[:count].tolist(), strict=True)), found[count:]

    def loss(self, logs: Vector) -> tuple[float, Vector]:
        """Negative log posterior of the hyperparameters up to a constant, and its gradient. `logs`
        are the logarithms of the parts' weights, in order, of the noise, and of the relevances."""
        count = len(self._names) + 1
        weights, relevance, apart = np.exp(logs[:count]), np.exp(logs[count:]), (logs - self._prior) / self._spread
        parts = self._parts(relevance)
        try:
            factor = cho_factor(self._covariance(weights, parts), lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(logs)
        inverse = cho_solve(factor, np.eye(len(self._target)), check_finite=False)
        alpha = inverse @ self._target
        likelihood = 0.5 * self._target @ alpha + np.log(np.diag(factor[0])).sum()
        slope = inverse - np.outer(alpha, alpha)
        by_weight = 0.5 * weights * np.array([*(np.vdot(part, slope) for part in parts), np.trace(slope)])
        named = dict(zip(self._names, weights, strict=False))
        by_relevance = 0.5 * relevance * self._slopes(named, parts, slope, len(relevance))
        gradient = np.concatenate([by_weight, by_relevance]) + apart / self._spread
        return float(likelihood + 0.5 * apart @ apart), np.asarray(gradient, np.float64)

    def _slopes(self, weights: Mapping[str, float], parts: Sequence[Matrix], slope: Matrix, count: int) -> Vector:
        """Derivatives by each of the `count` relevances of the sum of the entries of the covariance
        times those of `slope`."""
        effects = self._features.linear["effects"]
        shared = parts[self._names.index("effects")]
        near = weights["near"] * slope * parts[-1]
        inner = slope * (weights["effects"] + 2 * weights["pairs"] * shared) + 2 * near
        by_feature = (effects * (inner @ effects)).sum(axis=0) - 2 * near.sum(axis=1) @ effects**2
        return np.asarray(np.bincount(self._features.groups, by_feature, minlength=count), np.float64)


def _as_scaled(features: Features, values: Vector, extra: Vector, like: Surrogate) -> Surrogate:
    """A model of other observations with the weights, mean and scale of `like`."""
    made = Surrogate.__new__(Surrogate)
    made._features, made._mean, made._scale = features, like._mean, like._scale
    made._target, made._extra = (values - like._mean) / like._scale, extra
    made._names, made._prior, made._spread = like._names, like._prior, like._spread
    made._plain = [block @ block.T for name, block in features.linear.items() if name != "effects"]
    made.weights, made.relevance = like.weights, like.relevance
    made._solve()
    return made
