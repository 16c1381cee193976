"""`automl report`."""

from __future__ import annotations

import json as plain_json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DEFAULT_STORAGE, Json, Storage, StudyName
from .output import print_json

if TYPE_CHECKING:
    from ..studies import Study
    from ..studies.evidence import Evidence


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
    """Show what a study's result rests on: random search of the same price, rungs, seeds, hours
    spent and avoided."""
    from ..studies import Study

    found = evidence_of(Study.open(storage, study))
    files = [] if out is None else write(found, out)
    if json:
        print_json(found.to_dict())
        return
    from ..studies.evidence import report_lines

    for line in report_lines(found):
        print(line)
    for file in files:
        print(f"written: {file}")


def evidence_of(study: Study) -> Evidence:
    """The evidence of a study, with the network that it hands over."""
    from ..studies.chosen import best
    from ..studies.evidence import Chosen, evidence
    from ..studies.measure import measured

    chosen = best(study)
    if chosen is None:
        return evidence(study)
    one = chosen.evaluation
    found = Chosen(
        id=chosen.candidate.id,
        value=chosen.accuracy,
        test=one.test_accuracy,
        confirmed=chosen.confirmed,
        measure=measured(one),
    )
    return evidence(study, found)


def write(found: Evidence, folder: Path) -> list[Path]:
    """report.md, report.json and the two figures; earlier ones of the same names are replaced.

    Raises:
        InputError: the folder cannot be written.
    """
    from ..blocks.errors import InputError
    from ..studies.evidence import front_figure, progress_figure, report_markdown
    from ..studies.scaling import save

    figures = [
        (f"{found.measure.capitalize()} against cost", "front.svg"),
        ("Best so far, beside random search", "progress.svg"),
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for (_, name), draw in zip(figures, (front_figure, progress_figure), strict=True):
            save(draw(found), folder / name)
        (folder / "report.md").write_text(report_markdown(found, figures=figures), encoding="utf-8")
        (folder / "report.json").write_text(
            plain_json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n", encoding="utf-8"
        )
    except OSError as error:
        raise InputError(f"--out cannot be written: {error}") from None
    return [folder / "report.md", folder / "report.json", *(folder / name for _, name in figures)]
