"""How many settings a space has, without walking through them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .parameters import Parameter
    from .space import Space


def count_settings(space: Space) -> int:
    """Settings of `space` before constraints. Parameters that no condition ties together are counted apart, and their counts multiplied."""
    ties = {parameter.name: _parents(space, parameter) for parameter in space.parameters}
    parents = {name for names in ties.values() for name in names}
    return prod(_count(space, group, parents, 0, {}) for group in _components(space, ties))


def _parents(space: Space, parameter: Parameter) -> set[str]:
    """The parameters that decide whether `parameter` matters."""
    names = {name for name, _ in parameter.when}
    if parameter.layer is not None:
        names |= {other.name for other in space.depths if other.stage in (None, parameter.stage)}
    return names


def _components(space: Space, ties: Mapping[str, set[str]]) -> list[list[Parameter]]:
    """Parameters in groups that no condition ties to each other, each in the space's order."""
    group = {parameter.name: parameter.name for parameter in space.parameters}
    for name, names in ties.items():
        for other in names:
            old, new = group[other], group[name]
            group = {key: new if value == old else value for key, value in group.items()}
    return [[parameter for parameter in space.parameters if group[parameter.name] == root] for root in dict.fromkeys(group.values())]


def _count(space: Space, group: list[Parameter], parents: set[str], index: int, settings: dict[str, Any]) -> int:
    if index == len(group):
        return prod(len(parameter.values) for parameter in group if parameter.name not in parents and space.active(parameter, settings))
    parameter = group[index]
    if parameter.name not in parents or not space.active(parameter, settings):
        return _count(space, group, parents, index + 1, settings)
    return sum(_count(space, group, parents, index + 1, {**settings, parameter.name: value}) for value in parameter.values)
