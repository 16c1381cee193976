"""Gives evaluations, fronts and the network chosen as plain JSON with stable keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...spaces.candidates.main_costs import main_costs
from ..choosing.believed_front import BelievedPoint
from ..choosing.best_network import Best
from ..records.evaluation import Evaluation
from ..records.front_point import FrontPoint
from ..records.measure import as_shown, measured, shown


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation with stable keys; `measure` says what `accuracy` is, and `metric` what the
    test accuracy is. A refit has no validation accuracy."""
    measure, metric = measured(evaluation), evaluation.metric
    reached, tested = evaluation.validated, evaluation.test_accuracy
    return {
        "id": evaluation.candidate_id,
        "state": str(evaluation.state),
        "purpose": str(evaluation.purpose),
        "accuracy": None if reached is None else shown(measure, reached),
        "measure": measure,
        "metric": metric,
        "test_accuracy": None if tested is None else shown(metric, tested),
        "curve": [] if reached is None else [[epoch, shown(measure, value)] for epoch, value in evaluation.curve],
        "fidelity": evaluation.fidelity.to_dict(),
        "seed": evaluation.seed,
        "settings": dict(evaluation.settings),
        "seconds": evaluation.seconds,
        "worker": evaluation.worker,
        "device": evaluation.device,
        "reason": evaluation.reason,
        "fault": None if evaluation.fault is None else str(evaluation.fault),
        "checkpoint": evaluation.checkpoint,
        "trial": evaluation.trial,
        "started": evaluation.started.isoformat(),
        "finished": evaluation.finished.isoformat(),
    }


def chosen_json(best: Best | None) -> dict[str, Any] | None:
    """The network chosen, with stable keys."""
    if best is None:
        return None
    return {
        **evaluation_json(best.evaluation),
        **main_costs(best.candidate),
        "confirmed": best.confirmed,
        "accuracies": [shown(best.evaluation.metric, value) for value in best.accuracies],
        "reference": best.reference,
    }


def front_json(points: Sequence[FrontPoint]) -> list[dict[str, Any]]:
    """A front, cheapest first, with stable keys; `measure` says what `accuracy` is."""
    return [
        {
            "id": point.id,
            "accuracy": shown(measured(point.evaluation), point.accuracy),
            "measure": measured(point.evaluation),
            "metric": point.evaluation.metric,
            **main_costs(point.candidate),
            "axis": point.axis,
            "cost": point.cost,
            "settings": dict(point.evaluation.settings),
            "trial": point.evaluation.trial,
            "state": str(point.evaluation.state),
            "seconds": point.evaluation.seconds,
        }
        for point in points
    ]


def believed_json(believed: Sequence[BelievedPoint], points: Sequence[FrontPoint]) -> list[dict[str, Any]]:
    """The networks `points` as in `front_json`, each with what is believed of it, null if nothing
    is."""
    asked = {point.id for point in points}
    known = {
        one.point.id: as_shown(one.to_dict(), one.point.evaluation.metric) for one in believed if one.point.id in asked
    }
    return [{**one, "believed": known.get(one["id"])} for one in front_json(points)]
