"""Writes the measures of a network as Markdown, for the README.md of its export and for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..writing.markdown_table import code, table

if TYPE_CHECKING:
    from .classifier_measures import TrainingMeasures

MOST_CLASSES, MOST_COLUMNS = 200, 20
"""Classes up to which the table of classes and the confusion matrix are written; config.json has
them in any case."""
SHOWN = 12
"""Classes named as never predicted."""


def measures_section(kept: TrainingMeasures, *, usage: bool = True) -> str:
    """A section with the measures on the test images if there are any, else on the validation
    images; `usage` says how to calibrate probabilities in Python."""
    part, found = kept.part, kept.parts[kept.part]
    text = f"\n## Measures\n\nOn the {found.images:,} {part} images: {found.in_words}."
    if kept.calibration:
        text += f" Probabilities are calibrated by {kept.calibration}."
    if kept.calibration and usage:
        code_ = f'(network(preprocess("image.png")) / {kept.temperature:.4g}).{found.probabilities}'
        text += f" In Python:\n\n```python\n{code_}\n```"
    text += "\n"
    if never := found.never_predicted:
        text += f"\nNever predicted: {', '.join(map(code, never[:SHOWN]))}{', …' if len(never) > SHOWN else ''}.\n"
    names = [code(each.name) for each in found.classes]
    if len(names) <= MOST_CLASSES:
        rows = [[name, *row] for name, row in zip(names, found.rows, strict=True)]
        text += f"\n{table(list(found.head), rows, left=1)}\n"
    if found.confusion and len(names) <= MOST_COLUMNS:
        counts = [[name, *map(str, row)] for name, row in zip(names, found.confusion, strict=True)]
        text += (
            f"\nImages of each class (row) by the class predicted (column):\n\n{table(['', *names], counts, left=1)}\n"
        )
    return text
