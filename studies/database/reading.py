"""Reads evaluations, candidates, paused trainings and the front of a study."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..front import front as front_of
from ..quality import ACCURACY
from ..records.candidate_row import COUNTS
from ..records.evaluation import CandidateRow, Evaluation, Purpose, State
from ..records.front_point import FrontPoint
from ..records.paused import Paused
from .connection import Database
from .rows import candidate_of, evaluation_of
from .stored_rows import stored, stored_candidates, stored_evaluations
from .tables import CandidateRecord, EvaluationRecord, PausedRecord

ASKED = 500
"""Databases limit the length of an IN."""
_JOINS = (CandidateRecord.study_id == EvaluationRecord.study_id) & (CandidateRecord.id == EvaluationRecord.candidate_id)

_EVALUATION, _CANDIDATE = (list(record.__table__.columns) for record in (EvaluationRecord, CandidateRecord))
"""All columns: plain rows are read in a fraction of the time of objects that SQLAlchemy keeps track
of."""


def read_evaluations(
    session: Session,
    study: int,
    purpose: Purpose | None,
    state: State | None,
    metric: str = ACCURACY,
    *,
    shown: str = "the database",
) -> list[Evaluation]:
    """The evaluations of a purpose and a state, in the order in which they were recorded; `metric`
    is the study's quality measure, and `shown` how messages name the database."""
    chosen = EvaluationRecord.study_id == study
    if purpose is not None:
        chosen &= EvaluationRecord.purpose == purpose.value
    if state is not None:
        chosen &= EvaluationRecord.state == state.value
    if stored(session):
        return stored_evaluations(session, chosen, metric, shown)
    query = select(*_EVALUATION).where(chosen).order_by(EvaluationRecord.id)
    return [evaluation_of(row, metric) for row in session.execute(query)]


def read_others(
    session: Session, study: int, known: Collection[tuple[str, str, int]]
) -> list[tuple[Evaluation, CandidateRow]]:
    """The evaluations whose (candidate, fidelity, seed) is not `known`, with their candidates, in
    the order in which they were recorded."""
    columns = EvaluationRecord.id, EvaluationRecord.candidate_id, EvaluationRecord.fidelity, EvaluationRecord.seed
    rows = session.execute(select(*columns).where(EvaluationRecord.study_id == study).order_by(EvaluationRecord.id))
    ids = [row[0] for row in rows if (row[1], row[2], row[3]) not in known]
    found: list[tuple[Evaluation, CandidateRow]] = []
    for start in range(0, len(ids), ASKED):
        part = select(EvaluationRecord, CandidateRecord).join(CandidateRecord, _JOINS).order_by(EvaluationRecord.id)
        rows = session.execute(part.where(EvaluationRecord.id.in_(ids[start : start + ASKED])))
        found += [(evaluation_of(evaluation), candidate_of(candidate)) for evaluation, candidate in rows]
    return found


def read_candidates(session: Session, study: int, *, database: Database | None = None) -> dict[str, CandidateRow]:
    """Candidate by id, in the order of ids; with its `database` the networks of a large study are
    read when they are asked for."""
    if stored(session):
        return {row.id: row for row in stored_candidates(session, CandidateRecord.study_id == study, database)}
    rows = select(*_CANDIDATE).where(CandidateRecord.study_id == study).order_by(CandidateRecord.id)
    return {row.id: candidate_of(row) for row in session.execute(rows)}


def read_paused(session: Session, study: int) -> list[Paused]:
    """The paused trainings, in the order in which they began."""
    rows = session.scalars(select(PausedRecord).where(PausedRecord.study_id == study))
    return sorted((Paused.from_dict(row.data) for row in rows), key=lambda one: one.started)


def read_front(session: Session, study: int, axis: str, metric: str = ACCURACY) -> list[FrontPoint]:
    """The front of a study in its quality measure `metric` and the cost metric `axis`, cheapest
    first.

    Raises:
        InputError: the metric is unknown here.
    """
    found = sorted(_complete(session, study, axis), key=lambda point: (point[2], point[0]))
    best = [found[place][0] for place in front_of([one[1] for one in found], [one[2] for one in found])]
    pairs = {}
    for start in range(0, len(best), ASKED):
        part = select(EvaluationRecord, CandidateRecord).join(CandidateRecord, _JOINS)
        for evaluation, candidate in session.execute(part.where(EvaluationRecord.id.in_(best[start : start + ASKED]))):
            pairs[evaluation.id] = FrontPoint(
                candidate=candidate_of(candidate), evaluation=evaluation_of(evaluation, metric), axis=axis
            )
    return [pairs[key] for key in best]


def _complete(session: Session, study: int, axis: str) -> list[tuple[int, float, float]]:
    """(row id, accuracy, cost) of each complete evaluation of the search."""
    chosen = (
        (EvaluationRecord.study_id == study)
        & (EvaluationRecord.purpose == Purpose.SEARCH.value)
        & (EvaluationRecord.state == State.COMPLETE.value)
    )
    if axis in COUNTS:  # only the columns needed: a large study is read in a fraction of the time
        query = select(EvaluationRecord.id, EvaluationRecord.accuracy, getattr(CandidateRecord, axis))
        return [
            (row[0], row[1] or 0.0, row[2])
            for row in session.execute(query.join(CandidateRecord, _JOINS).where(chosen))
        ]
    costs = {key: row.cost(axis) for key, row in read_candidates(session, study).items()}
    query = select(EvaluationRecord.id, EvaluationRecord.accuracy, EvaluationRecord.candidate_id)
    return [(row[0], row[1] or 0.0, costs[row[2]]) for row in session.execute(query.where(chosen))]
