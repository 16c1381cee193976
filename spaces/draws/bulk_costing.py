"""Costs and fingerprints of many settings at once, place by place; `spaces.draws.bulk` uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks import Block, Cost, InvalidBlock, Shape
from ...blocks.cost import linear_cost
from ...blocks.rules import marking
from ..candidates.fingerprint import fingerprint, mixed, repeated
from ..kinds.skeleton_space import SkeletonSpace
from ..values.parameters import Parameter
from ..values.plain_values import is_auto

Members = slice | NDArray[np.intp]
"""Rows that are costed together."""
Group = tuple[Members, dict[str, Any]]
"""Rows, and dimension → value at a place: a scalar, or an array where the formulas accept one."""


class Table:
    """Rows of value indices of one space, shape (rows, parameters); -1 is an inactive parameter."""

    def __init__(self, space: SkeletonSpace, rows: NDArray[np.int32]) -> None:
        self._space, self._rows, self._skeleton = space, rows, space.skeleton
        self._count = len(rows)
        self._columns: dict[tuple[str, str, Any], NDArray[Any]] = {}
        self._place = list(enumerate(space.parameters))

    def layers(self, stage: int) -> NDArray[np.int64]:
        """Return the number of layers of a stage for every row."""
        local = dict(self._skeleton.at(stage, 0))
        for index, parameter in self._place:
            for dimension in {"repeats", "depth"} & set(parameter.sets):
                if parameter.stage in (None, stage):
                    local[dimension] = self._column(index, parameter, dimension, local[dimension])
        return np.broadcast_to(np.asarray(self._skeleton.repeats(local), np.int64), self._count)

    def examine(self, keys: NDArray[np.uint64] | None = None) -> tuple[Cost, NDArray[np.bool_]]:
        """Return the cost of every row, and whether it is valid.

        A valid row builds a network and meets the constraints. `keys`, of shape (rows, 1 + stages),
        receives the fingerprints.
        """
        skeleton = self._skeleton
        with np.errstate(all="ignore"):
            walk = _Walk(self._count, keys)
            outside = list(self._groups(None, None))
            walk.enter([(members, skeleton.image(local, self._space.image)) for members, local in outside])
            walk.place(
                0, [(members, 1, partial(skeleton.stem, local)) for members, local in outside], held=walk.nothing
            )
            for stage in range(len(skeleton.stages)):
                self._stage(walk, stage)
            walk.place(0, [(members, 1, partial(skeleton.head, local)) for members, local in outside], held=walk.image)
            return walk.leave(self._space.classes), walk.valid & self._allowed()

    def _stage(self, walk: _Walk, stage: int) -> None:
        layers = self.layers(stage)
        layered = self._skeleton.varies(stage) or any(
            parameter.stage == stage and parameter.layer is not None for parameter in self._space.parameters
        )
        alike = [] if layered else list(self._groups(stage, 0))
        held = walk.image + walk.map
        for layer in range(int(layers.max(initial=0)) if layered else 2):
            counts = (
                (layers > layer).astype(np.int64)
                if layered
                else layers - 1
                if layer
                else np.ones(self._count, np.int64)
            )
            groups = self._groups(stage, layer) if layered else alike
            later = {"stride": 1} if layer else {}  # only a stage's first layer has its stride
            layers_of = [
                (members, counts[members], partial(self._skeleton.layer, {**local, **later}, layer))
                for members, local in groups
            ]
            walk.place(1 + stage, layers_of, held=held if layer else walk.image)

    def _groups(self, stage: int | None, layer: int | None) -> Iterator[Group]:
        """Split the rows into groups that one call of the skeleton can handle at one place."""
        base = self._skeleton.at(stage, layer)
        arrays: list[tuple[str, NDArray[Any]]] = []
        fixed: list[tuple[int, Parameter]] = []
        for index, parameter in self._place:
            if not (parameter.stage in (None, stage) and parameter.layer in (None, layer)):
                continue
            dimensions = [d for d in parameter.sets if self._matters(parameter, d, stage)]
            if not dimensions:
                continue
            values = {
                dimension: _explicit(parameter.of(dimension, base.get(dimension)), base.get(dimension))
                for dimension in dimensions
            }
            if len(parameter.values) > 1 and all(
                self._skeleton.takes_arrays(dimension, [*own, base.get(dimension)]) for dimension, own in values.items()
            ):
                arrays += [
                    (dimension, self._column(index, parameter, dimension, base.get(dimension)))
                    for dimension in dimensions
                ]
            else:
                fixed.append((index, parameter))
        for members, key in _partition(
            self._rows, [index for index, _ in fixed], [len(parameter.values) for _, parameter in fixed]
        ):
            settled: dict[str, Any] = {}
            for (_, parameter), chosen in zip(fixed, key, strict=True):
                if chosen >= 0:
                    for dimension, value in parameter.settings(parameter.values[chosen]).items():
                        if self._matters(parameter, dimension, stage):
                            settled[dimension] = _explicit([value], base.get(dimension))[0]
            strided = self._skeleton.strided(settled.get("strides", base["strides"]), self._space.image)
            local = {**strided.at(stage, layer), **settled}
            for dimension, column in arrays:
                local[dimension] = column[members]
            yield members, local

    def _matters(self, parameter: Parameter, dimension: str, stage: int | None) -> bool:
        if stage is None:
            return dimension in self._skeleton.outside
        return not (stage == 0 and parameter.stage is None and dimension in self._skeleton.spares_first)

    def _column(self, index: int, parameter: Parameter, dimension: str, base: Any) -> NDArray[Any]:
        """Return the value of a dimension in every row; `base` where the parameter is inactive."""
        key = (parameter.name, dimension, base)
        if key not in self._columns:
            values = np.asarray([*_explicit(parameter.of(dimension, base), base), base])
            self._columns[key] = values[self._rows[:, index]]
        return self._columns[key]

    def _allowed(self) -> NDArray[np.bool_]:
        allowed = np.ones(self._count, bool)
        for constraint in self._space.constraints:
            # evaluated with Python numbers, once for each combination of the values it mentions
            mentioned = [(index, parameter) for index, parameter in self._place if parameter.name in constraint.names]
            code = _codes(
                self._rows, [index for index, _ in mentioned], [len(parameter.values) for _, parameter in mentioned]
            )
            _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
            truths = np.zeros(len(first), bool)
            for place, row in enumerate(first):
                chosen = [(parameter, self._rows[row, index]) for index, parameter in mentioned]
                key = (constraint.text, *(int(value) for _, value in chosen))
                if key not in self._space.truths:
                    self._space.truths[key] = bool(
                        constraint.holds({p.name: p.values[value] for p, value in chosen if value >= 0})
                    )
                truths[place] = self._space.truths[key]
            allowed &= truths[inverse.ravel()]
        return allowed


class _Walk:
    """Carries cost, shape and validity of all rows from place to place."""

    def __init__(self, count: int, keys: NDArray[np.uint64] | None) -> None:
        self.valid = np.ones(count, bool)
        self._total = Cost(*(np.zeros(count, np.int64) for _ in range(4)))
        self._channels, self._height, self._width = (np.zeros(count, np.int64) for _ in range(3))
        self.nothing, self.image = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._keys = keys

    @property
    def map(self) -> NDArray[np.int64]:
        """Elements of the current map of every row."""
        return self._channels * self._height * self._width

    def enter(self, groups: Sequence[tuple[Members, tuple[int, Any, Any]]]) -> None:
        """Set the input images of the rows."""
        for members, (channels, height, width) in groups:
            self._channels[members], self._height[members], self._width[members] = channels, height, width
            self.image[members] = channels * height * width
        if self._keys is not None:
            self._keys[:, 0] = mixed(mixed(np.uint64(0), self._height), self._width)

    def place(
        self, part: int, groups: Sequence[tuple[Members, Any, Callable[[], Block | None]]], *, held: NDArray[np.int64]
    ) -> None:
        """Apply one block to each group of rows.

        Args:
            part: 0 outside the stages, 1 + stage inside them.
            groups: (rows, number of times that the block is applied, function that makes it).
            held: elements that callers of the block keep alive meanwhile, one for each row.
        """
        for members, count, make in groups:
            shape = Shape(self._channels[members], self._height[members], self._width[members])
            there = np.broadcast_to(np.asarray(count) > 0, len(shape.height))
            if not there.any():
                continue
            try:
                with marking(len(shape.height)) as broken:
                    block = make()
                    if block is None:
                        continue
                    block = block.resolved(shape)
                    cost, out = block.cost(shape) * count, block.out(shape)
            except InvalidBlock:
                self.valid[members] &= ~there
                continue
            self.valid[members] &= ~(broken & there)
            self._add(members, cost.beside(held[members] * there))
            everywhere = bool(there.all())
            for own, new in ((self._channels, out.channels), (self._height, out.height), (self._width, out.width)):
                own[members] = new if everywhere else np.where(there, new, own[members])
            if self._keys is not None:
                column = self._keys[:, part]
                column[members] = repeated(column[members], fingerprint(block), count)

    def _add(self, members: Members, cost: Cost) -> None:
        total = self._total
        total.macs[members] += cost.macs
        total.params[members] += cost.params
        total.activations[members] += cost.activations
        total.peak[members] = np.maximum(total.peak[members], cost.peak)

    def leave(self, classes: int) -> Cost:
        """Return the cost of every row, including the classifier."""
        return self._total + linear_cost(self._channels, classes)


def alike(space: SkeletonSpace, rows: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return an order of the rows that puts rows with equal values next to each other.

    Only parameters of the whole network count for which the formulas accept no arrays.
    """
    fixed = [
        (index, len(parameter.values))
        for index, parameter in enumerate(space.parameters)
        if parameter.stage is None
        and not all(space.skeleton.takes_arrays(dimension, parameter.of(dimension, 0)) for dimension in parameter.sets)
    ]
    return _order(_codes(rows, *zip(*fixed, strict=True))) if fixed else np.arange(len(rows))


