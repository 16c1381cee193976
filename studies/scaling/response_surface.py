"""Fits a response surface of accuracy over the coefficients, since single points are noisy.

Ridge regression of the mean accuracy on the second-order terms of the logarithms of the
coefficients: l_a, l_a², l_a·l_b for axes a, b, with l_a = log c_a. All networks of the grid cost
about the same, Σ e_a l_a = log T, so the terms depend on each other: the surface on that plane is
determined, the single coefficients are not, and the ridge picks small ones. The unscaled network
lies off the plane and is left out.

Letters: X terms, standardised; w weights, the seeds of each network; A = [1, X]; H = A (AᵀWA + P)⁻¹
AᵀW with P = λ Σw on the diagonal, 0 for the intercept. Leaving network i out changes its residual
r_i to r_i / (1 - H_ii), exactly, if the standardisation stays: Golub, Heath & Wahba, Technometrics
21 (1979).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from ..evidence.numbers import Numbers
from ..records.measure import ACCURACY, shown
from ..statistics.intervals import SAME
from ..writing.json_values import JSON
from .scaled_points import BASELINE, ScaledPoint, check, metric_of

Floats = NDArray[np.float64]

RIDGES: Floats = np.logspace(-6, 3, 55)
"""Ridge strengths tried; the strongest gives a flat surface, the mean."""
MIN_RIDGE = 1e-9
"""Smallest ridge strength allowed; below it the system is singular if terms outnumber networks."""
MIN_NETWORKS = 3
"""Number of networks that leave-one-out needs."""


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A fitted surface and how well it predicts networks that it has not seen."""

    axes: tuple[str, ...]
    """Axes, in the order of the points' coefficients."""
    coefficients: Mapping[str, float]
    """Coefficient of each term in the unstandardised logarithms: "intercept", "depth", "depth^2",
    "depth*width"."""
    ridge: float
    """Ridge strength λ: that with the smallest leave-one-out error unless given."""
    n: int
    """Number of networks the surface is fitted to."""
    loo_rmse: float
    """Leave-one-out RMSE at this ridge, weighted by seeds; slightly optimistic, since the ridge was
    chosen by it."""
    nested_rmse: float
    """Leave-one-out RMSE with the ridge chosen anew without the left-out network, hence without
    that bias; it decides `better_than_mean`."""
    mean_rmse: float
    """Leave-one-out RMSE of the trivial predictor, the mean of the other networks."""
    metric: str = ACCURACY
    """The quality measure; values here have the sign with which larger is better."""

    @property
    def loo_r2(self) -> float:
        """Leave-one-out R², 1 - (loo_rmse / mean_rmse)²; at most 0 if the surface does not help."""
        return 1 - (self.loo_rmse / self.mean_rmse) ** 2 if self.mean_rmse > SAME else 0.0

    @property
    def better_than_mean(self) -> bool:
        """Whether the surface predicts left-out networks better than the mean of the others."""
        return self.nested_rmse < self.mean_rmse * (1 - 1e-9) - SAME

    @property
    def statement(self) -> str:
        """The quality of the surface in one sentence."""
        errors = f"{self.errors}, ridge chosen within, against {self.size(self.mean_rmse)} of the mean"
        if self.better_than_mean:
            return f"the surface predicts unseen networks better than their mean ({errors})"
        return f"the surface predicts no better than the mean of the networks ({errors}): its optimum means nothing"

    @property
    def errors(self) -> str:
        """The error on networks that were left out, in words with its unit."""
        return f"leave-one-out error {self.size(self.nested_rmse)} {Numbers(self.metric).unit}"

    def size(self, error: float) -> str:
        """An error as text, in percentage points for shares, without its unit."""
        return Numbers(self.metric).difference(error, sign=False)

    def predict(self, coefficients: Mapping[str, float]) -> float:
        """Predicted accuracy at these coefficients, one for each axis.

        Raises:
            InputError: an axis is missing or unknown, or a coefficient is not above 0.
        """
        if set(coefficients) != set(self.axes) or not all(value > 0 for value in coefficients.values()):
            raise InputError(
                f"coefficients must give each of {', '.join(self.axes)} a number above 0, but got {dict(coefficients)}"
            )
        return float(self.at(np.log([[coefficients[axis] for axis in self.axes]]))[0])

    def at(self, logs: Floats) -> Floats:
        """Predicted accuracies at rows of logarithmic coefficients: (rows, axes) -> (rows,)."""
        return self.coefficients["intercept"] + _terms(logs) @ np.array(
            [self.coefficients[name] for name in _names(self.axes)]
        )

    def optimum(self, exponents: Mapping[str, float], target: float) -> dict[str, float]:
        """The coefficients of highest predicted accuracy at `target` times the baseline's cost.

        No coefficient is below 1, and the product of c ** exponent is `target`. In shares of the
        logarithmic cost, u_a = e_a l_a / log T, the surface is a quadratic on a simplex, whose
        maximum is a stationary point inside one of the faces. All faces are solved. Equal shares
        are returned unless another point is higher, so that a flat surface does not give a corner.

        Raises:
            InputError: an axis has no exponent above 0, or `target` is not above 1.
        """
        spans = spans_of(self.axes, exponents, target)
        best = np.full(len(self.axes), 1 / len(self.axes))
        highest = float(self.at((best * spans)[None])[0])
        for size in range(1, len(self.axes) + 1):
            for face in combinations(range(len(self.axes)), size):
                shares = self._stationary(face, spans)
                height = float(self.at((shares * spans)[None])[0])
                if shares.min() >= -1e-12 and height > highest + SAME:
                    best, highest = shares.clip(0), height
        return {axis: float(value) for axis, value in zip(self.axes, np.exp(best * spans), strict=True)}

    def _stationary(self, face: Sequence[int], spans: Floats) -> Floats:
        """The stationary point on the plane through this face that is nearest to the face's centre.

        It may lie outside the face.
        """
        names = {name: self.coefficients[name] for name in _names(self.axes)}
        linear = np.array([names[axis] for axis in self.axes]) * spans
        hessian = np.diag([2 * names[f"{axis}^2"] for axis in self.axes])
        for one, other in combinations(range(len(self.axes)), 2):
            hessian[one, other] = hessian[other, one] = names[f"{self.axes[one]}*{self.axes[other]}"]
        hessian = hessian * np.outer(spans, spans)
        middle = np.zeros(len(self.axes))
        middle[list(face)] = 1 / len(face)
        directions = np.zeros((len(self.axes), len(face) - 1))  # along the plane, from its first corner to each other
        for column, corner in enumerate(face[1:]):
            directions[corner, column], directions[face[0], column] = 1, -1
        slope = directions.T @ (linear + hessian @ middle)
        steps = np.linalg.lstsq(directions.T @ hessian @ directions, -slope, rcond=1e-10)[0]
        return middle + directions @ steps

    def to_dict(self) -> dict[str, JSON]:
        """The surface and its errors as plain JSON."""
        return {
            "axes": list(self.axes),
            "metric": self.metric,
            "coefficients": {name: shown(self.metric, value) for name, value in self.coefficients.items()},
            "ridge": self.ridge,
            "n": self.n,
            "loo_rmse": self.loo_rmse,
            "loo_r2": self.loo_r2,
            "nested_rmse": self.nested_rmse,
            "mean_rmse": self.mean_rmse,
            "better_than_mean": self.better_than_mean,
        }


