"""The surface against actual refitting, a brute-force search for its optimum, and quadratics that
it must find again."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.studies.scaling import ScaledPoint, Surface, fit_surface
from automl.studies.scaling import response_surface as module
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut

Make = Callable[..., ScaledPoint]
Grid = Callable[..., list[ScaledPoint]]
Truth = Callable[[np.ndarray], float]
THREE = {"depth": 1.0, "width": 2.0, "resolution": 2.0}


def terms(points: list[ScaledPoint]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Standardised terms, means and weights, written out anew for three axes."""
    used = [p for p in points if p.control != "baseline" and p.n]
    logs = np.log([list(p.coefficients.values()) for p in used])
    d, w, r = logs.T
    x = np.column_stack([d, w, r, d * d, w * w, r * r, d * w, d * r, w * r])
    weights = np.array([p.n for p in used], dtype=float)
    x = x - np.average(x, axis=0, weights=weights)
    return (
        x / np.sqrt(np.average(x**2, axis=0, weights=weights)),
        np.array([p.mean for p in used], dtype=float),
        weights,
    )


def uneven(points: list[ScaledPoint]) -> list[ScaledPoint]:
    """Every third network with two seeds only, so that weights matter."""
    return [
        p if number % 3 else replace(p, accuracies=dict(list(p.accuracies.items())[:2]))
        for number, p in enumerate(points)
    ]


def test_the_leave_one_out_error_is_that_of_refitting_without_each_network(grid: Grid, hill: Truth) -> None:
    points = uneven(grid(hill, noise=0.01))
    x, y, w = terms(points)
    for ridge in (1e-3, 0.1, 10.0):
        errors, trivial = [], []
        for rest, (left,) in LeaveOneOut().split(x):
            fitted = Ridge(alpha=ridge * w.sum()).fit(x[rest], y[rest], sample_weight=w[rest])
            errors.append(y[left] - fitted.predict(x[[left]])[0])
            trivial.append(y[left] - np.average(y[rest], weights=w[rest]))
        found = fit_surface(points, ridge=ridge)
        assert found.loo_rmse == pytest.approx(math.sqrt(np.average(np.square(errors), weights=w)), rel=1e-6)
        assert found.mean_rmse == pytest.approx(math.sqrt(np.average(np.square(trivial), weights=w)), rel=1e-9)
        assert found.nested_rmse == pytest.approx(
            found.loo_rmse, rel=1e-6
        )  # with the ridge given there is nothing to choose within
        assert found.loo_r2 == pytest.approx(
            1 - np.average(np.square(errors), weights=w) / np.average(np.square(trivial), weights=w), rel=1e-6
        )


def test_the_ridge_is_the_one_of_least_leave_one_out_error(grid: Grid, hill: Truth) -> None:
    points = grid(hill, noise=0.01)
    found = fit_surface(points)
    tried = [fit_surface(points, ridge=float(ridge)).loo_rmse for ridge in module.RIDGES]
    assert found.loo_rmse == pytest.approx(min(tried))
    assert found.nested_rmse >= found.loo_rmse * 0.999


@pytest.mark.parametrize(
    ("axes", "exponents"),
    [
        (("depth", "width"), (1.0, 2.0)),
        (("depth", "width", "resolution"), (1.0, 2.0, 2.0)),
        (("depth", "width", "resolution", "cardinality"), (1.0, 2.0, 2.0, 1.0)),
    ],
)
def test_a_known_quadratic_is_recovered(grid: Grid, axes: tuple[str, ...], exponents: tuple[float, ...]) -> None:
    top = np.array([0.5, 0.3, 0.2, 0.0])[: len(axes)] / np.array([0.5, 0.3, 0.2, 0.0])[: len(axes)].sum()
    truth = lambda shares: 0.8 - 0.1 * float(((shares - top) ** 2).sum())  # noqa: E731
    points = grid(truth, axes=axes, exponents=exponents, noise=0.0, steps=6 if len(axes) < 4 else 4)
    found = fit_surface(points, ridge=1e-8)
    assert found.loo_rmse < 1e-5
    assert found.loo_r2 > 0.999
    assert found.better_than_mean
    for p in points[1:]:
        assert found.predict(p.coefficients) == pytest.approx(p.mean, abs=1e-5)
    best = found.optimum(dict(zip(axes, exponents, strict=True)), 2.0)
    shares = np.array([e * math.log(best[axis]) / math.log(2.0) for axis, e in zip(axes, exponents, strict=True)])
    assert shares == pytest.approx(top, abs=0.01)


def test_noise_alone_is_reported_as_no_better_than_the_mean(grid: Grid) -> None:
    claims = [fit_surface(grid(lambda _: 0.8, noise=0.01, seed=seed)) for seed in range(30)]
    honest = [surface for surface in claims if not surface.better_than_mean]
    assert len(honest) > 20
    assert all(
        "no better than the mean" in surface.statement and "means nothing" in surface.statement for surface in honest
    )


