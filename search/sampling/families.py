"""The families of a union, as samplers see them: one parameter chooses the family, and the names of
all others begin with the name of the family in which they are active."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Column, Table

Links = list[tuple[int, int, NDArray[np.float64]]]
"""(column from which a value is taken, column that takes it, the number there for each number)."""


@dataclass(frozen=True, kw_only=True)
class Families:
    """The families among which a sampler chooses."""

    name: str
    """The parameter that chooses the family."""
    regions: Mapping[str, Any]
    """For each family the region (`region.Region`) of its own parameters."""
    _links: dict[tuple[str, ...], Links] = field(default_factory=dict, repr=False)

    def place(self, columns: Sequence[Column]) -> int:
        """The column that chooses the family."""
        return next(index for index, column in enumerate(columns) if column.name == self.name)

    def own(self, columns: Sequence[Column], family: str) -> tuple[list[int], list[Column]]:
        """The columns of one family, and the same under the names that they have in its region."""
        prefix = f"{family}."
        places = [index for index, column in enumerate(columns) if column.name.startswith(prefix)]
        own = [
            Column(name=columns[index].name.removeprefix(prefix), distribution=columns[index].distribution)
            for index in places
        ]
        return places, own

    def carried(self, columns: Sequence[Column], table: Table) -> Table:
        """The rows in which each missing value is taken from the parameter of the same name in
        another family, if it is one of the values here. A change of the family thus keeps what it
        can."""
        names = tuple(column.name for column in columns)
        if names not in self._links:
            self._links[names] = _links(columns)
        filled = table.copy()
        for giver, taker, numbers in self._links[names]:
            gaps = np.flatnonzero(np.isnan(filled[:, taker]) & ~np.isnan(table[:, giver]))
            values = columns[giver].values
            assert values is not None
            filled[gaps, taker] = numbers[np.abs(values - table[gaps, giver, None]).argmin(axis=1)]
        return filled


def dimension(name: str) -> str:
    """The dimension that a parameter of a family sets: its name without family and place."""
    return name.partition(".")[2].partition(".")[0]


def _links(columns: Sequence[Column]) -> Links:
    """All pairs of parameters that have the same name in two families, and a value in common."""
    found: Links = []
    for giver, one in enumerate(columns):
        for taker, other in enumerate(columns):
            name = one.name.partition(".")[2]
            if giver != taker and name and name == other.name.partition(".")[2]:
                numbers = np.array([_same(other, one.value(number)) for number in _all(one)])
                if not np.isnan(numbers).all():
                    found.append((giver, taker, numbers))
    return found


def _same(column: Column, value: Any) -> float:
    """The number by which `column` encodes `value`; NaN if the column does not have that value."""
    number = column.number(value)
    values = _all(column)
    nearest = float(values[np.abs(values - number).argmin()]) if not math.isnan(number) else math.nan
    return nearest if math.isclose(nearest, number, abs_tol=1e-9) else math.nan


def _all(column: Column) -> NDArray[np.float64]:
    values = column.values
    assert values is not None  # a space has no continuous parameters
    return values
