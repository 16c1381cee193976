"""How many settings a space has, without walking through them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Protocol

from .parameters import Parameter


class Space(Protocol):
    """What counting needs of a space (`automl.spaces.Space`, whose module imports this one)."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters; each follows those that its conditions depend on."""
        ...

    def active(self, parameter: Parameter, settings: Mapping[str, Any]) -> bool:
        """Whether a parameter has an effect, given the settings of the parameters before it."""
        ...


def count_settings(space: Space) -> int:
    """Settings of `space` before constraints. Parameters that no condition ties together are
    counted apart, and their counts multiplied."""
    return _count(
        space,
        list(space.parameters),
        {parameter.name: _parents(space, parameter) for parameter in space.parameters},
        {},
    )


def _parents(space: Space, parameter: Parameter) -> set[str]:
    """The parameters that decide whether `parameter` matters."""
    names = {name for name, _ in parameter.when}
    if parameter.layer is not None:
        names |= {
            other.name for other in space.parameters if other.sets_depth and other.stage in (None, parameter.stage)
        }
    return names


def _count(space: Space, undecided: list[Parameter], ties: Mapping[str, set[str]], settings: dict[str, Any]) -> int:
    """Settings of the parameters `undecided`, given `settings` of all others that decide about
    them."""
    return prod(_count_tied(space, group, ties, settings) for group in _components(undecided, ties))


def _count_tied(space: Space, group: list[Parameter], ties: Mapping[str, set[str]], settings: dict[str, Any]) -> int:
    """The same for parameters that are tied together: the first one, on which no condition of its
    own is open, is decided, and the rest falls apart."""
    first, rest = group[0], group[1:]
    if not space.active(first, settings):
        return _count(space, rest, ties, settings)
    if not rest:
        return len(first.values)
    return sum(_count(space, rest, ties, {**settings, first.name: value}) for value in first.values)


def _components(undecided: list[Parameter], ties: Mapping[str, set[str]]) -> list[list[Parameter]]:
    """Parameters in groups that no open condition ties to each other, each in the space's order."""
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
