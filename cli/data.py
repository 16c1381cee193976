"""The command `automl data check`: what a data set holds, and whether a search would take it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import (
    Cache,
    DataDir,
    DropSmallClasses,
    Fit,
    GroupBy,
    ImageColumn,
    Json,
    LabelColumn,
    Targets,
    Task,
    Test,
    Validation,
)
from .output import print_json
from .printed_tables import print_table
from .text import columns_in

if TYPE_CHECKING:
    from ..search.data.checking import DataCheck

MOST = 40
"""Classes in the table, and lines of broken images, at most; `--json` has all."""


def add_to(app: typer.Typer) -> None:
    """Register the command group `data`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The images that a search trains on.")
    group.command("check")(check)
    group.callback()(lambda: None)  # one command in a group is still a group
    app.add_typer(group, name="data")


def check(
    data: Annotated[
        str, typer.Argument(metavar="PATH", help="A folder of class folders, a file, or a name, as --data of a search.")
    ],
    sheet: Annotated[
        Path | None, typer.Option(help="Write a contact sheet: a PNG with some images of each class.")
    ] = None,
    validation: Validation = None,
    test: Test = None,
    drop_small_classes: DropSmallClasses = 0,
    image_column: ImageColumn = None,
    label_column: LabelColumn = None,
    task: Task = None,
    targets: Targets = None,
    group: GroupBy = None,
    fit: Fit = "crop",
    data_dir: DataDir = None,
    download: Annotated[bool, typer.Option("--download", help="Download the data set if it is missing.")] = False,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Check a data set before a search: classes, sizes, broken files, images that are there twice,
    and how the images will be read and split.

    Exit code 2 says that a search would refuse the data; what can be read is described all the
    same.
    """
    from ..blocks.errors import InputError
    from ..search.data.checking import check_data
    from ..search.data.names import shown

    found = check_data(
        data,
        sheet=sheet,
        validation=validation,
        test=test,
        drop_small_classes=drop_small_classes,
        image_column=image_column,
        label_column=label_column,
        group=group,
        fit=fit,
        task=task,
        targets=() if targets is None else columns_in(targets),
        data_dir=data_dir,
        download=download,
        cache=cache,
    )
    if json:
        print_json(found.to_dict())
    else:
        _print(found, shown(data))
    if found.refused is not None:
        raise InputError(f"a search would refuse these data: {found.refused}")


def _print(found: DataCheck, name: str) -> None:
    """The table of classes, labels or numbers, the lines, the broken images and the sheet."""
    from ..studies.records.measure import significant
    from ..studies.tasks.task import NOUNS

    counts = sorted(found.classes.items(), key=lambda one: -sum(one[1].values()))
    rows = [[label, f"{sum(parts.values()):,}", *(f"{count:,}" for count in parts.values())] for label, parts in counts]
    left = len(rows) - MOST
    if left > 0:  # the largest and the smallest
        rows = [*rows[: MOST // 2], [f"… {left:,} more", "", "", "", ""], *rows[-MOST // 2 :]]
    one, several = NOUNS[found.task]
    if found.targets:
        heads = list(next(iter(found.targets.values())))
        rows = [[each, *(significant(value) for value in of.values())] for each, of in found.targets.items()]
        print_table(f"targets of {name}, {found.images:,} images", [one, *heads], rows)
    else:
        print_table(f"{several} of {name}", [one, "images", "train", "validation", "test"], rows)
    for line in found.lines:
        print(line)
    for line in found.broken[:MOST]:
        print(f"broken: {line}")
    if len(found.broken) > MOST:
        print(f"broken: and {len(found.broken) - MOST:,} more, which --json lists")
    if found.sheet is not None:
        print(f"written: {found.sheet}")
