"""Describes for people what is to be predicted: classes, labels or numbers.

Shape letters: n images, k outputs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...studies.records.measure import significant
from ...studies.tasks.task import CLASSIFICATION, MULTI_LABEL, REGRESSION, counted
from .names import LINE, listed, shown

if TYPE_CHECKING:
    from .dealing import Split
    from .images import ImageData

QUANTILES = {"lowest": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "highest": 1.0}
"""What is shown of numbers."""


def class_counts(data: ImageData, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of `rows` that have each class, label or number, (k,)."""
    if data.task == CLASSIFICATION:
        return np.bincount(data.labels[rows], minlength=len(data.classes))
    if data.task == MULTI_LABEL:
        return data.targets[rows].sum(axis=0).astype(np.int64)
    return np.full(len(data.classes), len(rows), np.int64)


def quantiles(data: ImageData) -> dict[str, dict[str, float]]:
    """Quantiles, mean and standard deviation of each target, in its unit; {} without targets."""
    if data.task != REGRESSION:
        return {}
    found = {}
    for name, values in zip(data.classes, data.targets.T, strict=True):
        of_all = {word: float(np.quantile(values, share)) for word, share in QUANTILES.items()}
        found[shown(name)] = {**of_all, "mean": float(values.mean()), "std": float(values.std())}
    return found


def answers_in_words(data: ImageData) -> str:
    """What is to be predicted, in a line."""
    names = [shown(name) for name in data.classes]
    if data.task == CLASSIFICATION:
        return f"{len(names):,} classes: {listed(names, LINE - 20)}"
    if data.task == REGRESSION:
        lows, highs = data.targets.min(axis=0), data.targets.max(axis=0)
        names = [f"{name} ({low:g} to {high:g})" for name, low, high in zip(names, lows, highs, strict=True)]
        return f"{counted(data.task, len(names))}: {listed(names, LINE - 20)}"
    each = data.targets.sum(axis=1)
    none = f"; {int((each == 0).sum()):,} images have none" if (each == 0).any() else ""
    return f"{counted(data.task, len(names))}, {each.mean():.2g} an image: {listed(names, LINE - 60)}{none}"


def answer_of(data: ImageData, row: int) -> str:
    """The class, labels or numbers of an image in words."""
    if data.task == CLASSIFICATION:
        return shown(data.classes[data.labels[row]])
    if data.task == MULTI_LABEL:
        return ", ".join(shown(data.classes[place]) for place in np.flatnonzero(data.targets[row])) or "none"
    return ", ".join(significant(value, 6) for value in data.targets[row])


def guess(data: ImageData, rows: Split) -> list[str]:
    """What the same answer for every validation image reaches, in a line: chance level of labels
    and numbers."""
    held_out = data.targets[rows.validation]
    if data.task == MULTI_LABEL:
        shares = held_out.mean(axis=0)
        chance = shares[shares > 0].mean() if (shares > 0).any() else 0.0
        return [f"the same answer for every image has the mean average precision {chance:.3f}"]
    middle = np.median(data.targets[rows.train], axis=0)
    errors = np.abs(held_out - middle).mean(axis=0)
    names = [f"{significant(error)} for {shown(name)}" for name, error in zip(data.classes, errors, strict=True)]
    return [f"the median as the answer for every image has the MAE {listed(names, LINE - 60)}"]
