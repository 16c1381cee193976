"""Many settings at once: draw, enumerate and cost them as arrays.

Settings are rows of value indices, one column a parameter, -1 where it is inactive. Rows that agree in all non-numeric dimensions are costed together by one
pass of the same formulas that cost one candidate.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..blocks import Cost, InvalidBlock
from .parameters import Parameter, Value
from .space import Space

Rows = NDArray[np.int32]


def settings(space: Space, row: NDArray[np.int32]) -> dict[str, Value]:
    """One row as parameter → value."""
    return {parameter.name: parameter.values[index] for parameter, index in zip(space.parameters, row, strict=True) if index >= 0}


def draw(space: Space, count: int, rng: np.random.Generator) -> Rows:
    """`count` rows, every parameter uniform over its values."""
    return deactivate(space, draw_values(space, count, rng))


def draw_values(space: Space, count: int, rng: np.random.Generator) -> Rows:
    """Uniform values for every parameter, active or not."""
    columns = [rng.integers(0, len(parameter.values), count, dtype=np.int32) for parameter in space.parameters]
    return np.stack(columns, axis=1) if columns else np.zeros((count, 0), np.int32)


def combinations(space: Space) -> int:
    """How many rows `enumerate_rows` walks through, inactive values counted."""
    return prod(len(parameter.values) for parameter in space.parameters)


def enumerate_rows(space: Space, chunk: int = 200_000) -> Iterator[Rows]:
    """All settings, each once, in chunks of at most `chunk` rows."""
    sizes = [len(parameter.values) for parameter in space.parameters]
    for start in range(0, prod(sizes), chunk):
        flat = np.arange(start, min(start + chunk, prod(sizes)))
        raw = np.stack(np.unravel_index(flat, sizes), axis=1).astype(np.int32) if sizes else np.zeros((len(flat), 0), np.int32)
        rows = deactivate(space, raw)
        # an inactive parameter would repeat the row once for each of its values: keep the first
        yield rows[((rows >= 0) | (raw == 0)).all(axis=1)]


def deactivate(space: Space, rows: Rows) -> Rows:
    """Rows with -1 for every parameter whose condition does not hold."""
    column = {parameter.name: index for index, parameter in enumerate(space.parameters)}
    rows = rows.copy()
    for index, parameter in enumerate(space.parameters):
        for name, values in parameter.when:
            allowed = [i for i, value in enumerate(space.by_name[name].values) if value in values]
            rows[~np.isin(rows[:, column[name]], allowed), index] = -1
    return rows


def groups(space: Space, rows: Rows) -> int:
    """How many passes `costs` takes over `rows`: one for each combination of their non-numeric values."""
    fixed = [index for index, parameter in enumerate(space.parameters) if not _is_numeric(space, parameter)]
    return len(np.unique(rows[:, fixed], axis=0)) if fixed else 1


def costs(space: Space, rows: Rows) -> tuple[Cost, NDArray[np.bool_]]:
    """Cost of every row, and whether it is a valid network that meets the constraints (where not, its cost is 0)."""
    count = len(rows)
    total = Cost(*(np.zeros(count, np.int64) for _ in range(3)))
    valid = np.ones(count, bool)
    vector = [_is_numeric(space, parameter) for parameter in space.parameters]
    fixed = [index for index, numeric in enumerate(vector) if not numeric]
    keys, inverse = np.unique(rows[:, fixed], axis=0, return_inverse=True) if fixed else (np.zeros((1, 0), np.int32), np.zeros(count, np.intp))
    order = np.argsort(inverse.ravel(), kind="stable")
    bounds = np.searchsorted(inverse.ravel()[order], np.arange(len(keys) + 1))
    for group, key in enumerate(keys):
        members = order[bounds[group] : bounds[group + 1]]
        values: dict[str, Any] = {}
        for index, chosen in zip(fixed, key, strict=True):
            if chosen >= 0:
                values[space.parameters[index].name] = space.parameters[index].values[chosen]
        for index, parameter in enumerate(space.parameters):
            if vector[index]:
                values[parameter.name] = np.asarray(parameter.values)[rows[members, index]]
        allowed = np.ones(len(members), bool)
        for constraint in space.constraints:
            allowed &= np.asarray(constraint.holds(values), bool)
        valid[members] = allowed
        try:
            cost = space.candidate(values).cost()
        except InvalidBlock:
            _one_by_one(space, rows, members, total, valid)
            continue
        total.macs[members], total.params[members], total.activations[members] = cost.macs, cost.params, cost.activations
    return total, valid


def _one_by_one(space: Space, rows: Rows, members: NDArray[np.intp], total: Cost, valid: NDArray[np.bool_]) -> None:
    """The rows of a group of which some cannot be built."""
    for member in members:
        try:
            cost = space.candidate(settings(space, rows[member])).cost()
        except InvalidBlock:
            valid[member] = False
            continue
        total.macs[member], total.params[member], total.activations[member] = cost.macs, cost.params, cost.activations


def _is_numeric(space: Space, parameter: Parameter) -> bool:
    """Whether the skeleton takes arrays of this parameter; conditional ones may be absent from a row and are grouped instead."""
    return (
        parameter.dimension in space.skeleton.numeric
        and not parameter.when
        and all(isinstance(value, int | float) and not isinstance(value, bool) for value in parameter.values)
    )
