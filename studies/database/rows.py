"""From plain data to rows and back."""

from __future__ import annotations

import json
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.orm import Session

from ...blocks.errors import InputError
from ..quality import ACCURACY
from ..records.evaluation import CandidateRow, Evaluation, Fault, Fidelity, Purpose, State
from ..records.spec import StudySpec
from ..writing.json_values import JSON, plain
from .tables import CandidateRecord, EvaluationRecord, StudyRecord


def spec_of(row: StudyRecord) -> StudySpec:
    """The settings of the study in this row."""
    return StudySpec(name=row.name, space=row.space, budget=row.budget, data=row.data, settings=row.settings)


def candidate_of(row: CandidateRecord | Row[Any] | SimpleNamespace) -> CandidateRow:
    """The candidate of this row, which has at least its columns."""
    return CandidateRow(
        id=row.id,
        spec=row.spec,
        macs=row.macs,
        params=row.params,
        activations=row.activations,
        metrics=row.metrics or {},
    )


def candidate_record(study: int, candidate: CandidateRow) -> CandidateRecord:
    """The row of this candidate."""
    return CandidateRecord(
        study_id=study,
        id=candidate.id,
        spec=candidate.spec,
        macs=candidate.macs,
        params=candidate.params,
        activations=candidate.activations,
        metrics=dict(candidate.metrics),
    )


def keep_metrics(row: CandidateRecord, candidate: CandidateRow) -> None:
    """Add the metrics of `candidate` that its row lacks.

    Raises:
        InputError: the row holds another network, or other values of exact metrics.
    """
    stored = candidate_of(row)
    if not stored.agrees(candidate):
        raise InputError(
            f"candidate {candidate.id[:12]} is stored with another network or cost: {stored} / {candidate}"
        )
    if candidate.metrics.keys() - stored.metrics.keys():
        row.metrics = {**candidate.metrics, **stored.metrics}


def evaluation_of(row: EvaluationRecord | Row[Any] | SimpleNamespace, metric: str = ACCURACY) -> Evaluation:
    """The evaluation of this row, in a study of the quality measure `metric`."""
    return Evaluation(
        candidate_id=row.candidate_id,
        fidelity=fidelity_of(row.fidelity),
        seed=row.seed,
        purpose=Purpose(row.purpose),
        state=State(row.state),
        settings=row.settings,
        curve=tuple((epoch, accuracy) for epoch, accuracy in row.curve),
        accuracy=row.accuracy,
        test_accuracy=row.test_accuracy,
        seconds=row.seconds,
        worker=row.worker,
        device=row.device,
        reason=row.reason,
        checkpoint=row.checkpoint,
        started=row.started,
        finished=row.finished,
        trial=row.trial,
        origin=row.origin,
        scores=row.scores,
        fault=None if row.fault is None else Fault(row.fault),
        metric=metric,
    )


@lru_cache(maxsize=256)
def fidelity_of(text: str) -> Fidelity:
    """The fidelity of a canonical text: that of one row in thousands is another."""
    return Fidelity.from_dict(json.loads(text))


def evaluation_record(study: int, evaluation: Evaluation, trial: int | None) -> EvaluationRecord:
    """The row of this evaluation, as Optuna's trial number `trial`."""
    curve: JSON = [list(point) for point in evaluation.curve]
    return EvaluationRecord(
        study_id=study,
        candidate_id=evaluation.candidate_id,
        fidelity=evaluation.fidelity.key,
        seed=evaluation.seed,
        purpose=evaluation.purpose.value,
        state=evaluation.state.value,
        settings=plain(evaluation.settings, "settings"),
        curve=curve,
        accuracy=evaluation.accuracy,
        test_accuracy=evaluation.test_accuracy,
        seconds=evaluation.seconds,
        worker=evaluation.worker,
        device=evaluation.device,
        reason=evaluation.reason,
        checkpoint=evaluation.checkpoint,
        started=evaluation.started,
        finished=evaluation.finished,
        trial=trial,
        origin=evaluation.origin,
        scores=plain(evaluation.scores, "scores"),
        fault=evaluation.fault,
    )


def count_by_state(session: Session, study: int) -> dict[str, int]:
    """How many evaluations of the search ended in each state, and how many final trainings there
    are."""
    query = select(EvaluationRecord.purpose, EvaluationRecord.state, func.count()).where(
        EvaluationRecord.study_id == study
    )
    result = {"complete": 0, "pruned": 0, "fail": 0, "final": 0}
    for purpose, state, number in session.execute(query.group_by(EvaluationRecord.purpose, EvaluationRecord.state)):
        result["final" if purpose == Purpose.FINAL else state.lower()] += number
    return result
