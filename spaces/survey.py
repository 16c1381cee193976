"""What a space holds, before anything is trained: size, cost range, the share within a budget, and rows within it to draw from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..blocks import Cost, InputError
from .budget import Budget, human
from .bulk import Rows, combinations, costs, deactivate, draw, draw_values, enumerate_rows, groups, settings
from .parameters import Value
from .space import Space

ENUMERATE = 1 << 18
"""Up to so many combinations a space is walked through; beyond, it is sampled."""
SAMPLE = 20_000
"""Rows drawn from a larger space."""
STARTS = 8
"""Draws from which the ends of a larger space are looked for."""
GROUPS = 2_500
"""Up to so many groups of rows are costed: a group costs about a millisecond, however many rows it has."""


@dataclass(frozen=True, kw_only=True)
class Costed:
    """Settings and what their network costs."""

    settings: dict[str, Value]
    """Parameter → value."""
    cost: Cost
    """As ints."""


@dataclass(frozen=True, kw_only=True)
class Census:
    """What was found in a space under a budget."""

    size: int
    """Settings, before constraints."""
    exact: bool
    """Whether all were looked at; otherwise shares are estimates from `examined` draws."""
    examined: int
    """Settings looked at."""
    valid: int
    """Of those, how many build a network and meet the constraints."""
    feasible: int
    """Of those, how many are within the budget."""
    cheapest: Costed
    """Fewest MACs; in a space too large to walk through, the end of a descent from the cheapest draw."""
    costliest: Costed
    """Most MACs, likewise."""
    nearest: Costed
    """Nearest to the budget; within it when anything is."""
    macs: NDArray[np.int64]
    """MACs of the valid ones, sorted."""
    rows: Rows
    """The feasible ones among those looked at."""

    @property
    def share(self) -> float:
        """Feasible over valid settings."""
        return self.feasible / self.valid if self.valid else 0.0


def census(space: Space, budget: Budget, *, seed: int = 0) -> Census:
    """Look at the whole space, or at a sample of a large one.

    Raises:
        InputError: no setting builds a network and meets the constraints.
    """
    exact = combinations(space) <= ENUMERATE
    chunks = enumerate_rows(space) if exact else [_sample(space, seed)]
    rows_list, macs_list, params_list, activations_list = [], [], [], []
    examined = 0
    for chunk in chunks:
        cost, valid = costs(space, chunk)
        examined += len(chunk)
        rows_list.append(chunk[valid])
        macs_list.append(cost.macs[valid])
        params_list.append(cost.params[valid])
        activations_list.append(cost.activations[valid])
    rows = np.concatenate(rows_list)
    if not len(rows):
        raise InputError(f"the space {space.name!r} holds no network: none of {examined:,} settings meets its constraints and can be built")
    cost = Cost(np.concatenate(macs_list), np.concatenate(params_list), np.concatenate(activations_list))

    def best(key: Callable[[Cost], NDArray[np.float64]]) -> Costed:
        order = np.argsort(key(cost), kind="stable")
        if exact:
            return costed(space, rows[order[0]])
        # from several starts: a constraint can stand between a draw and the end
        ends = np.stack([_descend(space, rows[start], key) for start in order[:STARTS]])
        return costed(space, ends[int(np.argmin(key(costs(space, ends)[0])))])

    feasible = np.broadcast_to(budget.admits(cost), len(rows))
    nearest = best(lambda c: np.broadcast_to(np.asarray(budget.distance(c), float), np.shape(c.macs)))
    kept = rows[feasible]
    if not len(kept) and bool(budget.admits(nearest.cost)):
        index = {parameter.name: i for i, parameter in enumerate(space.parameters)}
        row = np.full(len(space.parameters), -1, np.int32)
        for name, value in nearest.settings.items():
            row[index[name]] = space.by_name[name].values.index(value)
        kept = row[None]
    return Census(
        size=space.size, exact=exact, examined=examined, valid=len(rows), feasible=int(feasible.sum()),
        cheapest=best(lambda c: np.asarray(c.macs, float)), costliest=best(lambda c: -np.asarray(c.macs, float)), nearest=nearest,
        macs=np.sort(cost.macs), rows=kept,
    )  # fmt: skip


def _sample(space: Space, seed: int) -> Rows:
    """`SAMPLE` rows, or fewer where many of them would have to be costed one by one."""
    rows = draw(space, SAMPLE, np.random.default_rng(seed))
    while len(rows) > 1000 and groups(space, rows) > GROUPS:
        rows = rows[: len(rows) // 2]
    return rows


def require_feasible(found: Census, space: Space, budget: Budget) -> None:
    """Refuse a budget that nothing fits.

    Raises:
        InputError: names the nearest reachable cost and the space's range.
    """
    if bool(budget.admits(found.nearest.cost)):
        return
    cost = found.nearest.cost
    reached = ", ".join(f"{getattr(cost, bound.metric):,} {bound.metric}" for bound in budget.bounds)
    raise InputError(
        f"no network of the space {space.name!r} is within the budget {budget}; the nearest has {reached}"
        f" (the space reaches from {human(found.cheapest.cost.macs)} to {human(found.costliest.cost.macs)}FLOPs)"
    )


def costed(space: Space, row: NDArray[np.int32]) -> Costed:
    """One row with its cost in ints."""
    chosen = settings(space, row)
    return Costed(settings=chosen, cost=space.candidate(chosen).cost())


def _descend(space: Space, row: NDArray[np.int32], key: Callable[[Cost], NDArray[np.float64]]) -> NDArray[np.int32]:
    """Change one parameter at a time as long as `key` falls."""
    rng = np.random.default_rng(0)
    current = np.inf
    while True:
        neighbours = [row]
        for index, parameter in enumerate(space.parameters):
            for value in range(len(parameter.values)):
                other = row.copy()
                other[index] = value
                neighbours.append(other)
        moved = _repair(space, np.stack(neighbours), rng)
        cost, valid = costs(space, moved)
        values = np.where(valid, key(cost), np.inf)
        best = int(np.argmin(values))
        if not values[best] < current:
            return row
        current, row = float(values[best]), moved[best]


def _repair(space: Space, rows: Rows, rng: np.random.Generator) -> Rows:
    """Rows whose condition changed: parameters that became active get a value, those that became inactive lose it."""
    filled = np.where(rows < 0, draw_values(space, len(rows), rng), rows)
    return deactivate(space, filled)
