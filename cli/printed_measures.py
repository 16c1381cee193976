"""Prints the measures of a trained network: a line, a table of classes, a confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .encoding import visible
from .printed_tables import print_table

if TYPE_CHECKING:
    from ..studies.trained.classifier_measures import TrainingMeasures

MOST_CLASSES, MOST_COLUMNS = 40, 12
"""Classes up to which the table of classes and the confusion matrix are printed; `--json` has them
in any case."""
SHOWN = 12
"""Classes named as never predicted."""


def print_measures(kept: TrainingMeasures) -> None:
    """Print the measures on the test images if there are any, else on the validation images."""
    from ..studies.tasks.task import NOUNS

    part, found = kept.part, kept.parts[kept.part]
    names = [each.name for each in found.classes]
    if len(names) <= MOST_CLASSES:
        rows = [[name, *row] for name, row in zip(names, found.rows, strict=True)]
        print_table(f"{NOUNS[kept.task][1]}, {part} images", list(found.head), rows)
    if found.confusion and len(names) <= MOST_COLUMNS:
        rows = [[name, *map(str, counts)] for name, counts in zip(names, found.confusion, strict=True)]
        print_table(f"{part} images of a class (row) by the class predicted (column)", ["class", *names], rows)
    print(visible(f"{found.images:,} {part} images: {found.in_words}"))
    if kept.calibration:
        print(f"calibrated: {kept.calibration}")
    if never := found.never_predicted:
        print(visible(f"never predicted: {', '.join(never[:SHOWN])}{', …' if len(never) > SHOWN else ''}"))
