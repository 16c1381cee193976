"""All studies of a database, and how to be rid of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..blocks.errors import InputError, unknown
from ..spaces.metrics import DEFAULT_AXIS
from .database import driving, optuna_tables
from .database.connection import Database
from .database.rows import count_by_state
from .database.schema import existing
from .database.tables import EvaluationRecord, StudyRecord
from .lease import Held
from .records.evaluation import Purpose, State
from .records.measure import ACCURACY, measure_of, metric_of, shown
from .records.verification_study import verification_name, verified_by


@dataclass(frozen=True, kw_only=True)
class StudySummary:
    """A study in one line of a table."""

    name: str
    """Under which it is opened."""
    created: datetime
    """When it began."""
    space: str
    """The name of its space; empty if it has none."""
    budget: str
    """The budget as canonical text; empty without one."""
    data: str
    """The name of its data; empty if it has none."""
    counts: dict[str, int]
    """How many evaluations are `complete`, `pruned`, `fail`, `final`."""
    accuracy: float | None
    """The best of the search; None before the first complete evaluation, and for a verification,
    whose accuracies are those on test images."""
    cost: str = DEFAULT_AXIS
    """The cost metric of its front."""
    measure: str = ACCURACY
    """What `accuracy` is: the study's quality measure, as it is shown, or "score" where nothing was
    trained in the search."""
    metric: str = ACCURACY
    """The quality measure of its trainings."""

    def to_dict(self) -> dict[str, Any]:
        """The study as plain JSON, as `automl studies --json` prints it."""
        return {
            "name": self.name,
            "created": self.created.isoformat(),
            "space": self.space,
            "budget": self.budget,
            "cost": self.cost,
            "data": self.data,
            "counts": self.counts,
            "accuracy": self.accuracy,
            "measure": self.measure,
            "metric": self.metric,
        }


def studies(storage: str) -> list[StudySummary]:
    """All studies of this database, oldest first. Raises: InputError if there is no database."""
    database, tables = existing(storage)
    if not tables:
        return []
    with database.read() as session:
        query = select(EvaluationRecord.study_id, func.max(EvaluationRecord.accuracy))
        complete = query.where(
            EvaluationRecord.purpose == Purpose.SEARCH.value, EvaluationRecord.state == State.COMPLETE.value
        )
        best = {study: accuracy for study, accuracy in session.execute(complete.group_by(EvaluationRecord.study_id))}
        return [
            StudySummary(
                name=row.name,
                created=row.created,
                space=str(row.space.get("name", "")),
                budget=row.budget,
                data=str(row.data.get("name", "")),
                counts=count_by_state(session, row.id),
                accuracy=None if verified_by(row.settings) else _shown(row.settings, best.get(row.id)),
                cost=str(row.settings.get("cost", DEFAULT_AXIS)),
                measure=measure_of(row.settings),
                metric=metric_of(row.settings),
            )
            for row in session.scalars(select(StudyRecord).order_by(StudyRecord.id))
        ]


def _shown(settings: dict[str, Any], best: float | None) -> float | None:
    return None if best is None else shown(measure_of(settings), best)


def names(storage: str) -> list[str]:
    """Names of the studies of this database, oldest first, as quickly as can be: nothing is
    migrated, and none are found where there is no database."""
    database = Database(storage)
    if not database.exists:
        return []
    with database.opening(), database.engine.connect() as connection:
        return list(connection.scalars(select(StudyRecord.name).order_by(StudyRecord.id)))


def unknown_study(name: str, names: list[str], shown: str) -> InputError:
    """The error for a study that is not among the `names` of the database `shown`."""
    return unknown("study", name, names) if names else InputError(f"there is no study {name!r}: {shown} holds none")


def delete(storage: str, name: str) -> None:
    """Removes the study of this name, and its verification: our rows, and Optuna's, each study in
    one transaction.

    Raises:
        InputError: there is none of this name.
        Held: a process runs it.
    """
    database, tables = existing(storage)
    with database.read() as session:
        rows = (
            {row.name: row for row in session.scalars(select(StudyRecord).order_by(StudyRecord.id))} if tables else {}
        )
    if name not in rows:
        raise unknown_study(name, list(rows), database.shown)
    beside = rows.get(verification_name(name))
    with database.read() as session:
        for row in filter(None, (rows[name], beside)):
            _require_free(session, row)
    if beside is not None and verified_by(beside.settings) == name:
        delete(storage, beside.name)
    optuna = optuna_tables.connect(database)
    with database.write() as session:
        row = session.scalar(select(StudyRecord).where(StudyRecord.name == name))
        if row is None:  # another process was faster
            return
        _require_free(session, row)
        if optuna_tables.study_id(session, name) == row.optuna_study_id:  # else somebody has removed that part already
            optuna_tables.delete(optuna, session, row.optuna_study_id)
        session.delete(row)


def _require_free(session: Session, row: StudyRecord) -> None:
    """Held if a process runs the study of this row."""
    if drivers := driving.living(session, row.id):
        raise Held(f"study {row.name!r} is held by {drivers[0]}: nothing is deleted before that has ended")
