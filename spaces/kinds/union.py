"""Unions: several spaces searched as one, in which the family is a choice like any other.

A union has the parameter `family`, whose values name its members. The parameters of a member carry
the name of its family (`resnet.width`) and are active only in that family. A candidate of a union
is the member's candidate: it has the same id and the same cost.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError, InvalidBlock
from ...blocks.errors import unknown
from ..candidates.candidate import Candidate
from ..skeletons.skeleton import Image
from ..space import FILES, Settings, Space, load_space, read_classes, read_image
from ..values.parameters import Parameter
from ..values.yaml_source import Source
from .shorthand import STANDS_ON
from .skeleton_space import SkeletonSpace

FAMILY = "family"
"""Name of the parameter whose values are the names of the members."""
_keys = ("name", "image", "classes", "union")
_name = re.compile(r"[A-Za-z0-9_-]+")
_reading: ContextVar[frozenset[Path]] = ContextVar("files of unions that are being read", default=frozenset())


@dataclass(frozen=True, kw_only=True)
class Union(Space, key="union"):
    """Several spaces as one; `union` makes one of spaces, `read` of a file."""

    members: tuple[SkeletonSpace, ...]
    """The spaces, at least two. Each is called as its family, and all have the same image and
    classes."""

    @classmethod
    def read(cls, source: Source) -> Space:
        """Make the union that a file describes; raises as `from_source`."""
        data = source.data
        for key in data:
            if key not in _keys:
                raise source.error((key,), unknown("key of a union:", str(key), _keys))
        entries = data["union"]
        if not isinstance(entries, list | tuple) or not entries:
            raise source.error(
                ("union",), f"union must be a list of names, files or spaces, at least one, but got {entries!r}"
            )
        members = [_entry(source, index, entry) for index, entry in enumerate(entries)]
        image, classes = read_image(source, members[0].image), read_classes(source, members[0].classes)
        try:
            return union(members, name=str(data.get("name", Path(source.name).stem)), image=image, classes=classes)
        except InputError as error:
            raise source.error(("union",), error) from None

    def to_dict(self) -> dict[str, Any]:
        """Return the union as plain data with all members spelled out; `from_dict` reads it."""
        return {
            "name": self.name,
            "image": list(self.image),
            "classes": self.classes,
            "union": [member.to_dict() for member in self.members],
        }

    def adapted(
        self, *, classes: int | None = None, channels: int | None = None, image_size: int | None = None
    ) -> Self:
        """Return the same union for other inputs and outputs, as `Space.adapted`."""
        members = [member.adapted(classes=classes, channels=channels, image_size=image_size) for member in self.members]
        return cast(Self, union(members, name=self.name))

    @cached_property
    def size(self) -> int:
        """Number of settings of all members before constraints."""
        return sum(member.size for member in self.members)

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """For each member, the places of its parameters among those of the union."""
        ends = np.cumsum([1, *(len(member.parameters) for member in self.members)]).tolist()
        return tuple(slice(start, end) for start, end in pairwise(ends))

    def parts(
        self, rows: NDArray[np.int32]
    ) -> Iterator[tuple[int, SkeletonSpace, NDArray[np.intp], NDArray[np.int32]]]:
        """Split rows of value indices by family.

        Yields, for every member with rows: its number, the member, the indices of its rows, and
        these rows with the member's own parameters.
        """
        for number, (member, columns) in enumerate(zip(self.members, self.columns, strict=True)):
            here = np.flatnonzero(rows[:, 0] == number)
            if len(here):
                yield number, member, here, rows[here, columns]

    def whole(self, number: int, rows: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return rows of the member `number` as rows of the union."""
        found = np.full((len(rows), len(self.parameters)), -1, np.int32)
        found[:, 0] = number
        found[:, self.columns[number]] = rows
        return found

    def chosen(self, settings: Mapping[str, Any]) -> tuple[SkeletonSpace, dict[str, Any]]:
        """Return the member of the family in `settings`, and the settings of the member.

        Raises:
            InvalidBlock: `settings` names no family of the union.
        """
        family = settings.get(FAMILY)
        number = next((number for number, member in enumerate(self.members) if member.name == family), None)
        if number is None:
            names = ", ".join(member.name for member in self.members)
            raise InvalidBlock(f"settings of a union must name its {FAMILY} ({names}), but got {family!r}")
        columns, member = self.columns[number], self.members[number]
        own = zip(self.parameters[columns], member.parameters, strict=True)
        return member, {mine.name: settings[shown.name] for shown, mine in own if shown.name in settings}

    def active(self, parameter: Parameter, settings: Mapping[str, Any]) -> bool:
        """Whether a parameter has an effect, given the settings of the parameters before it."""
        if parameter.name == FAMILY:
            return True
        member, own = self.chosen(settings)
        family, _, name = parameter.name.partition(".")
        return family == member.name and member.active(member.by_name[name], own)

    def candidate(self, settings: Settings) -> Candidate:
        """Return the member's candidate of `settings`; raises as `Space.candidate`."""
        member, own = self.chosen(settings)
        return member.candidate(own)

    def base(self) -> Candidate:
        """Return the base network of the first member."""
        return self.members[0].base()

    def violated(self, settings: Settings) -> str | None:
        """Return the first constraint of the member that does not hold; None if all hold."""
        member, own = self.chosen(settings)
        return member.violated(own)


