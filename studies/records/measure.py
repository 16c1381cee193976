"""Tells what the `accuracy` of an evaluation is: the study's quality measure, or a zero-cost score.

The quality measure is accuracy unless the study names another one (`quality`); larger is better in
any case, and `shown` turns a value into the one that people see. A zero-cost score is computed
without training and has no unit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..quality import ACCURACY, measure
from ..writing.json_values import JSON

if TYPE_CHECKING:
    from .evaluation import Evaluation

__all__ = [
    "ACCURACY",
    "SCORE",
    "as_shown",
    "bounds",
    "decimals",
    "done_in_words",
    "in_percent",
    "mean_in_words",
    "measure_of",
    "measured",
    "metric_of",
    "as_text",
    "shown",
    "significant",
    "words",
]

SCORE = "score"
VALUES = ("accuracy", "test_accuracy", "mean", "value", "best", "best_random", "margin")
INTERVALS = ("interval", "margin_interval", "bootstrap")
SEVERAL = "accuracies"
"""Keys of JSON under which values of a measure, their differences, intervals of both, and several
values stand."""


def metric_of(settings: Mapping[str, Any]) -> str:
    """The quality measure of a study by its settings; that of its trainings."""
    return str(settings.get("metric", ACCURACY))


def measure_of(settings: Mapping[str, Any]) -> str:
    """What the trials of a study measured, by its settings: "score" if its evaluator is a zero-cost
    one, else its quality measure. Final trainings always have the quality measure."""
    return SCORE if str(settings.get("evaluator", "")).startswith("zero-cost") else metric_of(settings)


def measured(evaluation: Evaluation) -> str:
    """What one evaluation's `accuracy` field holds: "score" if it was scored, not trained, else the
    quality measure."""
    return SCORE if evaluation.scores and evaluation.purpose == "search" else evaluation.metric


def words(name: str) -> str:
    """A measure in words: "balanced accuracy", "score"."""
    return name if name in (SCORE, ACCURACY) else measure(name).words


def in_percent(name: str) -> bool:
    """Whether values of a measure are shares, shown in percent in reports."""
    return name != SCORE and (name == ACCURACY or measure(name).share)


def shown(name: str, value: float) -> float:
    """A value as people see it, from one of which larger is better; the same turns it back."""
    return value if name in (SCORE, ACCURACY) else measure(name).turned(value)


def as_shown(data: JSON, name: str) -> Any:
    """Plain JSON of statistics with values and differences of a measure as people see them: where
    smaller is better, with another sign, and the ends of intervals exchanged."""
    return data if shown(name, 1.0) > 0 else _turned(data, None)


def _turned(data: JSON, key: str | None) -> JSON:
    """`data`, the item `key` of its mapping, with the other sign where it is a value."""
    if isinstance(data, Mapping):
        return {name: _turned(item, key if key == SEVERAL else name) for name, item in data.items()}
    if isinstance(data, Sequence) and not isinstance(data, str):
        items = [_turned(item, key if key == SEVERAL or key in INTERVALS else None) for item in data]
        return items[::-1] if key in INTERVALS else items
    known = key == SEVERAL or key in VALUES or key in INTERVALS
    return 0.0 - data if known and isinstance(data, float) else data


def bounds(name: str) -> tuple[float, float]:
    """The worst and the best value of a measure, larger being better."""
    return (-math.inf, math.inf) if name == SCORE else measure(name).bounds


def as_text(name: str, value: float | None) -> str:
    """A value as people see it, with four digits; "-" if there is none."""
    return "-" if value is None else decimals(shown(name, value))


def decimals(value: float) -> str:
    """A number with four decimals, or below 0.001 with four digits: its unit may be a large one.

    >>> decimals(0.91234), decimals(0.0000312345), decimals(0.0)
    ('0.9123', '3.123e-05', '0.0000')
    """
    return f"{value:.4g}" if 0 < abs(value) < 1e-3 else f"{value:.4f}"


def significant(value: float, digits: int = 4) -> str:
    """A number with as many significant digits, and all digits of a larger whole part: errors may
    be of prices.

    >>> significant(12.3456), significant(0.0), significant(215_432.1), significant(-9_999.6)
    ('12.35', '0', '215432', '-10000')
    """
    return f"{value:.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:.{digits}g}"


def mean_in_words(mean: float, std: float | None, n: int, measure: str = ACCURACY) -> str:
    """A mean and its standard deviation over `n` seeds: "81.20 ± 0.35 % (n = 3)"; without % where
    values are no shares."""
    scale, end, digits = (100, " %", 2) if in_percent(measure) else (1, "", 2 if measure == SCORE else 4)
    value, *spread = (
        decimals(each) if digits == 4 else f"{scale * each:.{digits}f}"
        for each in (shown(measure, mean), *([] if std is None else [std]))
    )
    return f"{' ± '.join([value, *spread])}{end} (n = {n})"


def done_in_words(settings: Mapping[str, Any]) -> str:
    """The verb for a complete evaluation: "trained fully", "scored", or "looked up" in a table."""
    if measure_of(settings) == SCORE:
        return "scored"
    return "looked up" if str(settings.get("evaluator", "")).startswith("table") else "trained fully"
