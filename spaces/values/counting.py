"""Counts the settings of a space without enumerating them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Protocol

from .parameters import Parameter


class Space(Protocol):
    """The part of `automl.spaces.Space` that counting needs; the module of that class imports this
    one."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters; each follows those that its conditions depend on."""
        ...

    def active(self, parameter: Parameter, settings: Mapping[str, Any]) -> bool:
        """Whether a parameter has an effect, given the settings of the parameters before it."""
        ...


def count_settings(space: Space) -> int:
    """Number of settings of `space` before constraints. Groups of parameters that no condition
    links are counted separately, and their counts are multiplied."""
    return _count(
        space,
        list(space.parameters),
        {parameter.name: _parents(space, parameter) for parameter in space.parameters},
        {},
    )


def _parents(space: Space, parameter: Parameter) -> set[str]:
    """The parameters that decide whether `parameter` is active."""
    names = {name for name, _ in parameter.when}
    if parameter.layer is not None:
        names |= {
            other.name for other in space.parameters if other.sets_depth and other.stage in (None, parameter.stage)
        }
    return names


def _count(space: Space, undecided: list[Parameter], ties: Mapping[str, set[str]], settings: dict[str, Any]) -> int:
    """Number of settings of the parameters `undecided`, given the `settings` of all other
    parameters that decide which of them are active."""
    return prod(_count_tied(space, group, ties, settings) for group in _components(undecided, ties))


def _count_tied(space: Space, group: list[Parameter], ties: Mapping[str, set[str]], settings: dict[str, Any]) -> int:
    """Number of settings of a `group` of linked parameters. The first depends on no undecided
    parameter: each of its values is tried, and the rest is counted as groups of its own."""
    first, rest = group[0], group[1:]
    if not space.active(first, settings):
        return _count(space, rest, ties, settings)
    if not rest:
        return len(first.values)
    return sum(_count(space, rest, ties, {**settings, first.name: value}) for value in first.values)


def _components(undecided: list[Parameter], ties: Mapping[str, set[str]]) -> list[list[Parameter]]:
    """The parameters in groups that no condition on undecided parameters links, each group in the
    order of the space."""
    group = {parameter.name: parameter.name for parameter in undecided}
    for parameter in undecided:
        for other in ties[parameter.name] & group.keys():
            old, new = group[other], group[parameter.name]
            if old != new:
                group = {key: new if value == old else value for key, value in group.items()}
    members: dict[str, list[Parameter]] = {}
    for parameter in undecided:
        members.setdefault(group[parameter.name], []).append(parameter)
    return list(members.values())
