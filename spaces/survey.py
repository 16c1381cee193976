"""What a space holds, before anything is trained: size, cost range, the share within a budget, and
rows within it to draw from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..blocks import Cost, InputError, InvalidBlock
from .budget import Budget, human
from .bulk import Rows, combinations, concatenated, draw, enumerate_rows, examine, joined, row_of, selected, settings
from .descent import GRID, Figure, descend
from .distinct import ENUMERATE, Drawing
from .parameters import Value
from .space import Space

SAMPLE = 20_000
"""Settings drawn from a space too large to walk through."""
REASONS = 500
"""So many excluded settings are kept, to say why."""
STARTS = 8
"""Draws from which the ends of a larger space are looked for: a constraint can stand between a draw
and the end."""


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
    """Fewest MACs; in a space too large to walk through, the end of a descent from the cheapest
    draw."""
    costliest: Costed
    """Most MACs, likewise."""
    nearest: Costed
    """Nearest to the budget; within it when anything is."""
    distinct: int | None
    """How many different networks the valid ones build; None where not all were looked at."""
    macs: NDArray[np.int64]
    """MACs of the valid ones, sorted."""
    rows: Rows
    """The feasible ones among those looked at, one for each network."""
    excluded: Rows
    """Some of those that are not valid."""

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
    rng = np.random.default_rng(seed)
    chunks = enumerate_rows(space) if exact else [Drawing(space).rows(SAMPLE, rng)]
    looked: list[tuple[Rows, NDArray[np.uint64], Cost]] = []
    examined, tried = 0, np.zeros((0, len(space.parameters)), np.int32)
    for chunk in chunks:
        cost, valid, keys = examine(space, chunk)
        examined += len(chunk)
        tried = np.concatenate([tried, chunk[~valid][: REASONS - len(tried)]])
        looked.append((chunk[valid], joined(keys[valid]), selected(cost, valid)))
    rows = np.concatenate([rows for rows, _, _ in looked])
    if not len(rows):
        rules = "; ".join(exclusions(space, tried[:REASONS]))
        raise InputError(
            f"the space {space.name!r} holds no network: none of {examined:,} settings meets its constraints and can be"
            f" built ({rules})"
        )
    names = np.concatenate([names for _, names, _ in looked])
    cost = concatenated([cost for _, _, cost in looked])

    def best(figure: Figure) -> Costed:
        order = np.argsort(figure(cost), kind="stable")
        if exact:
            return costed(space, rows[order[0]])
        ends, figures = descend(space, rows[order[:STARTS]], figure)
        return costed(space, ends[int(np.argmin(figures))])

    feasible = np.broadcast_to(budget.admits(cost), len(rows))
    nearest = best(lambda c: np.broadcast_to(np.asarray(budget.distance(c), float), np.shape(c.macs)))
    kept = rows[feasible][np.sort(np.unique(names[feasible], return_index=True)[1])]
    if not len(kept) and bool(budget.admits(nearest.cost)):
        kept = row_of(space, nearest.settings)[None]
    return Census(
        size=space.size,
        exact=exact,
        examined=examined,
        valid=len(rows),
        feasible=int(feasible.sum()),
        distinct=len(np.unique(names)) if exact else None,
        cheapest=best(lambda c: np.asarray(c.macs, float)),
        costliest=best(lambda c: -np.asarray(c.macs, float)),
        nearest=nearest,
        macs=np.sort(cost.macs),
        rows=kept,
        excluded=tried,
    )


def exclusions(space: Space, rows: Rows) -> dict[str, int]:
    """Why settings are excluded: the constraint or the rule each breaks first, and how many of
    `rows` do, the most frequent first."""
    reasons: Counter[str] = Counter()
    for row in rows:
        chosen = settings(space, row)
        broken = next((constraint.text for constraint in space.constraints if not bool(constraint.holds(chosen))), None)
        try:
            space.candidate(chosen)
        except InvalidBlock as error:
            broken = broken or str(error).partition(", but got")[0]
        reasons[broken or "nothing"] += 1
    return dict(reasons.most_common())


def feasible_values(space: Space, budget: Budget, found: Census) -> dict[str, list[Value]]:
    """For every parameter the values that some network within the budget has.

    Values that no draw of a larger space showed are looked for by descent towards the budget with
    that value held; of a range of more than 64 those drawn are given.
    """
    remaining: dict[str, list[Value]] = {}
    for column, parameter in enumerate(space.parameters):
        seen = set(found.rows[:, column].tolist())
        for value in range(len(parameter.values)) if not found.exact and len(parameter.values) <= GRID else ():
            if value not in seen:
                starts = draw(space, STARTS, np.random.default_rng(0))
                starts = starts[starts[:, column] >= 0]
                starts[:, column] = value
                ends, figures = descend(space, starts, lambda c: np.asarray(budget.distance(c), float), fixed=(column,))
                if any(figure == 0 and end[column] == value for end, figure in zip(ends, figures, strict=True)):
                    seen.add(value)
        remaining[parameter.name] = [value for index, value in enumerate(parameter.values) if index in seen]
    return remaining


def require_feasible(found: Census, space: Space, budget: Budget) -> None:
    """Refuse a budget that nothing fits.

    Raises:
        InputError: names the nearest reachable cost and the space's range.
    """
    if bool(budget.admits(found.nearest.cost)):
        return
    cost = found.nearest.cost
    reached = ", ".join(bound.reached(cost) for bound in budget.bounds)
    raise InputError(
        f"no network of the space {space.name!r} is within the budget {budget}; the nearest has {reached}"
        f" (the space reaches from {human(found.cheapest.cost.macs)} to {human(found.costliest.cost.macs)}FLOPs)"
    )


def costed(space: Space, row: NDArray[np.int32]) -> Costed:
    """One row with its cost in ints."""
    chosen = settings(space, row)
    return Costed(settings=chosen, cost=space.candidate(chosen).cost())
