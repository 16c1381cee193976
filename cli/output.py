"""What commands print: JSON with stable keys, or tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .printed_tables import print_table

if TYPE_CHECKING:
    from ..blocks.cost import Cost
    from ..studies import FrontPoint, Study
    from ..studies.choosing.believed_front import BelievedPoint

CONVENTION = "1 FLOP = 1 multiply-add (MAC)"


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(data, indent=2, allow_nan=False))


def metrics_json(cost: Cost) -> dict[str, float]:
    """The values of all cost metrics, by name."""
    from ..spaces.metrics import metrics

    values = {name: metric.value(cost) for name, metric in metrics.parts().items()}
    return {name: int(value) if float(value).is_integer() else float(value) for name, value in values.items()}


def measure(study: Study) -> str:
    """What the evaluations of a study say of a network: its accuracy, or a zero-cost score."""
    from ..studies.records.measure import measure_of

    return measure_of(study.spec.settings)


def print_front(points: Sequence[FrontPoint], finals: dict[str, float], title: str, measured: str = "accuracy") -> None:
    """A front as a table; `finals` are confirmed accuracies by candidate, or those of the quality
    measure, also where the front is one of scores."""
    from ..spaces.metrics import metrics
    from ..spaces.values.parameters import in_words
    from ..studies.records.measure import ACCURACY, SCORE, as_text, words

    metric = next((point.evaluation.metric for point in points), ACCURACY)

    # the cost axis of the front comes first
    axes = list(dict.fromkeys([*(point.axis for point in points[:1]), "macs", "params"]))
    rows = [
        [
            point.id[:12],
            as_text(measured, point.accuracy),
            as_text(metric, finals.get(point.id)),
            *(metrics.get(axis).short(point.candidate.cost(axis)) for axis in axes),
            in_words(point.evaluation.settings),
        ]
        for point in points
    ]
    confirmed = f"confirmed {words(metric)}" if measured == SCORE else "confirmed"
    print_table(
        f"{title} ({CONVENTION})",
        ["candidate", words(measured), confirmed, *(metrics.get(axis).head for axis in axes), "settings"],
        rows,
    )


def print_believed(points: Sequence[BelievedPoint], title: str) -> None:
    """A front of believed accuracies as a table."""
    from ..spaces.metrics import metrics
    from ..spaces.values.parameters import in_words
    from ..studies.records.measure import as_text

    axes = list(dict.fromkeys([*(one.point.axis for one in points[:1]), "macs", "params"]))
    rows = [
        [
            one.point.id[:12],
            as_text(one.point.evaluation.metric, one.belief.mean),
            between(one),
            as_text(one.point.evaluation.metric, one.point.accuracy),
            *(metrics.get(axis).short(one.point.candidate.cost(axis)) for axis in axes),
            in_words(one.point.evaluation.settings),
        ]
        for one in points
    ]
    columns = ["candidate", "believed", "95 % interval", "observed", *(metrics.get(axis).head for axis in axes)]
    print_table(title, [*columns, "settings"], rows)


def between(one: BelievedPoint) -> str:
    """The interval of what is believed of a network: "0.9010 to 0.9150"."""
    from ..studies.records.measure import as_text, shown

    metric = one.point.evaluation.metric
    ends = sorted(one.interval, key=lambda end: shown(metric, end))
    return " to ".join(as_text(metric, end) for end in ends)
