"""Chooses the families of the space `auto` that are worth searching at an input size and a budget.

`auto` itself is a space of the library, `library/auto.yaml`.
"""

from __future__ import annotations

from .budget import Budget, human
from .space import Space
from .survey import Census, census
from .union import Union, union

AUTO = "auto"
"""Name of the space whose families are chosen by the budget."""
USEFUL = 0.01
"""Smallest share of a family's networks within the budget: below it the family is made for larger
budgets, and only its extreme networks are left."""


def for_budget(space: Space, budget: Budget) -> tuple[Space, list[str]]:
    """Leave out the families of a union of which too little is within the budget.

    If that were all families, those that have any network within the budget are kept; if there is
    none either, the union is returned as it is.

    Returns:
        The union of the other families, or the only one; and what was chosen and why, in lines.
    """
    if not isinstance(space, Union) or not budget.bounds:
        return space, []
    found = census(space, budget)
    least = USEFUL if any(one.share >= USEFUL for one in found.families.values()) else 1e-12
    kept = [member for member in space.members if _share(found, member.name) >= least]
    if not kept:
        return space, []
    said = [f"{member.name} ({_share(found, member.name):.1%} of it is within the budget)" for member in kept]
    dropped = [_reason(one.name, found, budget) for one in space.members if one not in kept]
    lines = [f"families searched: {', '.join(said)}", *([f"left out: {', '.join(dropped)}"] if dropped else [])]
    return union(kept, name=space.name), lines


def _share(found: Census, family: str) -> float:
    return found.families[family].share if family in found.families else 0.0


def _reason(family: str, found: Census, budget: Budget) -> str:
    """Why a family is left out."""
    own = found.families.get(family)
    if own is None:
        return f"{family} (no network of it can be built at this size)"
    if not bool(budget.admits(own.nearest.cost)):
        return f"{family} (its cheapest network has {human(own.cheapest.cost.macs)}FLOPs)"
    return f"{family} (less than {USEFUL:.0%} of it is within the budget)"
