"""Keeps the drivers of a study and what they have begun, in a session that the caller commits.

The database decides between drivers: each decision locks the row of the study first. Its clock
says how long a driver has been silent, so that the clocks of machines need not agree; SQLite has
none of its own.

A driver that was silent itself takes nobody for dead: the machine was asleep, or the database out
of reach, and the others were silent for the same reason. It waits for `GRACE` after its own return.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from sqlalchemy import and_, delete, func, select, text
from sqlalchemy.orm import Session

from ..driver import Driver
from ..records.evaluation import Purpose
from .recording import ended
from .tables import ClaimRecord, DriverRecord, EvaluationRecord, PausedRecord, StudyRecord

Key: TypeAlias = tuple[str, str, int]
"""Candidate, fidelity, seed."""
Claimed: TypeAlias = Literal["mine", "taken", "full"]
"""Whether an evaluation may begin: it may; another driver has begun it, or it has ended; or the
study has as many trials as were asked for."""

_SAME = and_(
    ClaimRecord.study_id == PausedRecord.study_id,
    ClaimRecord.candidate_id == PausedRecord.candidate_id,
    ClaimRecord.fidelity == PausedRecord.fidelity,
    ClaimRecord.seed == PausedRecord.seed,
)


_CLOCKS = {
    "postgresql": "SELECT clock_timestamp()",
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "mariadb": "SELECT UTC_TIMESTAMP(6)",
}
GAP = timedelta(seconds=30)
"""A driver whose last sign of life is older was asleep, or could not reach the database."""
GRACE = timedelta(seconds=60)
"""Time after a driver's own silence, such as a suspended machine, for which it declares no other
driver dead."""


def now(session: Session) -> datetime:
    """The time of the database."""
    asked = _CLOCKS.get(session.get_bind().dialect.name)
    if asked is None:
        return datetime.now(UTC)
    found: datetime = session.execute(text(asked)).scalar_one()
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def drivers(session: Session, study: int) -> list[Driver]:
    """All drivers in the database, the first to begin first, those that are dead included."""
    rows = session.scalars(select(DriverRecord).where(DriverRecord.study_id == study).order_by(DriverRecord.since))
    found, time = rows.all(), now(session)
    return [
        Driver(
            id=row.id,
            host=row.host,
            pid=row.pid,
            place=row.place,
            since=row.since,
            seen=row.seen,
            silence=max(time - row.seen, timedelta()),
        )
        for row in found
    ]


def living(session: Session, study: int, *, but: str = "", returned: datetime | None = None) -> list[Driver]:
    """The drivers that live, without the one named `but`. The rows of the dead are removed, and
    with them what they had begun. `returned` is when the driver that asks was back after a silence
    of its own."""
    session.execute(select(StudyRecord.id).where(StudyRecord.id == study).with_for_update())
    others = [one for one in drivers(session, study) if one.id != but]
    lenient = returned is not None and now(session) - returned < GRACE
    dead = [one.id for one in others if one.gone or not (lenient or one.alive)]
    if dead:
        session.execute(delete(DriverRecord).where(DriverRecord.id.in_(dead)))
    return [one for one in others if one.id not in dead]


def enter(session: Session, study: int, driver: Driver) -> None:
    """Add a driver."""
    time = now(session)
    session.add(
        DriverRecord(
            id=driver.id, study_id=study, host=driver.host, pid=driver.pid, place=driver.place, since=time, seen=time
        )
    )


def leave(session: Session, driver: Driver) -> None:
    """Remove a driver, and with it what it has begun."""
    session.execute(delete(DriverRecord).where(DriverRecord.id == driver.id))


def beat(session: Session, driver: Driver) -> timedelta:
    """Note a sign of life of a driver, unless another process has removed it; how long it had been
    silent."""
    row = session.get(DriverRecord, driver.id, with_for_update=True)
    if row is None:
        return timedelta()
    time = now(session)
    silence, row.seen = time - row.seen, time
    return silence


def drives(session: Session, driver: Driver) -> bool:
    """Whether a driver still has its row, which stays until the end of the transaction."""
    return session.get(DriverRecord, driver.id, with_for_update=True) is not None


def claim(session: Session, study: int, driver: Driver, key: Key, purpose: Purpose, trials: int | None) -> Claimed:
    """Let a driver begin an evaluation, if no other has begun it and it has not ended; call
    `living` before.

    Args:
        session: its transaction.
        study: id of the study.
        driver: the driver.
        key: the evaluation.
        purpose: its purpose.
        trials: the number of trials up to which new ones may begin; None for any.
    """
    candidate, fidelity, seed = key
    row = session.get(ClaimRecord, (study, *key))
    if row is not None and row.driver_id == driver.id:
        return "mine"
    if row is not None or ended(session, study, *key):
        return "taken"
    if trials is not None and _ended_trials(session, study) + sum(unfinished(session, study)) >= trials:
        return "full"
    session.add(
        ClaimRecord(
            study_id=study,
            candidate_id=candidate,
            fidelity=fidelity,
            seed=seed,
            purpose=purpose.value,
            driver_id=driver.id,
        )
    )
    return "mine"


def unfinished(session: Session, study: int, *, but: str = "") -> tuple[int, int]:
    """The number of trials that drivers have begun and not ended, without those of the driver
    `but`; and of paused trainings that no driver holds."""
    claims = select(func.count()).where(
        ClaimRecord.study_id == study, ClaimRecord.purpose == Purpose.SEARCH.value, ClaimRecord.driver_id != but
    )
    free = (
        select(func.count())
        .select_from(PausedRecord)
        .outerjoin(ClaimRecord, _SAME)
        .where(PausedRecord.study_id == study, ClaimRecord.driver_id.is_(None))
    )
    return session.scalar(claims) or 0, session.scalar(free) or 0


def claimed(session: Session, study: int, *, but: str) -> set[Key]:
    """What drivers have begun and not ended, without the driver `but`."""
    columns = ClaimRecord.candidate_id, ClaimRecord.fidelity, ClaimRecord.seed
    rows = session.execute(select(*columns).where(ClaimRecord.study_id == study, ClaimRecord.driver_id != but))
    return {(row[0], row[1], row[2]) for row in rows}


def _ended_trials(session: Session, study: int) -> int:
    of = EvaluationRecord.study_id == study, EvaluationRecord.purpose == Purpose.SEARCH.value
    return session.scalar(select(func.count()).where(*of)) or 0