def fit_surface(points: Sequence[ScaledPoint], *, ridge: float | None = None) -> Surface:
    """Fit the surface to all networks with a complete training, except the baseline.

    A network that several points name counts once, at the mean of their logarithmic coefficients.

    Raises:
        InputError: the points do not belong to one grid, `ridge` is below 1e-9, or there are fewer
            than 3 such networks.
    """
    axes = check(points)
    if ridge is not None and not (math.isfinite(ridge) and ridge >= MIN_RIDGE):
        raise InputError(f"ridge must be finite and at least {MIN_RIDGE:g}, but got {ridge}")
    networks: dict[str, list[ScaledPoint]] = {}
    for point in points:
        if point.control != BASELINE and point.n:
            networks.setdefault(point.id, []).append(point)
    if len(networks) < MIN_NETWORKS:
        raise InputError(
            f"a surface needs at least {MIN_NETWORKS} networks with a complete training, besides the baseline, but got"
            f" {len(networks)}"
        )
    logs = np.array(
        [np.mean([np.log(list(point.coefficients.values())) for point in same], axis=0) for same in networks.values()]
    )
    y = np.array([same[0].mean for same in networks.values()], dtype=float)
    w = np.array([same[0].n for same in networks.values()], dtype=float)
    terms = _terms(logs)
    centre = np.average(terms, axis=0, weights=w)
    scale = np.sqrt(np.average((terms - centre) ** 2, axis=0, weights=w))
    scale[scale < 1e-9] = 1.0  # a term that does not vary, as with an axis that nothing scales
    x = (terms - centre) / scale
    ridges = RIDGES if ridge is None else np.array([ridge])
    chosen = _choose(x, y, w, ridges)
    beta = _solve(x, y, w, chosen)
    raw = beta[1:] / scale
    nested = [y[i] - _without(x, y, w, i, ridges) for i in range(len(y))]
    return Surface(
        axes=axes,
        coefficients={
            "intercept": float(beta[0] - raw @ centre),
            **{name: float(value) for name, value in zip(_names(axes), raw, strict=True)},
        },
        ridge=float(chosen),
        n=len(y),
        loo_rmse=_rmse(_left_out(x, y, w, chosen), w),
        nested_rmse=_rmse(np.array(nested), w),
        mean_rmse=_rmse((y - np.average(y, weights=w)) / (1 - w / w.sum()), w),
        metric=metric_of(points),
    )