def union(spaces: Sequence[Space], *, name: str, image: Image | None = None, classes: int | None = None) -> Space:
    """Make the union of spaces; the members of unions among them become members.

    Args:
        spaces: the spaces; the union of one is that space.
        name: the name of the union.
        image: the image of all members; that of the first if None.
        classes: the classes of all members; those of the first if None.

    Raises:
        InputError: two families have the same name, or a name has other characters than letters,
            digits, `_` and `-`.
    """
    image, classes = image or spaces[0].image, classes or spaces[0].classes
    members = [
        member.with_image(image, classes)
        for space in spaces
        for member in (space.members if isinstance(space, Union) else [space])
        if isinstance(member, SkeletonSpace)
    ]
    if len(members) == 1:
        return members[0]
    names = [member.name for member in members]
    for each in names:
        if not _name.fullmatch(each):
            raise InputError(
                f"a family is called by letters, digits, _ and -, but got {each!r}; give it a name of its own, as in"
                f" {{{re.sub(r'[^A-Za-z0-9_-]+', '-', each).strip('-') or 'mine'}: {each}}}"
            )
        if names.count(each) > 1:
            raise InputError(
                f"the families of a union have different names, but {each!r} is given {names.count(each)} times; give"
                f" one a name of its own, as in {{{each}-2: {each}}}"
            )
    family = Parameter(name=FAMILY, dimension=FAMILY, values=tuple(names))
    own = [_named(member.name, parameter) for member in members for parameter in member.parameters]
    return Union(name=name, image=image, classes=classes, parameters=(family, *own), members=tuple(members))


def _named(family: str, parameter: Parameter) -> Parameter:
    """Return a parameter of a member as a parameter of the union."""
    when = tuple((f"{family}.{name}", values) for name, values in parameter.when)
    return replace(parameter, name=f"{family}.{parameter.name}", when=((FAMILY, (family,)), *when))


def _entry(source: Source, index: int, entry: Any) -> Space:
    """Read one entry of `union`: a name, a file or a space, perhaps under a name of its own."""
    path = ("union", index)
    if isinstance(entry, Mapping) and len(entry) == 1 and not {*STANDS_ON, "union"} & set(entry):
        ((own, entry),) = entry.items()
        found = _space(source, (*path, own), entry)
        if isinstance(found, Union):
            raise source.error(path, f"a name of its own goes with one space, but {own!r} is given to a union")
        return replace(found, name=str(own))
    return _space(source, path, entry)


def _space(source: Source, path: tuple[str | int, ...], entry: Any) -> Space:
    """Read a name, a file or a space at `path` of a union's file."""
    if isinstance(entry, Mapping):
        lines = {place[len(path) :]: line for place, line in source.lines.items() if place[: len(path)] == path}
        named = {"name": str(entry.get("baseline") or entry.get("skeleton") or Path(source.name).stem), **entry}
        return Space.from_source(Source(named, source.name, lines))
    if not isinstance(entry, str):
        raise source.error(path, f"a union holds names, files and spaces, but got {entry!r}")
    file = Path(source.name).parent / entry
    if file.suffix not in FILES:
        try:
            return load_space(entry)
        except InputError as error:
            raise source.error(path, error) from None
    inside = {*_reading.get(), Path(os.path.realpath(source.name))}
    if Path(os.path.realpath(file)) in inside:
        raise source.error(path, f"a union must not contain itself, but {entry} does")
    token = _reading.set(frozenset(inside))
    try:
        return load_space(file)
    finally:
        _reading.reset(token)
