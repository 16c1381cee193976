"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from .completion import complete_study

Storage = Annotated[
    str, typer.Option("--storage", envvar="AUTOML_STORAGE", help="Database of the studies, any SQLAlchemy URL.")
]
DbPatience = Annotated[
    str,
    typer.Option(
        "--db-patience", help="Time for which a database that is locked or out of reach is waited for: 30s, 10min."
    ),
]
DEFAULT_DB_PATIENCE = "10min"
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
StudyName = Annotated[
    str,
    typer.Argument(
        metavar="STUDY", help="Name of a study (`automl studies` lists them).", autocompletion=complete_study
    ),
]
BudgetTexts = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        help="Bound on cost: 400MFLOPs, 0.4G, 300M..400MFLOPs, 5.3MParams, 2MB (peak memory); may be given several"
        " times.",
    ),
]
DataDir = Annotated[str | None, typer.Option("--data-dir", help="Where torchvision's data sets lie.")]
Cache = Annotated[
    str | None,
    typer.Option(
        "--cache",
        envvar="AUTOML_CACHE",
        help="Folder for decoded images; none: in memory. Default: automl/decoded in the user's cache folder.",
    ),
]
Validation = Annotated[
    str | None,
    typer.Option(
        help="Folder or split of the data that validates, by name or path. Without: val, valid, validation, dev, …"
    ),
]
Test = Annotated[
    str | None, typer.Option(help="Folder or split of the data that tests, by name or path. Without: test, testing, …")
]
DropSmallClasses = Annotated[int, typer.Option(min=0, help="Leave out classes with fewer images than this.")]
ImageColumn = Annotated[
    str | None,
    typer.Option(
        "--image-column", help="Column of paths in a table of paths and labels. Without: image, path, file, …"
    ),
]
LabelColumn = Annotated[
    str | None,
    typer.Option("--label-column", help="Column of labels in a table of paths and labels. Without: label, class, …"),
]
Task = Annotated[
    str | None,
    typer.Option(
        "--task",
        help="What is predicted: classification, multi-label (cells such as `cat;dog`, or lists) or regression"
        " (numbers). Without: labels as the table has them, never numbers.",
    ),
]
Targets = Annotated[
    str | None,
    typer.Option("--targets", help="Columns of numbers to be predicted, separated by commas; means regression."),
]
GroupBy = Annotated[
    str | None,
    typer.Option(
        "--group",
        help="Keep images together in one part of the split: by a column of a table, or folder (in a class folder).",
    ),
]
Fit = Annotated[
    str,
    typer.Option(
        "--fit",
        help="How a picture becomes square: crop (its largest central square) or letterbox (all of it, on black).",
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(
        "--image-size", min=1, max=100_000, help="Input size in pixels at which cost is counted. Without: the space's."
    ),
]

DEFAULT_STORAGE = "sqlite:///automl.db"