def spans_of(axes: Sequence[str], exponents: Mapping[str, float], target: float) -> Floats:
    """The logarithm of the coefficient with which each axis alone multiplies the cost by `target`.

    It is log T / e_a, in the order of the axes.

    Raises:
        InputError: an axis has no exponent above 0, or `target` is not above 1.
    """
    if set(exponents) != set(axes) or not all(math.isfinite(value) and value > 0 for value in exponents.values()):
        raise InputError(f"exponents must give each of {', '.join(axes)} a number above 0, but got {dict(exponents)}")
    if not (math.isfinite(target) and target > 1):
        raise InputError(f"target must be above 1, but got {target}")
    return math.log(target) / np.array([exponents[axis] for axis in axes])


def _names(axes: Sequence[str]) -> list[str]:
    return [*axes, *(f"{axis}^2" for axis in axes), *(f"{one}*{other}" for one, other in combinations(axes, 2))]


def _terms(logs: Floats) -> Floats:
    products = [logs[:, one] * logs[:, other] for one, other in combinations(range(logs.shape[1]), 2)]
    return np.column_stack([logs, logs**2, *products])


def _system(x: Floats, w: Floats, ridge: float) -> tuple[Floats, Floats]:
    """The matrices A and (AᵀWA + P)⁻¹ AᵀW of the module's header."""
    a = np.column_stack([np.ones(len(x)), x])
    penalty = np.diag([0.0, *[ridge * w.sum()] * x.shape[1]])
    return a, np.linalg.solve(a.T @ (w[:, None] * a) + penalty, a.T * w).astype(np.float64)


def _solve(x: Floats, y: Floats, w: Floats, ridge: float) -> Floats:
    return _system(x, w, ridge)[1] @ y


def _left_out(x: Floats, y: Floats, w: Floats, ridge: float) -> Floats:
    """Leave-one-out residuals, with the penalty P of the fit to all networks."""
    a, solution = _system(x, w, ridge)
    return (y - a @ (solution @ y)) / (1 - np.einsum("ij,ji->i", a, solution))


def _choose(x: Floats, y: Floats, w: Floats, ridges: Floats) -> float:
    """The ridge with the smallest leave-one-out RMSE; of equal ones the strongest (simplest)."""
    errors = [round(_rmse(_left_out(x, y, w, ridge), w), 12) for ridge in ridges]
    return float(ridges[len(errors) - 1 - int(np.argmin(errors[::-1]))])


def _without(x: Floats, y: Floats, w: Floats, i: int, ridges: Floats) -> float:
    """Prediction for network i by a surface whose fit and ridge do not use it."""
    rest = np.arange(len(y)) != i
    ridge = _choose(x[rest], y[rest], w[rest], ridges)
    beta = _solve(x[rest], y[rest], w[rest], ridge * w.sum() / w[rest].sum())  # the same P as `_left_out` has
    return float(beta[0] + x[i] @ beta[1:])


def _rmse(errors: Floats, w: Floats) -> float:
    return float(np.sqrt(np.average(errors**2, weights=w)))
