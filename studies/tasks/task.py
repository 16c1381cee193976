"""What networks are trained to give for an image: a class, labels, or numbers.

A task follows from the data, is kept with the study, and decides outputs, loss, measures and what
an exported network prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

CLASSIFICATION, MULTI_LABEL, REGRESSION = "classification", "multi-label", "regression"
TASKS = (CLASSIFICATION, MULTI_LABEL, REGRESSION)
"""One class for each image; any number of labels; one or several numbers."""
DEFAULT_METRIC = {CLASSIFICATION: "accuracy", MULTI_LABEL: "mean-average-precision", REGRESSION: "mae"}
"""The quality measure of a search where none is named."""
NOUNS = {CLASSIFICATION: ("class", "classes"), MULTI_LABEL: ("label", "labels"), REGRESSION: ("target", "targets")}
"""What the outputs of a network stand for, in singular and plural."""


def task_of(data: Mapping[str, Any]) -> str:
    """The task of a study, by what it keeps of its data; those of earlier versions classify."""
    return str(data.get("task", CLASSIFICATION))


def unit_in_words(task: str, targets: Sequence[str]) -> str:
    """In what errors of numbers are measured; empty for other tasks.

    >>> unit_in_words(REGRESSION, ["age"])
    'in the unit of age'
    """
    if task != REGRESSION:
        return ""
    if len(targets) == 1:
        return f"in the unit of {targets[0]}"
    return f"mean over {len(targets)} targets, in standard deviations of the training images"


def counted(task: str, count: int) -> str:
    """A number of outputs in words.

    >>> counted(MULTI_LABEL, 1), counted(CLASSIFICATION, 1200)
    ('1 label', '1,200 classes')
    """
    one, several = NOUNS[task]
    return f"{count:,} {one if count == 1 else several}"
