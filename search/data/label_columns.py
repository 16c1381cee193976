"""Reads the answers of a table of paths: a class, several labels, or numbers for each image.

A cell of several labels separates them by semicolons or bars, or is a list in Parquet or JSON. A
cell that is empty says nothing, and its row is left out; a lone separator or an empty list says
that the image has none of the labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...blocks.errors import InputError
from ...studies.tasks.task import CLASSIFICATION, MULTI_LABEL, REGRESSION
from .names import number_of, shown
from .path_table import Columns, find_column, text_of
from .reading_options import Reading

SEPARATORS = ";|"
"""Separate the labels of a cell; a table has one of them."""

LARGEST = 1e18
"""Largest number that is predicted: the squares of larger ones are infinite in 32 bits."""
NARROWEST = 1e-4
"""Smallest range of the numbers, beside their mean: the smallest steps of a number of 32 bits are
about 1e-7 of it, a thousandth of that range."""

Answer = str | tuple[str, ...] | tuple[float, ...]
"""The class of an image, its labels in order, or its numbers."""


@dataclass(frozen=True, kw_only=True)
class LabelColumns:
    """The answers of a table."""

    task: str
    """"classification", "multi-label" or "regression"."""
    answers: list[Answer | None]
    """The answer of each row; None where a cell is empty."""
    missing: list[str]
    """What a row lacks whose answer is None, "" for others: "label", or the name of a target."""
    targets: tuple[str, ...] = ()
    """The columns of numbers."""


def read_answers(columns: Columns, label: str | None, reading: Reading, name: str) -> LabelColumns:
    """The answers of all rows.

    Args:
        columns: the table.
        label: the column of labels; None if numbers are read from `reading.targets`.
        reading: says the task, where that is not plain from the cells.
        name: what to call the table in messages.

    Raises:
        InputError: a cell holds something else than the others, or no finite number, or it is not
            plain whether cells hold several labels.
    """
    if reading.asked_task == REGRESSION:
        asked = reading.targets or ((label,) if label is not None else ())
        found = [str(find_column(list(columns), (), column, "--targets", name)) for column in asked]
        return _numbers(columns, found, name)
    assert label is not None  # only numbers are read without one
    cells = columns[label]
    lists = any(isinstance(cell, list | tuple) for cell in cells)
    separator = None if lists or reading.task == CLASSIFICATION else _separator(cells, label, name)
    several = reading.task is None and (lists or (separator and _are_labels(cells, separator, label, name)))
    if not several and reading.task != MULTI_LABEL:
        texts: list[Answer | None] = [_text(cell, label, name) for cell in cells]
        return LabelColumns(
            task=CLASSIFICATION, answers=texts, missing=["label" if text is None else "" for text in texts]
        )
    answers = [_labels(cell, separator, lists, label, name) for cell in cells]
    missing = ["label" if answer is None else "" for answer in answers]
    return LabelColumns(task=MULTI_LABEL, answers=list(answers), missing=missing)


def _separator(cells: Sequence[Any], column: str, name: str) -> str | None:
    """What separates the labels of a cell; None if no cell holds several."""
    found = [letter for letter in SEPARATORS if any(isinstance(cell, str) and letter in cell for cell in cells)]
    if len(found) > 1:
        raise InputError(
            f"{name}: the column {shown(column)} must separate labels by {found[0]} or by {found[1]}, but holds both;"
            f" if they are parts of names, give --task {CLASSIFICATION}"
        )
    return found[0] if found else None


def _are_labels(cells: Sequence[Any], separator: str, column: str, name: str) -> bool:
    """Whether cells hold several labels: at least half of those that stand together stand alone in
    other cells. False if none stand together.

    Raises:
        InputError: they stand together alone, as the parts of a name such as `AC|DC` do.
    """
    texts = {cell for cell in cells if isinstance(cell, str)}
    found = [{part.strip() for part in text.split(separator)} - {""} for text in texts]
    together = {label for each in found if len(each) > 1 for label in each}
    alone = {label for each in found if len(each) == 1 for label in each}
    if together and 2 * len(together & alone) < len(together):
        one = min(text for text, each in zip(texts, found, strict=True) if len(each) > 1)
        raise InputError(
            f"{name}: the column {shown(column)} may hold several labels in a cell, or names of classes with"
            f" {separator}, such as {shown(one[:60])}: give --task {MULTI_LABEL} or --task {CLASSIFICATION}"
        )
    return bool(together)


def _text(cell: Any, column: str, name: str) -> str | None:
    try:
        return text_of(cell)
    except TypeError as error:
        raise InputError(f"{name}: the column {shown(column)} must hold {error}") from None


def _labels(cell: Any, separator: str | None, lists: bool, column: str, name: str) -> tuple[str, ...] | None:
    """The labels of a cell, each once, in order; None if it is empty."""
    if isinstance(cell, list | tuple):
        parts = [_text(part, column, name) for part in cell]
    elif lists and cell is not None and not (isinstance(cell, float) and math.isnan(cell)):
        raise InputError(
            f"{name}: the column {shown(column)} must hold lists of labels in all rows, but one holds"
            f" {shown(repr(cell)[:60])}"
        )
    else:
        text = _text(cell, column, name)
        if text is None:
            return None
        parts = [part.strip() for part in text.split(separator)] if separator else [text]
    return tuple(sorted({part for part in parts if part}))


def _numbers(columns: Columns, targets: Sequence[str], name: str) -> LabelColumns:
    if twice := [target for target in targets if list(targets).count(target) > 1]:
        raise InputError(f"{name}: --targets must name each column once, but {shown(twice[0])} is named twice")
    rows = [
        [_number(columns[each][row], each, row, name) for each in targets] for row in range(len(columns[targets[0]]))
    ]
    for target, column in zip(targets, zip(*rows, strict=True), strict=True):
        _check_spread(target, [value for value in column if value is not None], name)
    missing = [next((each for each, value in zip(targets, row, strict=True) if value is None), "") for row in rows]
    answers: list[Answer | None] = [
        None if lacking else tuple(value for value in row if value is not None)
        for row, lacking in zip(rows, missing, strict=True)
    ]
    return LabelColumns(task=REGRESSION, answers=answers, missing=missing, targets=tuple(targets))


def _check_spread(target: str, values: Sequence[float], name: str) -> None:
    """Refuse numbers that differ so little, beside their size, that networks cannot tell them
    apart: they compute in 24 bits."""
    mean = math.fsum(values) / max(1, len(values))
    spread = max(values, default=0.0) - min(values, default=0.0)
    if 0.0 < spread < NARROWEST * abs(mean):
        raise InputError(
            f"{name}: the numbers of {shown(target)} lie between {min(values):.17g} and {max(values):.17g}, too close"
            f" for their size to be predicted; subtract {mean:.6g} from all"
        )


def _number(cell: Any, column: str, row: int, name: str) -> float | None:
    """The number of a cell; None if it is empty or NaN."""
    text = None if isinstance(cell, bool | list | tuple) else _text(cell, column, name)
    if text is None and not isinstance(cell, bool | list | tuple):
        return None
    try:
        number = number_of(str(text))
    except ValueError:
        number = math.inf
    if math.isnan(number):
        return None
    if abs(number) > LARGEST:
        kind = "finite numbers" if math.isinf(number) else f"numbers of at most {LARGEST:g}"
        raise InputError(
            f"{name}: the column {shown(column)} must hold {kind} to be predicted, but row {row + 1} holds"
            f" {shown(repr(cell)[:60])}"
        )
    return number
