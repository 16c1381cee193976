"""Finds the row of a study, or creates it with Optuna's study of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...blocks.errors import InputError
from ..json_values import JSON
from ..spec import StudySpec, refuse_if_different
from . import optuna_tables
from .connection import Database
from .rows import spec_of
from .tables import StudyRecord

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def find_row(database: Database, session: Session, spec: StudySpec, *, tables: bool = True) -> StudyRecord | None:
    """Our row of this study; None if its name is free.

    Raises:
        InputError: the name is taken by another search, or by a study of Optuna alone.
    """
    row = session.scalar(select(StudyRecord).where(StudyRecord.name == spec.name)) if tables else None
    optuna_id = optuna_tables.study_id(session, spec.name)
    if row is None:
        if optuna_id is not None:
            raise InputError(
                f"{database.shown} holds a study {spec.name!r} of Optuna that automl did not make: give this one"
                " another name"
            )
        return None
    refuse_if_different(spec_of(row), spec, database.shown)
    if optuna_id != row.optuna_study_id:
        raise InputError(
            f"the trials of study {spec.name!r} in {database.shown} were deleted by another program: delete the study,"
            " or give another name"
        )
    return row


def create_row(
    session: Session, optuna: RDBStorage, spec: StudySpec, *, command: str, versions: Mapping[str, JSON]
) -> StudyRecord:
    """The row of a new study, added to the session, with Optuna's study.

    Raises:
        Taken: another process has just created a study of this name.
    """
    row = StudyRecord(
        name=spec.name,
        optuna_study_id=optuna_tables.create(optuna, session, spec.name, spec.cost),
        space=spec.space,
        budget=spec.budget,
        data=spec.data,
        settings=spec.settings,
        command=command,
        versions=dict(versions),
        created=datetime.now(UTC),
    )
    session.add(row)
    return row
