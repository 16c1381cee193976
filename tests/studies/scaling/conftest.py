"""Grids of networks with accuracies as one wants them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from automl.studies.scaling import ScaledPoint

AXES = ("depth", "width", "resolution")
EXPONENTS = {"depth": 1.0, "width": 2.0, "resolution": 2.0}


@pytest.fixture
def exponents() -> dict[str, float]:
    return dict(EXPONENTS)


@pytest.fixture
def point() -> Callable[..., ScaledPoint]:
    """One network; what is `reached` stands for seeds 0, 1, 2, and None in it for a seed that is
    missing."""

    def make(name: str, reached: Sequence[float | None] = (), **changes: Any) -> ScaledPoint:
        values: dict[str, Any] = {
            "id": name,
            "coefficients": dict.fromkeys(AXES, 1.2),
            "control": None,
            "macs": 700_000_000,
            "params": 4_000_000,
            "factor": 2.0,
            "accuracies": {seed: value for seed, value in enumerate(reached) if value is not None},
            "stopped": {},
        }
        return ScaledPoint(**{**values, **changes})

    return make


@pytest.fixture
def grid(point: Callable[..., ScaledPoint]) -> Callable[..., list[ScaledPoint]]:
    """A baseline, all mixtures of the axes in `steps`, and one control for each axis; `truth` gives
    the accuracy at shares of the logarithmic cost."""

    def make(
        truth: Callable[[np.ndarray], float],
        *,
        axes: Sequence[str] = AXES,
        exponents: Sequence[float] = (1.0, 2.0, 2.0),
        steps: int = 4,
        n: int = 3,
        noise: float = 0.005,
        seed: int = 0,
    ) -> list[ScaledPoint]:
        generator = np.random.default_rng(seed)

        def one(shares: np.ndarray, control: str | None) -> ScaledPoint:
            coefficients = np.exp(shares * math.log(2.0) / np.array(exponents))
            accuracy = truth(shares) if control != "baseline" else 0.7
            factor = 1.0 if control == "baseline" else 2.0 + 0.04 * float(shares[0])
            return point(
                f"{control or 'grid'}-{'-'.join(f'{share:.2f}' for share in shares)}",
                [float(value) for value in accuracy + noise * generator.normal(size=n)],
                coefficients=dict(zip(axes, map(float, coefficients), strict=True)),
                control=control,
                factor=factor,
                macs=round(350_000_000 * factor),
            )

        cells = [
            np.array(cell) / steps
            for cell in np.ndindex(*[steps + 1] * len(axes))
            if sum(cell) == steps and max(cell) < steps
        ]
        controls = [one(np.eye(len(axes))[number], axis) for number, axis in enumerate(axes)]
        return [one(np.zeros(len(axes)), "baseline"), *(one(cell, None) for cell in cells), *controls]

    return make


@pytest.fixture
def hill() -> Callable[[np.ndarray], float]:
    """Best in the middle of the simplex, by 4 points over its corners with three axes."""
    return lambda shares: 0.8 - 0.06 * float(((shares - 1 / len(shares)) ** 2).sum())
