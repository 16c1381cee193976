"""Declares our tables, which lie beside Optuna's in the same database.

    automl_studies      a named search: space, budget, data, settings, and the command and the
                        versions that began it
    automl_candidates   the networks evaluated in a study, with their cost
    automl_evaluations  how each (candidate, fidelity, seed) ended; `trial` is Optuna's number in
                        the study of the same name
    automl_paused       paused trainings, each with what is needed to resume it; the row of its
                        evaluation replaces it
    automl_notes        small JSON values kept with a study
    automl_drivers      the processes that run a study now; a row outlives a process that was killed
    automl_claims       the evaluations that a driver has begun and that have not ended; they go
                        with their driver

`automl_studies.optuna_study_id` is `studies.study_id`: no foreign key, because those tables are
Optuna's to migrate. JSON columns are text on SQLite: `SELECT json_extract(settings, '$.attention'),
max(accuracy) FROM automl_evaluations GROUP BY 1` works there. A change here needs a migration.
Columns of TEXT and JSON have no default: MySQL takes none.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import JSON, TypeDecorator, TypeEngine


class Utc(TypeDecorator[datetime]):
    """A time aware of UTC, also from databases that keep no time zone."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = DateTime(timezone=True)
    cache_ok: bool | None = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Constraints are named by rule, so that a migration can speak of them on every database."""

    metadata: ClassVar[MetaData] = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Utc(),
        int: BigInteger(),
        float: Double(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class StudyRecord(Base):
    """One study; by `sqlite_autoincrement` the id of a deleted study is never used again."""

    __tablename__ = "automl_studies"
    __table_args__: Any = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    optuna_study_id: Mapped[int] = mapped_column(Integer)
    space: Mapped[dict[str, Any]]
    budget: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]]
    settings: Mapped[dict[str, Any]]
    command: Mapped[str] = mapped_column(Text)
    versions: Mapped[dict[str, Any]]
    created: Mapped[datetime]


class CandidateRecord(Base):
    """One network of one study."""

    __tablename__ = "automl_candidates"

    study_id: Mapped[int] = mapped_column(ForeignKey("automl_studies.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    spec: Mapped[str] = mapped_column(Text)
    macs: Mapped[int]
    params: Mapped[int]
    activations: Mapped[int]
    metrics: Mapped[dict[str, Any] | None]
    """Values of further cost metrics; NULL in rows that older versions wrote."""


class EvaluationRecord(Base):
    """One evaluation that ended."""

    __tablename__ = "automl_evaluations"
    __table_args__: Any = (
        UniqueConstraint("study_id", "candidate_id", "fidelity", "seed"),
        UniqueConstraint("study_id", "trial"),
        ForeignKeyConstraint(
            ["study_id", "candidate_id"], ["automl_candidates.study_id", "automl_candidates.id"], ondelete="CASCADE"
        ),
        CheckConstraint("state IN ('COMPLETE', 'PRUNED', 'FAIL')", name="state"),
        CheckConstraint("state <> 'COMPLETE' OR accuracy IS NOT NULL", name="accuracy"),
        CheckConstraint(
            "(purpose = 'search' AND trial IS NOT NULL) OR (purpose = 'final' AND trial IS NULL)", name="purpose"
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    study_id: Mapped[int] = mapped_column(Integer)
    candidate_id: Mapped[str] = mapped_column(String(128))
    fidelity: Mapped[str] = mapped_column(String(255))
    seed: Mapped[int]
    purpose: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    settings: Mapped[dict[str, Any]]
    curve: Mapped[list[Any]]
    accuracy: Mapped[float | None]
    test_accuracy: Mapped[float | None]
    seconds: Mapped[float]
    worker: Mapped[str] = mapped_column(Text)
    device: Mapped[str] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(Text)
    checkpoint: Mapped[str | None] = mapped_column(Text)
    started: Mapped[datetime]
    finished: Mapped[datetime]
    trial: Mapped[int | None] = mapped_column(Integer)
    origin: Mapped[str] = mapped_column(Text)
    scores: Mapped[dict[str, Any]]
    fault: Mapped[str | None] = mapped_column(String(16))
    """What was at fault in a FAIL; NULL in rows that older versions wrote."""


class PausedRecord(Base):
    """One training of a search that was paused and has not ended."""

    __tablename__ = "automl_paused"

    study_id: Mapped[int] = mapped_column(ForeignKey("automl_studies.id", ondelete="CASCADE"), primary_key=True)
    candidate_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    fidelity: Mapped[str] = mapped_column(String(255), primary_key=True)
    seed: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    data: Mapped[dict[str, Any]]


class NoteRecord(Base):
    """One note of one study."""

    __tablename__ = "automl_notes"

    study_id: Mapped[int] = mapped_column(ForeignKey("automl_studies.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class DriverRecord(Base):
    """One process that runs the trainings of a study."""

    __tablename__ = "automl_drivers"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("automl_studies.id", ondelete="CASCADE"))
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    place: Mapped[str] = mapped_column(String(255))
    since: Mapped[datetime]
    seen: Mapped[datetime]


class ClaimRecord(Base):
    """One evaluation that a driver has begun; as its candidate has no row before the evaluation has
    ended, it refers to none."""

    __tablename__ = "automl_claims"

    study_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    candidate_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    fidelity: Mapped[str] = mapped_column(String(255), primary_key=True)
    seed: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    driver_id: Mapped[str] = mapped_column(ForeignKey("automl_drivers.id", ondelete="CASCADE"))
