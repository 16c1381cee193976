"""Measures a space before any training: its size, its cost range, the share within a budget, and
the rows within it to draw from."""

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
"""Number of settings drawn from a space that is too large to enumerate."""
REASONS = 500
"""Largest number of excluded settings that are kept, to find the reasons."""
STARTS = 8
"""Draws from which a descent looks for the cheapest and costliest network of a larger space;
several, because a constraint can block the way from one draw."""


@dataclass(frozen=True, kw_only=True)
class Costed:
    """Settings and the cost of their network."""

    settings: dict[str, Value]
    """Parameter → value."""
    cost: Cost
    """Cost for one image, in ints."""


@dataclass(frozen=True, kw_only=True)
class Census:
    """Sizes and costs of a space under a budget."""

    size: int
    """Number of settings, before constraints."""
    exact: bool
    """Whether all settings were examined; otherwise shares are estimates from `examined` draws."""
    examined: int
    """Number of settings examined."""
    valid: int
    """Number of examined settings that build a network and meet the constraints."""
    feasible: int
    """Number of valid settings that are within the budget."""
    cheapest: Costed
    """Network with the fewest MACs; in a space too large to enumerate, the best result of descents
    from the cheapest draws."""
    costliest: Costed
    """Network with the most MACs, found in the same way."""
    nearest: Costed
    """Network nearest to the budget; within it if any network was found within it."""
    distinct: int | None
    """Number of different networks that the valid settings build; None unless all settings were
    examined."""
    macs: NDArray[np.int64]
    """MACs of the valid settings, sorted."""
    rows: Rows
    """Feasible settings among the examined ones, one for each network."""
    excluded: Rows
    """Some of the settings that are not valid, at most `REASONS`."""

    @property
    def share(self) -> float:
        """Share of the valid settings that are feasible."""
        return self.feasible / self.valid if self.valid else 0.0


def census(space: Space, budget: Budget, *, seed: int = 0) -> Census:
    """Examine all settings of a space, or a sample of a large one.

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
    """Reasons for which settings are excluded, the most frequent first: the constraint or rule that
    each setting breaks first -> number of `rows` that break it."""
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
    """For every parameter, the values that some network within the budget has.

    In a larger space, a value that no feasible draw has is checked by descents towards the budget
    with this value fixed; for a parameter of more than 64 values, only the drawn ones are given.
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
    """Refuse a budget that no network meets.

    Raises:
        InputError: no network is within the budget; the text names the nearest cost and the space's
            range.
    """
    if bool(budget.admits(found.nearest.cost)):
        return
    cost = found.nearest.cost
    raise InputError(
        f"no network of the space {space.name!r} is within the budget {budget}; the nearest has {budget.reached(cost)}"
        f" (the space reaches from {human(found.cheapest.cost.macs)} to {human(found.costliest.cost.macs)}FLOPs)"
    )


def costed(space: Space, row: NDArray[np.int32]) -> Costed:
    """The settings of one row, with their cost in ints."""
    chosen = settings(space, row)
    return Costed(settings=chosen, cost=space.candidate(chosen).cost())
