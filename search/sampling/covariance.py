"""The parts of the covariance of `surrogate.py`, each without its weight."""

from __future__ import annotations

import numpy as np

from .features import Features, Matrix, Vector


def parts_of(a: Features, b: Features, relevance: Vector | None = None) -> dict[str, Matrix]:
    """Covariance of every row of `a` with every row of `b` by each part, unweighted.

    Args:
        a: some rows.
        b: other rows.
        relevance: (parameters,), by which the effects are scaled; None for 1.
    """
    scale = np.ones(len(a.groups)) if relevance is None else relevance[a.groups]
    shared = (a.linear["effects"] * scale) @ b.linear["effects"].T
    found = {name: shared if name == "effects" else block @ b.linear[name].T for name, block in a.linear.items()}
    return found | {"pairs": shared**2, "near": near_of(a, b, shared, scale)}


def near_of(a: Features, b: Features, shared: Matrix, scale: Vector) -> Matrix:
    """Squared exponential of the distance of every row of `a` from every row of `b`.

    The distance is that of the effects, whose inner products are `shared`, and of half the cost.
    """
    found = 2 * shared
    found -= lengths_of(a, scale)[:, None]
    found -= lengths_of(b, scale)[None]
    if "cost" in a.linear:
        found -= ((a.linear["cost"] - b.linear["cost"].T) / 2) ** 2
    np.minimum(found, 0.0, out=found)
    return np.exp(found, out=found)


def lengths_of(rows: Features, scale: Vector) -> Vector:
    """Squared length of the effects of every row."""
    effects = rows.linear["effects"]
    return (effects**2) @ scale.astype(effects.dtype)
