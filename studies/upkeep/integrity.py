"""Checks what must hold in every database of studies, and repairs what can be without loss.

No evaluation is recorded twice, each can be read, and the id of its candidate is the hash of its
network; a complete evaluation has a curve. Optuna's trials have the numbers and states of our
evaluations, and no trial is running. A training that has ended is not listed as paused. The front
read from it equals the one that comparing all pairs of evaluations gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import column, delete, inspect, select, table, text, update
from sqlalchemy.orm import Session

from ...blocks.errors import AutomlError
from ..database.connection import Database
from ..database.reading import read_front
from ..database.rows import evaluation_of
from ..database.schema import existing
from ..database.tables import CandidateRecord, EvaluationRecord, PausedRecord, StudyRecord
from ..records.evaluation import Purpose, State
from ..storage_url import storage_url

TRIALS = table("trials", column("number"), column("study_id"), column("state"))
"""Optuna's trials."""
UNREADABLE = (AutomlError, ValueError, TypeError, LookupError, AttributeError)
"""Exceptions that reading a row raises if its contents are damaged."""
LARGEST_FRONT = 2000
"""Largest number of complete evaluations whose pairs are all compared."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that should hold and does not."""

    study: str
    """Name of the study; empty for the file as a whole."""
    text: str
    """What is wrong."""
    repaired: bool = False
    """Whether it has been put right."""

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON."""
        return asdict(self)


def check(storage: str | None = None, *, repair: bool = False) -> list[Finding]:
    """Check all studies of a database.

    Args:
        storage: database URL; AUTOML_STORAGE or sqlite:///automl.db if None.
        repair: repairs what can be repaired without loss: Optuna's trials in state RUNNING that no
            process runs become FAIL, and trainings that have ended are no longer listed as paused.

    Raises:
        InputError: there is no such database.
        DatabaseError: it cannot be read at all.
    """
    database, tables = existing(storage_url(storage))
    with database.read() as session:
        findings = [Finding(study="", text=line) for line in _file(database, session)]
    if not tables:
        return findings
    with database.write() if repair else database.read() as session:
        for row in session.execute(select(StudyRecord.id, StudyRecord.name, StudyRecord.optuna_study_id)).all():
            found = [
                *((line, False) for line in _evaluations(session, row.id)),
                *((line, False) for line in _candidates(session, row.id)),
                *((line, False) for line in _front(session, row.id)),
                *((line, repair) for line in _waiting(session, row.id, repair)),
                *_trials(session, row.id, row.optuna_study_id, repair),
            ]
            findings += [Finding(study=row.name, text=line, repaired=done) for line, done in found]
    return findings


def _file(database: Database, session: Session) -> Iterator[str]:
    """The faults that SQLite's own checks find in the file; nothing for a database server, which
    checks its own files."""
    if database.file is None:
        return
    for (line,) in session.execute(text("PRAGMA integrity_check")):
        if line != "ok":
            yield f"the file is damaged: {line}"
    lost = session.execute(text("PRAGMA foreign_key_check")).all()
    if lost:
        yield f"{len(lost)} rows belong to nothing, the first in {lost[0][0]}"


def _evaluations(session: Session, study: int) -> Iterator[str]:
    seen: dict[tuple[Any, ...], int] = {}
    key = (EvaluationRecord.candidate_id, EvaluationRecord.fidelity, EvaluationRecord.seed)
    for number, *of in session.execute(select(EvaluationRecord.id, *key).where(EvaluationRecord.study_id == study)):
        first = seen.setdefault(tuple(of), number)
        if first != number:
            yield f"the evaluation {number} is that of {first} again"
        session.expunge_all()
        try:
            row = session.get(EvaluationRecord, number)
            assert row is not None  # it has just been listed
            one = evaluation_of(row)
        except UNREADABLE as error:
            yield f"the evaluation {number} cannot be read: {error}"
            continue
        if one.state is State.COMPLETE and not one.curve:
            yield f"the evaluation {number} is complete and has no curve"
        elif one.state is State.COMPLETE and one.accuracy != one.curve[-1][1]:
            yield f"the evaluation {number} has the accuracy {one.accuracy}, and its curve ends at {one.curve[-1][1]}"


def _candidates(session: Session, study: int) -> Iterator[str]:
    own = CandidateRecord.study_id == study
    for name, spec in session.execute(select(CandidateRecord.id, CandidateRecord.spec).where(own)):
        if hashlib.sha256(spec.encode()).hexdigest() != name:
            yield f"the candidate {name[:12]} has another id than its network"
    known = select(CandidateRecord.id).where(own)
    used = select(EvaluationRecord.candidate_id).where(EvaluationRecord.study_id == study)
    for (name,) in session.execute(used.where(EvaluationRecord.candidate_id.not_in(known)).distinct()):
        yield f"the candidate {name[:12]} is missing"


def _front(session: Session, study: int) -> Iterator[str]:
    columns = select(EvaluationRecord.id, EvaluationRecord.accuracy, CandidateRecord.macs)
    joined = columns.join(
        CandidateRecord,
        (CandidateRecord.study_id == EvaluationRecord.study_id) & (CandidateRecord.id == EvaluationRecord.candidate_id),
    ).where(
        EvaluationRecord.study_id == study,
        EvaluationRecord.purpose == Purpose.SEARCH.value,
        EvaluationRecord.state == State.COMPLETE.value,
    )
    points = session.execute(joined).all()
    if len(points) > LARGEST_FRONT:
        return
    naive = {
        (one.accuracy, one.macs)
        for one in points
        if not any(
            other.accuracy >= one.accuracy
            and other.macs <= one.macs
            and (other.accuracy, other.macs) != (one.accuracy, one.macs)
            for other in points
        )
    }
    try:
        found = {(point.accuracy, point.candidate.macs) for point in read_front(session, study, "macs")}
    except UNREADABLE as error:
        yield f"the front cannot be read: {error}"
        return
    if found != naive:
        yield f"the front has {len(found)} points, and comparing all pairs gives {len(naive)}"


def _waiting(session: Session, study: int, repair: bool) -> Iterator[str]:
    """Trainings that are listed as paused although they have ended."""
    key = ("candidate_id", "fidelity", "seed")
    columns = [getattr(PausedRecord, name) for name in key]
    for of in session.execute(select(*columns).where(PausedRecord.study_id == study)).all():
        same = [getattr(EvaluationRecord, name) == value for name, value in zip(key, of, strict=True)]
        ended = select(EvaluationRecord.id).where(EvaluationRecord.study_id == study, *same)
        if session.scalar(ended) is None:
            continue
        yield f"the training of {of.candidate_id[:12]} from seed {of.seed} waits, but has ended"
        if repair:
            own = [name == value for name, value in zip(columns, of, strict=True)]
            session.execute(delete(PausedRecord).where(PausedRecord.study_id == study, *own))


def _trials(session: Session, study: int, optuna_id: int, repair: bool) -> Iterator[tuple[str, bool]]:
    """What differs between evaluations and Optuna's trials, and whether it has been put right."""
    if not inspect(session.connection()).has_table(TRIALS.name):
        yield "Optuna's tables are missing", False
        return
    of_optuna = select(TRIALS.c.number, TRIALS.c.state).where(TRIALS.c.study_id == optuna_id)
    theirs: dict[int, str] = {number: state for number, state in session.execute(of_optuna)}
    searched = EvaluationRecord.study_id == study, EvaluationRecord.purpose == Purpose.SEARCH.value
    of_ours = select(EvaluationRecord.trial, EvaluationRecord.state).where(*searched)
    ours = {number: state for number, state in session.execute(of_ours) if number is not None}
    for number, state in theirs.items():
        if state not in {one.value for one in State}:
            yield f"the trial {number} is {state}, and nothing runs it", repair
            if repair:
                one = (TRIALS.c.study_id == optuna_id) & (TRIALS.c.number == number)
                session.execute(update(TRIALS).where(one).values(state=State.FAIL.value))
        elif number in ours and ours[number] != state:
            yield f"the trial {number} is {state} for Optuna, and {ours[number]} in its evaluation", False
    for number in sorted(ours.keys() - theirs.keys()):
        yield f"the trial {number} is missing among Optuna's", False
