"""Draws settings of a union so that all distinct candidates of its members are equally likely.

Each member is drawn from in proportion to its settings, and a network that m settings of it build
is kept with probability 1 / m. A network that two members hold is kept in one of them: the smaller.
Whether the smaller member holds a network is looked up in the list of its networks, if its
combinations can be enumerated. In a larger member it is looked for at the settings with the same
names and values, and at all values of a few parameters that the other member does not have;
networks that two such members build from other settings are drawn twice as often.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..kinds.skeleton_space import SkeletonSpace
from ..kinds.union import Union
from ..values.parameters import Parameter, Value
from .bulk import ENUMERATE, Rows, combinations, deactivate, enumerate_rows, examine, joined, settings
from .drawing import Drawing, SkeletonDrawing

FILLED = 256
"""Largest number of combinations of parameters without a counterpart that are tried."""


class UnionDrawing(Drawing[Union]):
    """Draws from a union."""

    def __init__(self, space: Union) -> None:
        super().__init__(space)
        self._drawings = [SkeletonDrawing(member) for member in space.members]
        sizes = np.array([member.size for member in space.members], float)
        self.weights: NDArray[np.float64] = sizes / sizes.sum()
        """Share of the draws that each member gets."""
        self._holders = [
            _Holder(space, number)
            for number in sorted(range(len(space.members)), key=lambda number: combinations(space.members[number]))
        ]

    def rows(self, count: int, rng: np.random.Generator) -> Rows:
        """At most `count` settings in random order, all settings of all members equally likely."""
        asked = rng.multinomial(count, self.weights)
        found = [drawing.rows(int(number), rng) for drawing, number in zip(self._drawings, asked, strict=True)]
        # conditions may leave fewer rows than asked: then all members give the same share
        share = min(len(rows) / number for rows, number in zip(found, asked, strict=True) if number)
        kept = [rows[: round(share * number)] for rows, number in zip(found, asked, strict=True)]
        return rng.permutation(np.concatenate([self.space.whole(number, rows) for number, rows in enumerate(kept)]))

    def chance(self, rows: Rows, keys: NDArray[np.uint64]) -> NDArray[np.float64]:
        """One over the number of the member's settings that build the candidate of each row; 0 if a
        smaller member holds it."""
        found = np.zeros(len(rows))
        for number, member, here, own in self.space.parts(rows):
            places = 1 + len(member.skeleton.stages)
            found[here] = self._drawings[number].chance(own, keys[here, :places])
            for holder in self._holders:
                if holder.number == number:
                    break
                found[here[holder.holds(member, own, keys[here])]] = 0.0
        return found


class _Holder:
    """Tells which networks the member `number` of a union holds."""

    def __init__(self, space: Union, number: int) -> None:
        self.number = number
        self._space, self._member = space, space.members[number]

    def holds(self, other: SkeletonSpace, rows: Rows, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Whether this member holds the network of each row of another member.

        Args:
            other: the other member.
            rows: settings of the other member.
            keys: fingerprints of the rows in the union.
        """
        mine, theirs = self._member.skeleton, other.skeleton
        if mine.layout != theirs.layout or len(mine.stages) != len(theirs.stages):
            return np.zeros(len(rows), bool)
        if combinations(self._member) <= ENUMERATE:
            return np.isin(joined(keys), self._names)
        return np.array([self._builds(settings(other, row), other, key) for row, key in zip(rows, keys, strict=True)])

    @cached_property
    def _names(self) -> NDArray[np.uint64]:
        """Fingerprints of all networks of a member that can be enumerated."""
        return np.unique(np.concatenate([self._examined(rows) for rows in enumerate_rows(self._member)]))

    def _examined(self, rows: Rows) -> NDArray[np.uint64]:
        """Fingerprints of the networks of valid rows of this member."""
        _, valid, keys = examine(self._space, self._space.whole(self.number, rows))
        return joined(keys[valid])

    def _builds(self, chosen: Mapping[str, Value], other: SkeletonSpace, key: NDArray[np.uint64]) -> bool:
        """Whether this member builds the network with fingerprints `key` from the settings `chosen`
        of another member."""
        columns = [_indices(parameter, chosen, other) for parameter in self._member.parameters]
        if prod(map(len, columns)) > FILLED:
            return False
        rows = np.array(list(product(*columns)), np.int32).reshape(-1, len(columns))
        return bool(np.isin(self._examined(deactivate(self._member, rows)), joined(key[None])).any())


def _indices(parameter: Parameter, chosen: Mapping[str, Value], other: SkeletonSpace) -> list[int]:
    """Value indices of a parameter at which a network with settings `chosen` of another space is
    looked for: those of the same value, or all if the other space does not tell one."""
    value = chosen.get(parameter.name)
    if value is None and parameter.name not in other.by_name:
        value = other.skeleton.at(parameter.stage, parameter.layer).get(parameter.dimension)
    return [index for index, own in enumerate(parameter.values) if own == value] or list(range(len(parameter.values)))
