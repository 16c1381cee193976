"""The user's choices for reading a data set: which parts validate and test where their names do not
say so, what is to be predicted, and below which number of images a class is left out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...blocks.errors import InputError, unknown
from ...studies.tasks.task import REGRESSION, TASKS
from .names import check_is_text, shown

CROP = "crop"
FITS = (CROP, "letterbox")
"""How a picture becomes square."""


def columns_of(given: str | Sequence[str]) -> tuple[str, ...]:
    """The columns that are named; one text is one column, not its letters."""
    return (given,) if isinstance(given, str) else tuple(given)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The user's choices for a data set; the defaults leave it as it is."""

    validation: str | None = None
    """The part that validates: a folder within the data set's or a path; a split of the hub; the
    part in the names of arrays."""
    test: str | None = None
    """The part that tests, named in the same way."""
    drop_small_classes: int = 0
    """Classes with fewer than this many images to train on are left out."""
    image_column: str | None = None
    """The column of paths in a table of paths and labels; None takes one with a usual name."""
    label_column: str | None = None
    """The column of labels in such a table; None takes one with a usual name."""
    group: str | None = None
    """What keeps images together in one part of the split: a column of a table of paths and labels,
    or "folder", the folders within a class folder."""
    fit: str = CROP
    """How a picture becomes square: "crop", its largest central square, or "letterbox", all of it
    on a black square."""
    task: str | None = None
    """What is predicted, one of `TASKS`; None follows from the data, which never means numbers."""
    targets: tuple[str, ...] = ()
    """The columns of numbers to be predicted, of a table of paths; () takes that of labels."""
    tolerant: bool = False
    """Whether all that can be read is read, however many files are broken and classes empty, for a
    report on the data. A study never has it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "targets", columns_of(self.targets))
        for option, part in self.parts.items():
            if not part.strip():
                raise InputError(f"--{option} must name a part of the data set, but got {part!r}")
            check_is_text(part, f"--{option}")
        for option, column in self.columns.items():
            if not column.strip():
                raise InputError(f"--{option.replace('_', '-')} must name a column, but got {column!r}")
            check_is_text(column, f"--{option.replace('_', '-')}")
        if self.validation is not None and self.validation == self.test:
            raise InputError(f"--validation and --test must name two parts, but both are {self.test!r}")
        if self.fit not in FITS:
            raise unknown("--fit", self.fit, FITS)
        if self.drop_small_classes < 0:
            raise InputError(f"--drop-small-classes must be 0 or more, but got {self.drop_small_classes}")
        if self.task not in (None, *TASKS):
            raise unknown("--task", str(self.task), TASKS)
        for column in self.targets:
            if not column.strip():
                raise InputError(f"--targets must name columns, but got {column!r}")
            check_is_text(column, "--targets")
        if self.targets and self.task not in (None, REGRESSION):
            raise InputError(f"--targets name numbers to be predicted, which --task {self.task} does not have")
        if self.targets and self.label_column is not None:
            raise InputError("--targets and --label-column must not both be given: they name the same thing")
        if self.asked_task == REGRESSION and self.drop_small_classes:
            raise InputError("--drop-small-classes leaves out classes, but numbers to be predicted have none")

    @property
    def asked_task(self) -> str | None:
        """The task that is asked for: `task`, or by naming `targets` regression."""
        return REGRESSION if self.targets else self.task

    @property
    def parts(self) -> dict[str, str]:
        """The parts that are named: "validation", "test" or both."""
        named = {"validation": self.validation, "test": self.test}
        return {option: part for option, part in named.items() if part is not None}

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are named: "image_column", "label_column", "group"."""
        named = {"image_column": self.image_column, "label_column": self.label_column, "group": self.group}
        return {option: column for option, column in named.items() if column is not None}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON without the defaults: {} if nothing was chosen."""
        small = {"drop_small_classes": self.drop_small_classes} if self.drop_small_classes else {}
        fit = {} if self.fit == CROP else {"fit": self.fit}
        task = {} if self.task is None else {"task": self.task}
        return {**self.parts, **small, **self.columns, **fit, **task, **self._targets}

    @property
    def _targets(self) -> dict[str, list[str]]:
        return {"targets": list(self.targets)} if self.targets else {}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Reading:
        """The inverse of `to_dict`."""
        return cls(
            validation=data.get("validation"),
            test=data.get("test"),
            drop_small_classes=int(data.get("drop_small_classes", 0)),
            image_column=data.get("image_column"),
            label_column=data.get("label_column"),
            group=data.get("group"),
            fit=data.get("fit", CROP),
            task=data.get("task"),
            targets=tuple(data.get("targets", ())),
        )

    def absolute(self, name: str) -> Reading:
        """The same choices for the data set `name` from every working folder: a folder outside that
        of the data set becomes an absolute path."""
        root = os.path.expanduser(name)
        beyond = {option: part for option, part in self.parts.items() if not os.path.isdir(os.path.join(root, part))}
        outside = {option: os.path.expanduser(part) for option, part in beyond.items()}
        there = {option: path for option, path in outside.items() if os.path.isdir(root) and os.path.isdir(path)}
        return replace(self, **{option: os.path.realpath(path) for option, path in there.items()})

    def refuse_parts(self, name: str) -> None:
        """InputError if parts are named for a data set whose parts have no names."""
        if self.parts:
            options = " and ".join(f"--{option}" for option in self.parts)
            raise InputError(
                f"{options} must name a part of the data set, but {shown(name)} has no parts to choose from"
            )
