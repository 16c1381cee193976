"""Formats the census of a space under a budget, in lines for a terminal."""

from __future__ import annotations

from ..budget import Budget, human
from ..candidates.fitted_strides import strides_in_words
from ..kinds.skeleton_space import SkeletonSpace
from ..kinds.union import Union
from ..space import Space
from ..values.parameters import in_words
from .survey import Census, Costed


def describe(space: Space, budget: Budget, found: Census) -> list[str]:
    """Size, cost range and the share of a space within a budget, in lines for a terminal."""
    _, height, width = space.image
    seen = (
        f"{found.feasible:,} of {found.valid:,}"
        if found.exact
        else f"about {found.share:.1%}, from {found.examined:,} draws"
    )
    within = (
        f"; within {budget}: {seen} ({found.share:.1%})"
        if budget.bounds and found.exact
        else (f"; within {budget}: {seen}" if budget.bounds else "")
    )
    distinct = "" if found.distinct is None else f", {found.distinct:,} different networks"
    excluded = (
        f"; {found.examined - found.valid:,} of {found.examined:,} break a constraint or build no network"
        if found.valid < found.examined
        else ""
    )
    families = [_family(name, budget, own) for name, own in found.families.items()]
    return [
        f"space {space.name}: {found.size:,} settings{distinct}{within}{excluded}",
        *families,
        f"cost is counted at {height}x{width} px, one FLOP is one multiply-add",
        f"strides {stride_rule(space)}: {strides_in_words(space.candidate(found.costliest.settings))} in the costliest",
        f"cheapest:  {costed_in_words(found.cheapest)}",
        f"costliest: {costed_in_words(found.costliest)}",
    ]


def stride_rule(space: Space) -> str:
    """Where the strides of a space's networks come from: "published", or "fitted to" its image."""
    if isinstance(space, Union):
        return " or ".join(dict.fromkeys(rule for one in space.members for rule in stride_rule(one).split(" or ")))
    if not isinstance(space, SkeletonSpace):
        return "its own"
    chosen = [rule for p in space.parameters if "strides" in p.sets for rule in p.of("strides", "published")]
    return " or ".join(dict.fromkeys(_in_words(rule, space) for rule in chosen or ["published"]))


def _in_words(rule: str | int, space: SkeletonSpace) -> str:
    if space.skeleton.strided(rule, space.image) == space.skeleton:
        return "published"
    _, height, width = space.image
    return f"fitted to {height}x{width} px" + ("" if rule == "fitted" else f" (last map {rule} px)")


def _family(name: str, budget: Budget, found: Census) -> str:
    """One family of a union: its size, and its share within the budget."""
    held = f"{found.size:,} settings" if found.distinct is None else f"{found.distinct:,} networks"
    share = f"{found.share:.1%}" if found.share >= 0.001 or not found.feasible else "less than 0.1%"
    return f"  {name}: {held}" + (f", {share} within the budget" if budget.bounds else "")


def costed_in_words(one: Costed) -> str:
    """The cost of a network and its settings."""
    settings = in_words(one.settings)
    return f"{human(one.cost.macs)}FLOPs, {human(one.cost.params)} params ({settings})"
