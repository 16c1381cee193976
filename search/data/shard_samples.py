"""The samples of WebDataset shards: the members of one name in a shard, as images and as rows of a
table.

A sample has one image, of any kind that is read, and says what it shows: `.cls` holds a whole
number or a name, `.json` a mapping whose fields are columns as those of a table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...blocks.errors import InputError
from .kinds import is_called_an_image
from .names import shown
from .path_list import LABEL
from .path_table import same_name
from .reading_options import Reading
from .shards import Damaged, Member, members, open_member

JSON, CLASS = "json", "cls"
"""Endings of the members with fields, and with the label."""
LARGEST = 2**20
"""Bytes of a member that says what an image shows, at most."""
OWN = "__"
"""Members whose names begin so are about the shard."""


@dataclass(slots=True)
class Sample:
    """The members of one name in a shard."""

    shard: int
    """Number of the shard."""
    name: str
    """What they have in common: the path up to the first dot of the last step."""
    images: dict[str, Member] = field(default_factory=dict)
    """Ending -> image."""
    row: dict[str, Any] = field(default_factory=dict)
    """Column -> value."""
    endings: set[str] = field(default_factory=set)
    """The endings of all members."""
    others: str = ""
    """The name of a member that is neither; empty if there is none."""


@dataclass(kw_only=True)
class Samples:
    """What was found in all shards."""

    root: Path
    shards: Sequence[Path]
    name: str
    """What to call the data set in messages."""
    reading: Reading
    found: list[Sample] = field(default_factory=list)
    columns: dict[str, None] = field(default_factory=dict)
    """Every column that a sample has, in order."""
    skipped: list[str] = field(default_factory=list)
    """What cannot be read, each with the reason."""

    def __post_init__(self) -> None:
        given = (self.reading.label_column, self.reading.group, *self.reading.targets)
        self.wanted: set[str] = {same_name(column) for column in (*LABEL, CLASS, *given) if column is not None}

    def place(self, shard: int, name: str = "") -> str:
        """A shard, or a member of it, for people."""
        return shown((self.shards[shard].relative_to(self.root) / name).as_posix())

    def read(self) -> None:
        """Read all shards; only members that are needed for labels, targets and groups.

        Raises:
            InputError: a shard is damaged, or two members of it have one name.
        """
        for number, shard in enumerate(self.shards):
            samples: dict[str, Sample] = {}
            try:
                for member in members(shard):
                    self._add(samples, number, shard, member)
            except Damaged as error:
                self._refuse(self.place(number), error.reason)
            self.found.extend(samples.values())

    def _add(self, samples: dict[str, Sample], number: int, shard: Path, member: Member) -> None:
        folder, _, last = member.name.rpartition("/")
        stem, dot, ending = last.partition(".")
        if not stem or not dot or member.name.startswith(OWN):  # hidden, or about the shard itself
            return
        ending, name = ending.lower(), f"{folder}/{stem}" if folder else stem
        sample = samples.setdefault(name, Sample(number, name))
        if ending in sample.endings:
            self._refuse(self.place(number, member.name), "a shard must not hold two members of one name")
            return
        sample.endings.add(ending)
        wanted = self.reading.image_column
        if (wanted is not None and same_name(ending) == same_name(wanted)) or is_called_an_image(f"x.{ending}"):
            sample.images[ending] = member
        elif ending == JSON or same_name(ending) in self.wanted:
            try:
                self._note(sample, ending, _content(shard, member))
            except ValueError as error:
                self._refuse(self.place(number, member.name), str(error))
        else:
            sample.others = member.name

    def _note(self, sample: Sample, ending: str, content: bytes) -> None:
        """Add what a member says of its image."""
        if ending != JSON:
            self.columns[ending] = None
            sample.row[ending] = content.decode("utf-8", "surrogateescape")
            return
        try:
            fields = json.loads(content)
        except (ValueError, RecursionError):
            fields = None
        if not isinstance(fields, dict):
            raise ValueError('a .json of a sample must hold a mapping, such as {"label": "cat"}')
        self.columns.update(dict.fromkeys(fields))
        kept = {column: value for column, value in fields.items() if same_name(column) in self.wanted}
        sample.row = {**kept, **sample.row}  # a member of its own counts before a field

    def _refuse(self, what: str, reason: str) -> None:
        """Raise InputError, or note what cannot be read where all that can be read is wanted."""
        if not self.reading.tolerant:
            raise InputError(f"{self.name}: {what}: {reason}")
        self.skipped.append(f"{what}: {reason}")


def _content(shard: Path, member: Member) -> bytes:
    if member.size > LARGEST:
        raise ValueError(f"it must have at most {LARGEST:,} bytes, but has {member.size:,}")
    with open_member(shard, member) as file:
        content = file.read()
    if len(content) < member.size:
        raise ValueError("the shard ends within it")
    return content
