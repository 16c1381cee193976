"""The report of a study as a function: how reliable its result is, as an object, text and files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...blocks.documented import documented
from ..choosing.believed_front import belief_about
from ..choosing.chosen import best
from ..records.measure import measured, words
from ..storage_url import open_study
from ..study import Study
from ..trained.classifier_measures import kept_measures
from ..writing.atomic_file import make_folder, refused, write_text

if TYPE_CHECKING:
    from ..evidence import Evidence


@documented
@dataclass(frozen=True, kw_only=True)
class Report:
    """The evidence of a study, and the files that were written of it."""

    evidence: Evidence
    """References and random search at equal cost, rungs, the surrogate, seeds, hours."""
    files: tuple[Path, ...] = ()
    """report.md, report.json, front.svg and progress.svg; empty if no folder was asked for."""

    @property
    def lines(self) -> list[str]:
        """The report as lines of text, as `automl report` prints it."""
        from ..evidence import report_lines

        return report_lines(self.evidence)

    def to_dict(self) -> Mapping[str, Any]:
        """The report as plain JSON with stable keys, as `automl report --json` prints it."""
        return self.evidence.to_dict()

    def __str__(self) -> str:
        """The lines of the report."""
        return "\n".join(self.lines)


def report(study: Study | str, *, out: str | Path | None = None, storage: str | None = None) -> Report:
    """Show how reliable a study's result is: random search at equal cost, rungs, seeds, hours.

    Args:
        study: the study, or its name.
        out: folder for report.md, report.json and two figures; files of these names are replaced.
            Without it nothing is written.
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.

    Raises:
        InputError: there is no such study, or the folder cannot be written.
    """
    found = evidence_of(open_study(study, storage))
    return Report(evidence=found, files=() if out is None else tuple(write(found, Path(out))))


def evidence_of(study: Study) -> Evidence:
    """The evidence of a study, with the network that it has chosen."""
    with study.snapshot():
        return _evidence_of(study)


def _evidence_of(study: Study) -> Evidence:
    from ..evidence import Chosen, evidence

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
        reference=chosen.reference,
        believed=belief_about(study, chosen.candidate.id),
    )
    return evidence(study, found, kept_measures(study, one))


def write(found: Evidence, folder: Path) -> list[Path]:
    """Write report.md, report.json and the two figures; earlier files of these names are replaced.

    Raises:
        InputError: the folder cannot be written.
        AutomlError: the disk refuses a file; earlier files stay as they were.
    """
    from ..evidence import front_figure, progress_figure, report_markdown
    from ..scaling import save

    caption = words(found.measure)
    figures = [
        (f"{caption[:1].upper()}{caption[1:]} against cost", "front.svg"),
        ("Best so far, beside random search", "progress.svg"),
    ]
    try:
        make_folder(folder)
        for (_, name), draw in zip(figures, (front_figure, progress_figure), strict=True):
            save(draw(found), folder / name)
        write_text(folder / "report.md", report_markdown(found, figures=figures))
        write_text(folder / "report.json", json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise refused("--out", error) from None
    return [folder / "report.md", folder / "report.json", *(folder / name for _, name in figures)]
