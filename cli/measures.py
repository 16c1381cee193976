"""Prints the measures of a trained network: a line, a table of classes, a confusion matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .encoding import visible
from .tables import print_table

if TYPE_CHECKING:
    from ..studies.classifier_measures import TrainingMeasures

MOST_CLASSES, MOST_COLUMNS = 40, 12
"""Classes up to which the table of classes and the confusion matrix are printed; `--json` has them
in any case."""
SHOWN = 12
"""Classes named as never predicted."""


def print_measures(kept: TrainingMeasures) -> None:
    """Print the measures on the test images if there are any, else on the validation images."""
    part, found = kept.part, kept.parts[kept.part]
    names = [each.name for each in found.classes]
    if len(names) <= MOST_CLASSES:
        rows = [
            [each.name, f"{each.images:,}", f"{each.precision:.4f}", f"{each.recall:.4f}", f"{each.f1:.4f}"]
            for each in found.classes
        ]
        print_table(f"classes, {part} images", ["class", "images", "precision", "recall", "F1"], rows)
    if len(names) <= MOST_COLUMNS:
        rows = [[name, *map(str, counts)] for name, counts in zip(names, found.confusion, strict=True)]
        print_table(f"{part} images of a class (row) by the class predicted (column)", ["class", *names], rows)
    print(f"{found.images:,} {part} images: {found.in_words}")
    print(f"calibrated: {found.calibration}")
    if never := found.never_predicted:
        print(visible(f"never predicted: {', '.join(never[:SHOWN])}{', …' if len(never) > SHOWN else ''}"))
