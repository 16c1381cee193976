"""Lists the evaluations of a study that failed, and what was at fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..writing.json_values import JSON
from .evaluation import Evaluation, State

UNKNOWN = "unknown"
"""The fault of failures that versions recorded which knew of none."""


def failures(evaluations: Iterable[Evaluation]) -> list[JSON]:
    """The failed ones of `evaluations` as plain JSON, in their order: `id` of the network, `seed`,
    `purpose`, `fault` (null in rows of older versions) and `reason`."""
    return [
        {
            "id": one.candidate_id,
            "seed": one.seed,
            "purpose": str(one.purpose),
            "fault": None if one.fault is None else str(one.fault),
            "reason": one.reason,
        }
        for one in evaluations
        if one.state is State.FAIL
    ]


def faults_text(evaluations: Iterable[Evaluation]) -> str:
    """How many failed by which fault, the most first: "2 machine, 1 candidate"; "" if none did."""
    failed = Counter(str(one.fault or UNKNOWN) for one in evaluations if one.state is State.FAIL)
    return ", ".join(f"{number} {fault}" for fault, number in failed.most_common())
