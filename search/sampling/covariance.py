"""The parts of the covariance of `surrogate.py`, each without its weight."""

from __future__ import annotations

import numpy as np

from .features import Features, Matrix, Vector


def parts_of(a: Features, b: Features) -> dict[str, Matrix]:
    """Covariance of every row of `a` with every row of `b` by each part, unweighted."""
    found = {name: block @ b.linear[name].T for name, block in a.linear.items()}
    shared = found["effects"]
    return found | {"pairs": shared**2, "near": near_of(a, b, shared)}


def near_of(a: Features, b: Features, shared: Matrix) -> Matrix:
    """Squared exponential of the distance of every row of `a` from every row of `b`.

    The distance is that of the effects, whose inner products are `shared`, and of half the cost.
    """
    found = 2 * shared
    found -= lengths_of(a)[:, None]
    found -= lengths_of(b)[None]
    if "cost" in a.linear:
        found -= ((a.linear["cost"] - b.linear["cost"].T) / 2) ** 2
    np.minimum(found, 0.0, out=found)
    return np.exp(found, out=found)


def lengths_of(rows: Features) -> Vector:
    """Squared length of the effects of every row."""
    return (rows.linear["effects"] ** 2).sum(axis=1)