def _partition(
    rows: NDArray[np.int32], columns: Sequence[int], sizes: Sequence[int]
) -> Iterator[tuple[Members, tuple[int, ...]]]:
    """Split rows into groups that agree in `columns`, and yield each with its values there."""
    if not columns or not len(rows):
        yield slice(None), ()
        return
    code = _codes(rows, columns, sizes)
    order = _order(code)
    ordered = code[order]
    starts = np.concatenate([[0], np.flatnonzero(np.diff(ordered)) + 1, [len(rows)]])
    if len(starts) == 2:
        yield slice(None), tuple(int(value) for value in rows[0, columns])
        return
    for start, end in pairwise(starts):
        members = order[start:end]
        yield members, tuple(int(value) for value in rows[members[0], columns])


def _codes(rows: NDArray[np.int32], columns: Sequence[int], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return a number for each row; rows that agree in `columns` have equal numbers."""
    if prod(size + 1 for size in sizes) >= 1 << 62:
        return np.unique(rows[:, columns], axis=0, return_inverse=True)[1].ravel()
    code = np.zeros(len(rows), np.int64)
    for column, size in zip(columns, sizes, strict=True):
        code = code * (size + 1) + rows[:, column] + 1
    return code


def _order(code: NDArray[np.int64]) -> NDArray[np.intp]:
    # NumPy sorts 16-bit numbers by radix sort, which is faster than comparing
    return np.argsort(code.astype(np.uint16) if code.max(initial=0) < 1 << 16 else code, kind="stable")


def _explicit(values: Sequence[Any], base: Any) -> list[Any]:
    """Replace "auto" by the baseline's value, if there is one."""
    return [base if is_auto(value) and base is not None else value for value in values]
