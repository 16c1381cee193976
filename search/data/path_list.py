"""A table of paths and labels or numbers: a row for each image, in CSV, Parquet or JSON lines.

Paths are relative to the folder of the table, or absolute. A column of splits may say which images
train, validate and test, and another one which images belong together.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from ...blocks.regular_file import require_regular
from ...studies.tasks.task import CLASSIFICATION, MULTI_LABEL, REGRESSION
from .decode import Openable
from .groups import BY_FOLDER, numbered
from .image_files import FOLDER_SIZE, ImageFiles, read_headers, read_images
from .images import NO_GROUPS, ImageData
from .label_columns import Answer, read_answers
from .names import escaped, listed, shown
from .path_table import Columns, find_column, read_columns, texts
from .reading_options import Reading
from .room import IN_MEMORY, Room
from .skipped import UNUSED
from .split_names import parts_by_split
from .strata import label_strata, number_strata

IMAGE = ("image", "path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "img", "img_path")
"""Usual names of the column of paths; of several the first is taken."""
LABEL = ("label", "class", "category", "class_name", "label_name", "target", "labels", "tags")
"""Usual names of the column of labels."""
SPLIT = ("split", "subset", "part", "set", "partition")
"""Usual names of the column of splits."""
FLAGS = {"0", "1", "0.0", "1.0", "True", "False", "true", "false"}
"""Cells of a column that says of each image whether it has a label."""
SEVERAL = {
    CLASSIFICATION: "; several labels of one image belong into one cell, as cat;dog",
    MULTI_LABEL: "; all labels of one image belong into one cell, as cat;dog",
}
"""What is added where a table has several rows for one image, by task."""
_ANSWER = {CLASSIFICATION: "label", MULTI_LABEL: "set of labels", REGRESSION: "number"}


@dataclass(frozen=True, kw_only=True)
class PathList:
    """The images of a table, not yet opened."""

    folder: Path
    """The folder of the table, as an absolute path."""
    paths: list[str] = field(default_factory=list)
    """The path of each image, absolute or relative to the folder."""
    labels: list[Answer] = field(default_factory=list)
    """The name of the class of each image, the names of its labels, or its numbers."""
    task: str = CLASSIFICATION
    """Which of these."""
    targets: tuple[str, ...] = ()
    """The columns of numbers."""
    names: dict[str, str] = field(default_factory=dict)
    """Label -> the name of its class for people, where that is another."""
    parts: list[str] = field(default_factory=list)
    """The part of each image: "train", "validation" or "test"."""
    groups: list[str | None] = field(default_factory=list)
    """The group of each image, None for one of its own; empty if none were asked for."""
    sources: tuple[tuple[str, str], ...] = ()
    """As `ImageData` has it."""
    skipped: list[str] = field(default_factory=list)
    """Rows that are left out, each with the reason."""

    def file(self, number: int) -> Path:
        """The file of an image; backslashes separate folders where no file has one in its name."""
        path = self.folder / self.paths[number]
        if "\\" in self.paths[number] and not os.path.lexists(path):
            return self.folder / self.paths[number].replace("\\", "/")
        return path

    def open(self, number: int) -> Openable:
        """What Pillow can open for an image.

        Raises:
            OSError: it is no file.
        """
        path = self.file(number)
        require_regular(path)  # a pipe or a device could block for ever
        return path


def read_path_list(
    listed_in: PathList,
    *,
    name: str,
    size: int | None = None,
    tolerant: bool = False,
    fit: str = "crop",
    room: Room = IN_MEMORY,
) -> ImageData:
    """Read the images of a table as squares of `size` pixels (64 when None), into `room`; grey only
    if all images are. Classes and labels are sorted by name, or by number where all are whole
    numbers.

    Raises:
        InputError: fewer than two classes or labels, or more than 1 % of the images cannot be read.
    """

    names = [shown(path) for path in listed_in.paths]
    files = ImageFiles(where=shown(name), names=names, open=listed_in.open, certain=True, tolerant=tolerant, fit=fit)
    images = read_images(files, read_headers(files), size or FOLDER_SIZE, room)
    found = _encoded(listed_in, images.numbers)
    part = np.array(listed_in.parts)[images.numbers]
    groups = numbered(listed_in.groups)[images.numbers] if listed_in.groups else NO_GROUPS
    return ImageData(
        name=name,
        images=images.pixels,
        **found,
        official_test=part == "test",
        official_validation=part == "validation",
        deep=images.deep,
        groups=groups,
        flip=True,
        native=images.native,
        kinds=images.kinds,
        files=tuple(listed_in.file(number) for number in images.numbers.tolist()),
        sources=listed_in.sources,
        skipped=(*images.skipped, *listed_in.skipped),
    )


def _encoded(listed_in: PathList, numbers: NDArray[np.int64]) -> dict[str, Any]:
    """Labels, classes and targets of the images `numbers`, as `ImageData` has them."""
    answers = listed_in.labels
    if listed_in.task == REGRESSION:
        values = np.array([answers[number] for number in numbers.tolist()], np.float64)
        names, labels = tuple(map(escaped, listed_in.targets)), number_strata(values)
        return {"labels": labels, "classes": names, "task": REGRESSION, "targets": values}
    several = [answer if isinstance(answer, tuple) else (answer,) for answer in answers]
    classes = _sorted({str(label) for each in several for label in each})
    places = {label: place for place, label in enumerate(classes)}
    names = tuple(escaped(listed_in.names.get(label, label)) for label in classes)
    if listed_in.task == CLASSIFICATION:
        return {"labels": np.array([places[str(answer)] for answer in answers], np.int64)[numbers], "classes": names}
    flags = np.zeros((len(numbers), len(classes)))
    for row, number in enumerate(numbers.tolist()):
        flags[row, [places[str(label)] for label in several[number]]] = 1.0
    return {"labels": label_strata(flags), "classes": names, "task": MULTI_LABEL, "targets": flags}


def list_paths(path: Path, *, name: str, reading: Reading) -> PathList:
    """Read the table; no image is opened.

    Raises:
        InputError: the table cannot be read, a column is missing, an image has two labels or
            two groups, or the splits cannot be told apart.
    """
    name = shown(name)
    columns = read_columns(path, name)
    places = texts(columns, _required(columns, IMAGE, reading.image_column, "--image-column", "paths", name), name)
    label = None
    if not reading.targets:
        what = "numbers" if reading.asked_task == REGRESSION else "labels"
        label = _required(columns, LABEL, reading.label_column, "--label-column", what, name)
    answered = read_answers(columns, label, reading, name)
    splits, part_of = _splits(columns, reading, name)
    found = PathList(
        folder=Path(os.path.abspath(path)).parent,
        task=answered.task,
        targets=answered.targets,
        sources=tuple((part, f"split {shown(split)}") for split, part in part_of.items()) if len(part_of) > 1 else (),
        skipped=[
            f"split {shown(split)}: {UNUSED}, its name means no part"
            for split in dict.fromkeys(splits)
            if split not in part_of
        ],
    )
    groups = _groups(columns, places, reading.group, name)
    known: dict[tuple[str, str], tuple[Answer, str | None]] = {}
    conflicts: list[str] = []
    torn: list[str] = []
    for number, (place, answer, split) in enumerate(zip(places, answered.answers, splits, strict=True)):
        if split not in part_of:
            continue
        if place is None or answer is None:
            what = "path" if place is None else shown(answered.missing[number])
            found.skipped.append(f"{shown(place or f'row {number + 1}')}: {UNUSED}, it has no {what}")
            continue
        image, group = (os.path.normpath(place), part_of[split]), groups[number] if groups else None
        if image in known:
            other, its_group = known[image]
            if other != answer:
                conflicts.append(f"{shown(place)} is {_in_words(other)} and {_in_words(answer)}")
            elif its_group != group:
                torn.append(f"{shown(place)} is of {shown(its_group or '-')} and {shown(group or '-')}")
            continue
        known[image] = answer, group
        found.paths.append(place)
        found.labels.append(answer)
        found.parts.append(part_of[split])
        found.groups.extend(groups[number : number + 1])
    if conflicts and not reading.tolerant:
        what = _ANSWER[found.task]
        rows = "1 row has" if len(conflicts) == 1 else f"{len(conflicts):,} rows have"
        raise InputError(
            f"{name}: every image needs one {what}, but {rows} another {what} than an earlier row of the same image:"
            f" {listed(conflicts, 120, most=3)}{SEVERAL.get(found.task, '')}"
        )
    if torn:
        raise InputError(f"{name}: every image needs one group, but {listed(torn, 120, most=3)}")
    if not found.paths:
        raise InputError(f"{name} must hold a row with a path and a {_ANSWER[found.task]}, but it has none")
    return found


def _in_words(answer: Answer) -> str:
    if isinstance(answer, str):
        return shown(answer)
    return ", ".join(f"{each:g}" if isinstance(each, int | float) else shown(each) for each in answer) or "nothing"


def _required(columns: Columns, usual: tuple[str, ...], asked: str | None, option: str, what: str, name: str) -> str:
    """The column of paths or of labels."""
    found = find_column(list(columns), usual, asked, option, name)
    if found is None:
        raise InputError(
            f"{name} must have a column of {what} ({usual[0]}, {usual[1]}, … or the one that {option} names), but its"
            f" columns are: {listed([shown(column) for column in columns], 120)}{_of_flags(columns, what)}"
        )
    return found


def _of_flags(columns: Columns, what: str) -> str:
    """What to do about columns of 0 and 1, one for each label, where those of labels are looked
    for; empty if there are not two of them."""
    flags = [
        shown(column)
        for column, cells in columns.items()
        if {str(cell).strip() for cell in cells} <= FLAGS and len({str(cell).strip() for cell in cells}) > 1
    ]
    if what != "labels" or len(flags) < 2:
        return ""
    return (
        f"; columns of 0 and 1 such as {listed(flags, 40, most=2)} are not read: write their names into one column"
        " called label, as cat;dog"
    )


def _splits(columns: Columns, reading: Reading, name: str) -> tuple[list[str], dict[str, str]]:
    """The split of each row, and the part that each split is; an empty cell trains."""
    column = find_column(list(columns), SPLIT, None, "", name)
    if column is None:
        if reading.parts:
            options = " and ".join(f"--{part}" for part in reading.parts)
            raise InputError(
                f"{options} must name a split of {name}, but it has no column of splits ({', '.join(SPLIT)})"
            )
        return ["train"] * len(next(iter(columns.values()))), {"train": "train"}
    splits = [split or "train" for split in texts(columns, column, name)]
    named = parts_by_split(list(dict.fromkeys(splits)), reading, name)
    return splits, {split: part for part, split in named.items()}


def _groups(columns: Columns, places: list[str | None], group: str | None, name: str) -> list[str | None]:
    """The group of each row; empty if none were asked for."""
    if group is None:
        return []
    if group == BY_FOLDER and BY_FOLDER not in columns:
        return [None if place is None else os.path.dirname(os.path.normpath(place)) for place in places]
    return texts(columns, str(find_column(list(columns), (), group, "--group", name)), name)


def _sorted(labels: set[str]) -> list[str]:
    """The names of the classes in order."""
    whole = all(label.removeprefix("-").isdecimal() and len(label) < 20 for label in labels)
    return sorted(labels, key=lambda label: (int(label), label)) if whole else sorted(labels)
