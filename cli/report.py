"""The command `automl report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_STORAGE, Json, Storage, StudyName
from .output import print_json
from .printed_measures import print_measures


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("report")(report)


def report(
    study: StudyName,
    storage: Storage = DEFAULT_STORAGE,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.md, report.json and the figures.")
    ] = None,
    json: Json = False,
) -> None:
    """Show how reliable a study's result is: random search at equal cost, rungs, seeds, hours spent
    and avoided."""
    from ..studies.results.reporting import report as run

    found = run(study, out=out, storage=storage)
    if json:
        print_json(found.to_dict())
        return
    for line in found.lines:
        print(line)
    if found.evidence.measures is not None:
        print_measures(found.evidence.measures)
    for file in found.files:
        print(f"written: {file}")