def made(axes: tuple[str, ...], generator: np.random.Generator) -> Surface:
    """Any quadratic, bowls, saddles and hills alike."""
    names = module._names(axes)
    return Surface(
        axes=axes,
        coefficients={
            "intercept": 0.5,
            **{name: float(value) for name, value in zip(names, generator.normal(size=len(names)), strict=True)},
        },
        ridge=1.0,
        n=9,
        loo_rmse=0.1,
        nested_rmse=0.1,
        mean_rmse=0.2,
    )


def short_of_the_grid(surface: Surface, exponents: dict[str, float]) -> float:
    """How far the optimum lies below the best of a dense grid over the constraint."""
    steps = {2: 400, 3: 60, 4: 24}[len(exponents)]
    cells = np.array([cell for cell in np.ndindex(*[steps + 1] * (len(exponents) - 1)) if sum(cell) <= steps])
    shares = np.column_stack([cells, steps - cells.sum(axis=1)]) / steps
    logs = shares * math.log(2.0) / np.array(list(exponents.values()))
    best = surface.optimum(exponents, 2.0)
    assert math.prod(best[axis] ** e for axis, e in exponents.items()) == pytest.approx(2.0)
    assert min(best.values()) >= 1.0
    assert list(best) == list(surface.axes)
    return float(surface.at(logs).max()) - surface.predict(best)


@pytest.mark.parametrize("exponents", [{"d": 1.0, "w": 2.0}, THREE, {**THREE, "groups": 0.7}])
def test_the_optimum_is_never_below_the_best_of_a_brute_force_grid(exponents: dict[str, float]) -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        assert short_of_the_grid(made(tuple(exponents), generator), exponents) < 1e-9


def test_control_an_optimum_that_knows_the_corners_only_falls_short(monkeypatch: pytest.MonkeyPatch) -> None:
    source = inspect.getsource(Surface.optimum)
    planted = source.replace("range(1, len(self.axes) + 1)", "range(1, 2)")
    assert planted != source
    scope = dict(vars(module))
    exec("from __future__ import annotations\nclass _Holder:\n" + planted, scope)
    monkeypatch.setattr(Surface, "optimum", scope["_Holder"].optimum)
    generator = np.random.default_rng(1)
    assert max(short_of_the_grid(made(tuple(THREE), generator), THREE) for _ in range(20)) > 1e-3


def test_a_flat_surface_has_its_optimum_in_the_middle(grid: Grid) -> None:
    found = fit_surface(grid(lambda _: 0.8, noise=0.0))
    assert not found.better_than_mean
    assert found.predict({"depth": 1.3, "width": 1.1, "resolution": 1.1}) == pytest.approx(0.8)
    assert found.loo_r2 <= 1e-9
    third = math.log(2.0) / 3
    assert found.optimum(THREE, 2.0) == pytest.approx(
        {"depth": math.exp(third), "width": math.exp(third / 2), "resolution": math.exp(third / 2)}
    )


def test_the_baseline_and_unfinished_networks_are_left_out_and_one_network_counts_once(grid: Grid, hill: Truth) -> None:
    points = grid(hill)
    found = fit_surface(points)
    assert found.n == len(points) - 1
    unfinished = replace(points[3], id="never", accuracies={}, stopped={0: 0.1})
    assert fit_surface([*points, unfinished, points[4]]) == found
    assert fit_surface(points[1:]) == found


def test_an_axis_that_nothing_scales_is_no_obstacle(point: Make) -> None:
    points = [
        point(f"{c}", [0.7 + 0.1 * c, 0.71 + 0.1 * c], coefficients={"depth": c, "width": 1.0})
        for c in (1.0, 1.2, 1.4, 1.6)
    ]
    found = fit_surface(points)
    assert found.coefficients["width"] == found.coefficients["depth*width"] == 0.0
    assert found.better_than_mean


def test_a_surface_is_plain_json(grid: Grid, hill: Truth) -> None:
    plain = json.loads(json.dumps(fit_surface(grid(hill)).to_dict(), allow_nan=False))
    assert set(plain["coefficients"]) == {
        "intercept",
        "depth",
        "width",
        "resolution",
        "depth^2",
        "width^2",
        "resolution^2",
        "depth*width",
        "depth*resolution",
        "width*resolution",
    }


def test_what_cannot_be_fitted_or_asked_is_refused(grid: Grid, hill: Truth, point: Make) -> None:
    with pytest.raises(InputError, match=r"at least 3 networks .* but got 2"):
        fit_surface([point("a", [0.8]), point("b", [0.8]), point("base", [0.8], control="baseline")])
    with pytest.raises(InputError, match="ridge must be finite and at least 1e-09, but got 0"):
        fit_surface(grid(hill), ridge=0.0)
    found = fit_surface(grid(hill))
    with pytest.raises(InputError, match="exponents must give each of depth, width, resolution"):
        found.optimum({"depth": 1.0}, 2.0)
    with pytest.raises(InputError, match="target must be above 1, but got 1"):
        found.optimum(THREE, 1.0)
    with pytest.raises(InputError, match="a number above 0"):
        found.predict({"depth": 1.0, "width": 0.0, "resolution": 1.0})
