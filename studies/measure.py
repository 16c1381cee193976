"""Tells whether an evaluation measured an accuracy or a zero-cost score.

An accuracy is a fraction from 0 to 1; a zero-cost score is computed without training and has no
unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluation import Evaluation

ACCURACY, SCORE = "accuracy", "score"


def measure_of(settings: Mapping[str, Any]) -> str:
    """The measure of a search by its study's settings: "score" if its evaluator is a zero-cost one.

    Otherwise "accuracy". Final trainings always measure accuracies.
    """
    return SCORE if str(settings.get("evaluator", "")).startswith("zero-cost") else ACCURACY


def measured(evaluation: Evaluation) -> str:
    """The measure of one evaluation's `accuracy` field: "score" if it was scored, not trained.

    Otherwise "accuracy".
    """
    return SCORE if evaluation.scores and evaluation.purpose == "search" else ACCURACY


def mean_in_words(mean: float, std: float | None, n: int, measure: str = ACCURACY) -> str:
    """A mean and its standard deviation over `n` seeds: "81.20 ± 0.35 % (n = 3)"; scores have
    no %."""
    scale, end = (1, "") if measure == SCORE else (100, " %")
    spread = "" if std is None else f" ± {scale * std:.2f}"
    return f"{scale * mean:.2f}{spread}{end} (n = {n})"


def done_in_words(settings: Mapping[str, Any]) -> str:
    """The verb for a complete evaluation: "trained fully", "scored", or "looked up" in a table."""
    if measure_of(settings) == SCORE:
        return "scored"
    return "looked up" if str(settings.get("evaluator", "")).startswith("table") else "trained fully"
