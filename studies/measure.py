"""What the evaluations of a study say of a network: its accuracy, or a zero-cost score, which is
computed without training and is no share of anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluation import Evaluation

ACCURACY, SCORE = "accuracy", "score"


def measure_of(settings: Mapping[str, Any]) -> str:
    """ "score" for a search by a zero-cost score, else "accuracy"; from the settings of the study.
    Its final trainings have accuracies in any case."""
    return SCORE if str(settings.get("evaluator", "")).startswith("zero-cost") else ACCURACY


def measured(evaluation: Evaluation) -> str:
    """What stands as the `accuracy` of one evaluation: "score" if it was scored in place of a
    training."""
    return SCORE if evaluation.scores and evaluation.purpose == "search" else ACCURACY


def done_in_words(settings: Mapping[str, Any]) -> str:
    """What became of a candidate whose evaluation is complete: "trained fully", "scored", or
    "looked up" in a table."""
    if measure_of(settings) == SCORE:
        return "scored"
    return "looked up" if str(settings.get("evaluator", "")).startswith("table") else "trained fully"
