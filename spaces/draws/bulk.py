"""Draws, enumerates and costs many settings at once, as arrays.

Settings are rows of value indices, with one column for each parameter and -1 where it is inactive.
Costs are computed place by place (stem, every layer, head), by the skeleton and the formulas that
also build and cost one candidate. A formula takes numbers as arrays, but not choices such as the
kind of an attention; therefore the rows with equal choices at a place are costed together. A space
with a choice in every layer takes one pass for each choice, not one for each combination. The rows
of a union are split by family, and the functions of the member are applied to each part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from math import prod
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from numpy.typing import NDArray

from ...blocks import Cost, InvalidBlock
from ..candidates.candidate import Layout
from ..kinds.skeleton_space import SkeletonSpace
from ..kinds.union import Union
from ..space import Space
from ..values.parameters import Value
from .bulk_costing import Table, alike

if TYPE_CHECKING:
    from ..candidates.candidate import Candidate

Rows = NDArray[np.int32]
METRICS = tuple(field.name for field in fields(Cost) if field.name != "subject")
"""The counts that a `Cost` holds."""
LAYOUTS = get_args(Layout)
"""The names of modules that a network can have, by number."""
ENUMERATE = 1 << 18
"""Largest number of combinations of a space that is enumerated."""
CHUNK = 1 << 16
"""Rows costed in one pass: few enough that their arrays stay in the CPU caches, and enough that the
overhead of a pass is small."""


@dataclass(frozen=True, eq=False, slots=True)
class RowCandidates:
    """The candidates of rows, each built on demand: the `subject` of their costs."""

    space: Space
    """The space of the settings."""
    rows: Rows
    """Settings, of shape (candidates, parameters)."""

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Candidate | None]:
        """The candidates in order; None where no network can be built."""
        for row in self.rows:
            try:
                yield self.space.candidate(settings(self.space, row))
            except InvalidBlock:
                yield None

    def __getitem__(self, chosen: NDArray[Any]) -> RowCandidates:
        """The candidates that a mask or indices select."""
        return RowCandidates(self.space, self.rows[chosen])


def settings(space: Space, row: NDArray[np.int32]) -> dict[str, Value]:
    """One row as a mapping parameter -> value; inactive parameters are left out."""
    return {
        parameter.name: parameter.values[index]
        for parameter, index in zip(space.parameters, row, strict=True)
        if index >= 0
    }


def row_of(space: Space, chosen: dict[str, Value]) -> NDArray[np.int32]:
    """The row of `chosen`, the inverse of `settings`."""
    return np.array([p.values.index(chosen[p.name]) if p.name in chosen else -1 for p in space.parameters], np.int32)


def draw(space: Space, count: int, rng: np.random.Generator) -> Rows:
    """Draw `count` rows, every parameter uniformly over its values; inactive ones become -1."""
    return deactivate(space, draw_values(space, count, rng))


def draw_values(space: Space, count: int, rng: np.random.Generator) -> Rows:
    """Draw `count` rows with a value for every parameter, active or not, uniformly."""
    columns = [rng.integers(0, len(parameter.values), count, dtype=np.int32) for parameter in space.parameters]
    return np.stack(columns, axis=1) if columns else np.zeros((count, 0), np.int32)


def combinations(space: Space) -> int:
    """Number of combinations that `enumerate_rows` goes through, values of inactive parameters
    included."""
    if isinstance(space, Union):
        return sum(combinations(member) for member in space.members)
    return prod(len(parameter.values) for parameter in space.parameters)


def enumerate_rows(space: Space, chunk: int = 200_000) -> Iterator[Rows]:
    """All settings, each once, in chunks of at most `chunk` rows."""
    if isinstance(space, Union):
        for number, member in enumerate(space.members):
            yield from (space.whole(number, rows) for rows in enumerate_rows(member, chunk))
        return
    sizes = [len(parameter.values) for parameter in space.parameters]
    for start in range(0, prod(sizes), chunk):
        yield active_once(space, unravelled(np.arange(start, min(start + chunk, prod(sizes))), sizes))


def unravelled(flat: NDArray[np.int64], sizes: Sequence[int]) -> Rows:
    """Value indices of the combinations with these numbers; the last column varies fastest.
    (NumPy's own function takes at most 64 columns.)"""
    rows = np.zeros((len(flat), len(sizes)), np.int32)
    for column in range(len(sizes) - 1, -1, -1):
        flat, rows[:, column] = np.divmod(flat, sizes[column])
    return rows


def active_once(space: Space, raw: Rows) -> Rows:
    """Rows with -1 for inactive parameters, each setting once: rows that differ only in an inactive
    parameter are the same setting, and the first is kept."""
    rows = deactivate(space, raw)
    return rows[((rows >= 0) | (raw == 0)).all(axis=1)]


def deactivate(space: Space, rows: Rows) -> Rows:
    """Rows with -1 for every parameter that their other values make inactive."""
    if isinstance(space, Union):
        settled = np.full_like(rows, -1)
        for number, member, here, own in space.parts(rows):
            settled[here] = space.whole(number, deactivate(member, own))
        return settled
    assert isinstance(space, SkeletonSpace)
    column = {parameter.name: index for index, parameter in enumerate(space.parameters)}
    rows = rows.copy()
    layers: dict[int, NDArray[np.int64]] = {}
    for index, parameter in enumerate(space.parameters):
        for name, values in parameter.when:
            allowed = np.array([*(value in values for value in space.by_name[name].values), False])
            rows[~allowed[rows[:, column[name]]], index] = -1
        if parameter.layer is not None and parameter.stage is not None:
            if parameter.stage not in layers:  # the parameters that decide the number of layers come first
                layers[parameter.stage] = Table(space, rows).layers(parameter.stage)
            rows[layers[parameter.stage] <= parameter.layer, index] = -1
    return rows


def costs(space: Space, rows: Rows) -> tuple[Cost, NDArray[np.bool_]]:
    """Cost of every row, and whether it builds a network that meets the constraints; if it does
    not, its cost is 0."""
    cost, valid, _ = examine(space, rows, keys=False)
    return cost, valid


def examine(space: Space, rows: Rows, *, keys: bool = True) -> tuple[Cost, NDArray[np.bool_], NDArray[np.uint64]]:
    """Cost and validity of every row, and fingerprints of shape (rows, 1 + stages): the first is of
    image, stem and head, the others are of the stages. For a union, `stages` are those of the
    member that has most, and one more column tells the names of the network's modules.

    Two valid rows build the same candidate if all their fingerprints are equal, except for a
    probability of about rows² / 2^64.
    """
    count = len(rows)
    total = Cost(*(np.zeros(count, np.int64) for _ in METRICS), subject=RowCandidates(space, rows))
    valid = np.zeros(count, bool)
    fingerprints = np.zeros((count, _width(space) if keys else 0), np.uint64)
    for part, cost, good, names in _passes(space, rows, keys):
        for metric in METRICS:
            getattr(total, metric)[part] = np.where(good, getattr(cost, metric), 0)
        valid[part] = good
        if names is not None:
            fingerprints[part, : names.shape[1]] = names
            if isinstance(space, Union):
                fingerprints[part, -1] = LAYOUTS.index(space.members[rows[part][0, 0]].skeleton.layout)
    return total, valid, fingerprints


Pass = tuple[slice | NDArray[np.intp], Cost, NDArray[np.bool_], NDArray[np.uint64] | None]
"""Some of the rows: which, their costs, whether they are valid, and their fingerprints if asked."""


def _passes(space: Space, rows: Rows, keys: bool) -> Iterator[Pass]:
    """Examine rows in passes of at most `CHUNK`, none of them with rows of two families."""
    if isinstance(space, Union):
        for _, member, here, own in space.parts(rows):
            yield from ((here[part], cost, good, names) for part, cost, good, names in _passes(member, own, keys))
        return
    assert isinstance(space, SkeletonSpace)
    # rows with equal choices are placed together, so that a chunk needs few passes
    order = alike(space, rows) if len(rows) > CHUNK else None
    for start in range(0, len(rows), CHUNK):
        part = slice(None) if order is None else order[start : start + CHUNK]
        table = Table(space, rows[part])
        names = np.zeros((len(rows[part]), _width(space)), np.uint64) if keys else None
        yield part, *table.examine(names), names


def _width(space: Space) -> int:
    """Number of fingerprints of a row."""
    if isinstance(space, Union):
        return 1 + max(map(_width, space.members))
    assert isinstance(space, SkeletonSpace)
    return 1 + len(space.skeleton.stages)


def selected(cost: Cost, rows: NDArray[Any]) -> Cost:
    """The costs of some rows; `rows` is a mask or indices."""
    subject: Any = cost.subject
    return Cost(
        *(getattr(cost, metric)[rows] for metric in METRICS), subject=None if subject is None else subject[rows]
    )


def concatenated(costs: Sequence[Cost]) -> Cost:
    """The costs of several tables as those of one table, in the order given."""
    parts = [cost.subject for cost in costs if isinstance(cost.subject, RowCandidates)]
    subject = None
    if parts and len(parts) == len(costs):
        subject = RowCandidates(parts[0].space, np.concatenate([part.rows for part in parts]))
    return Cost(*(np.concatenate([getattr(cost, metric) for cost in costs]) for metric in METRICS), subject=subject)


def joined(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One fingerprint for each row, from all its columns."""
    from ..candidates.fingerprint import mixed

    total = np.zeros(len(keys), np.uint64)
    for column in keys.T:
        total = mixed(total, column)
    return total
