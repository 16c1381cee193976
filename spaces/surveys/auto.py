"""Chooses the families of the space `auto` that are worth searching at an input size and a budget.

`auto` itself is a space of the library, `library/auto.yaml`.
"""

from __future__ import annotations

import numpy as np

from ...blocks import InputError
from ..budget import Budget, human
from ..draws.bulk import costs
from ..draws.distinct import drawing_of
from ..kinds.union import Union, union
from ..space import Space
from .survey import census

AUTO = "auto"
"""Name of the space whose families are chosen by the budget."""
USEFUL = 0.01
"""Smallest share of a family's networks within the budget: below it the family is made for larger
budgets, and only its extreme networks are left."""
LOOKS = 4_000
"""Random settings of a family from which that share is estimated: the standard error of a share of
1 % is 0.16 %."""


def for_budget(space: Space, budget: Budget) -> tuple[Space, list[str]]:
    """Leave out the families of a union of which too little is within the budget.

    If that were all families, those that have any network within the budget are kept; if there is
    none either, the union is returned as it is.

    Returns:
        The union of the other families, or the only one; and what was chosen and why, in lines.
    """
    if not isinstance(space, Union) or not budget.bounds:
        return space, []
    shares = {member.name: share(member, budget) for member in space.members}
    kept = [member for member in space.members if shares[member.name] >= USEFUL]
    # below that, only a census that descends to the cheapest networks tells
    kept = kept or [member for member in space.members if _holds_any(member, budget)]
    if not kept:
        return space, []
    # how much of each is within the budget is said by the census of the space
    names = ", ".join(member.name for member in kept)
    dropped = [_reason(one, budget) for one in space.members if one not in kept]
    lines = [f"families searched: {names}", *([f"left out: {', '.join(dropped)}"] if dropped else [])]
    return union(kept, name=space.name), lines


def share(space: Space, budget: Budget, looks: int = LOOKS) -> float:
    """Estimate which share of a space's settings is within the budget, from `looks` random ones."""
    cost, valid = costs(space, drawing_of(space).rows(looks, np.random.default_rng(0)))
    within = np.broadcast_to(budget.admits(cost), valid.shape)
    return float((valid & within).sum() / max(1, valid.sum()))


def _holds_any(space: Space, budget: Budget) -> bool:
    """Whether any network of a space is within the budget."""
    try:
        return bool(budget.admits(census(space, budget).nearest.cost))
    except InputError:
        return False


def _reason(space: Space, budget: Budget) -> str:
    """Why a family is left out."""
    try:
        found = census(space, budget)
    except InputError:
        return f"{space.name} (no network of it can be built at this size)"
    if not bool(budget.admits(found.nearest.cost)):
        return f"{space.name} (its cheapest network has {human(found.cheapest.cost.macs)}FLOPs)"
    return f"{space.name} (less than {USEFUL:.0%} of it is within the budget)"
