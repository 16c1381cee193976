"""Measures a space before any training: its size, its cost range, the share within a budget, and
the rows within it to draw from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost, InputError, InvalidBlock
from ..budget import Budget, human
from ..draws.bulk import (
    ENUMERATE,
    Rows,
    combinations,
    concatenated,
    draw,
    enumerate_rows,
    examine,
    joined,
    row_of,
    selected,
    settings,
)
from ..draws.descent import GRID, Figure, descend
from ..draws.distinct import drawing_of
from ..kinds.union import FAMILY, Union
from ..space import Space
from ..values.parameters import Value

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
    families: Mapping[str, Census] = field(default_factory=dict)
    """For a union, the census of each member that holds a network; empty for other spaces."""

    @property
    def share(self) -> float:
        """Share of the valid settings that are feasible."""
        return self.feasible / self.valid if self.valid else 0.0


def census(space: Space, budget: Budget, *, seed: int = 0) -> Census:
    """Examine all settings of a space, or a sample of a large one.

    Raises:
        InputError: no setting builds a network and meets the constraints.
    """
    looks = _looks(space, seed)
    if not any(len(look.rows) for look in looks):
        tried = np.concatenate([look.tried for look in looks])[:REASONS]
        rules = "; ".join(exclusions(space, tried))
        raise InputError(
            f"the space {space.name!r} holds no network: none of {sum(look.examined for look in looks):,} settings"
            f" meets its constraints and can be built ({rules})"
        )
    return _of_union(space, budget, looks) if isinstance(space, Union) else _of_look(space, budget, looks[0])


@dataclass(frozen=True, kw_only=True)
class _Look:
    """The settings of a space that were examined; of a union, those of one member."""

    exact: bool
    examined: int
    rows: Rows
    """The valid settings, as rows of the space."""
    names: NDArray[np.uint64]
    """Fingerprints of their networks."""
    cost: Cost
    """Their costs."""
    tried: Rows
    """Some of the settings that are not valid."""


def _looks(space: Space, seed: int) -> list[_Look]:
    """Examine a space, or each member of a union."""
    if not isinstance(space, Union):
        return [_look(space, space, lambda rows: rows, seed)]
    return [_look(space, member, partial(space.whole, number), seed) for number, member in enumerate(space.members)]


def _look(space: Space, part: Space, whole: Callable[[Rows], Rows], seed: int) -> _Look:
    """Examine the settings of `part`, which `whole` turns into rows of `space`."""
    exact = combinations(part) <= ENUMERATE
    chunks = enumerate_rows(part) if exact else [drawing_of(part).rows(SAMPLE, np.random.default_rng(seed))]
    looked: list[tuple[Rows, NDArray[np.uint64], Cost]] = []
    examined, tried = 0, np.zeros((0, len(space.parameters)), np.int32)
    for chunk in map(whole, chunks):
        cost, valid, keys = examine(space, chunk)
        examined += len(chunk)
        tried = np.concatenate([tried, chunk[~valid][: REASONS - len(tried)]])
        looked.append((chunk[valid], joined(keys[valid]), selected(cost, valid)))
    return _Look(
        exact=exact,
        examined=examined,
        rows=np.concatenate([rows for rows, _, _ in looked]),
        names=np.concatenate([names for _, names, _ in looked]),
        cost=concatenated([cost for _, _, cost in looked]),
        tried=tried,
    )


def _of_look(space: Space, budget: Budget, look: _Look) -> Census:
    """The census of what was examined of a space, or of one member of a union."""
    rows, cost = look.rows, look.cost

    def best(figure: Figure) -> Costed:
        order = np.argsort(figure(cost), kind="stable")
        if look.exact:
            return costed(space, rows[order[0]])
        ends, figures = descend(space, rows[order[:STARTS]], figure)
        return costed(space, ends[int(np.argmin(figures))])

    feasible = np.broadcast_to(budget.admits(cost), len(rows))
    nearest = best(lambda c: np.broadcast_to(np.asarray(budget.distance(c), float), np.shape(c.macs)))
    kept = rows[feasible][np.sort(np.unique(look.names[feasible], return_index=True)[1])]
    if not len(kept) and bool(budget.admits(nearest.cost)):
        kept = row_of(space, nearest.settings)[None]
    return Census(
        size=space.size,
        exact=look.exact,
        examined=look.examined,
        valid=len(rows),
        feasible=int(feasible.sum()),
        distinct=len(np.unique(look.names)) if look.exact else None,
        cheapest=best(lambda c: np.asarray(c.macs, float)),
        costliest=best(lambda c: -np.asarray(c.macs, float)),
        nearest=nearest,
        macs=np.sort(cost.macs),
        rows=kept,
        excluded=look.tried,
    )


def _of_union(space: Union, budget: Budget, looks: Sequence[_Look]) -> Census:
    """The census of a union, from what was examined of its members.

    If a member was sampled, numbers are those of a sample in which each setting of each member is
    equally likely.
    """
    pairs = [(member, look) for member, look in zip(space.members, looks, strict=True) if len(look.rows)]
    families = {member.name: replace(_of_look(space, budget, look), size=member.size) for member, look in pairs}
    found, exact = list(families.values()), all(look.exact for look in looks)
    examined = sum(look.examined for look in looks)
    # how many of the examined settings each valid one of a member stands for
    scale = [examined / space.size * one.size / one.examined for one in found]
    names = np.concatenate([look.names for _, look in pairs])
    kept = np.concatenate([one.rows for one in found])
    once = np.sort(np.unique(joined(examine(space, kept)[2]), return_index=True)[1])
    return Census(
        size=space.size,
        exact=exact,
        examined=examined,
        valid=round(sum(part * one.valid for part, one in zip(scale, found, strict=True))),
        feasible=round(sum(part * one.feasible for part, one in zip(scale, found, strict=True))),
        distinct=len(np.unique(names)) if exact else None,
        cheapest=min((one.cheapest for one in found), key=lambda one: int(one.cost.macs)),
        costliest=max((one.costliest for one in found), key=lambda one: int(one.cost.macs)),
        nearest=min((one.nearest for one in found), key=lambda one: float(budget.distance(one.cost))),
        macs=np.sort(np.concatenate([_spread(one.macs, part) for part, one in zip(scale, found, strict=True)])),
        rows=kept[once],
        excluded=np.concatenate([look.tried for look in looks])[:REASONS],
        families=families,
    )


def _spread(values: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """Sorted values thinned out, or repeated, to `share` times their number, at least one."""
    count = max(1, round(share * len(values)))
    return values[np.arange(count) * len(values) // count]


def exclusions(space: Space, rows: Rows) -> dict[str, int]:
    """Reasons for which settings are excluded, the most frequent first: the constraint or rule that
    each setting breaks first -> number of `rows` that break it."""
    reasons: Counter[str] = Counter()
    for row in rows:
        chosen = settings(space, row)
        broken = space.violated(chosen)
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
    if isinstance(space, Union):
        return _of_families(space, budget, found)
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


def _of_families(space: Union, budget: Budget, found: Census) -> dict[str, list[Value]]:
    """The values that some network of each family has; none in a family without a network."""
    remaining: dict[str, list[Value]] = {FAMILY: [name for name, own in found.families.items() if len(own.rows)]}
    for member, columns in zip(space.members, space.columns, strict=True):
        own = found.families.get(member.name)
        values = {} if own is None else feasible_values(member, budget, replace(own, rows=own.rows[:, columns]))
        remaining |= {f"{member.name}.{one.name}": values.get(one.name, []) for one in member.parameters}
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
