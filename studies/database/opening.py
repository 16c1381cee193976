"""Finds the row of a study, or creates it with Optuna's study of the same name; see `Study`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from ...blocks.errors import InputError
from ..records.spec import DESCRIPTIVE, StudySpec, refuse_if_different
from ..writing.json_values import JSON
from . import optuna_tables
from .connection import Database
from .rows import spec_of
from .schema import HEAD, migrate, revision
from .tables import StudyRecord

if TYPE_CHECKING:
    from optuna.storages import RDBStorage


def found(database: Database, spec: StudySpec) -> StudyRecord | None:
    """The row of a study; None if there is none yet, or the database is of an earlier version.
    Writes nothing.

    Raises:
        InputError: as `find_row`, or the database cannot be opened.
    """
    database.require_folder()
    if not database.exists:
        return None
    while True:
        with database.opening(), Session(database.engine) as session:
            stands = revision(session.connection())
            if stands not in (None, HEAD):  # seen once the tables have been brought up to date
                return None
            try:
                return find_row(database, session, spec, tables=stands is not None)
            except InputError:
                with database.engine.connect() as later:
                    if stands is not None or revision(later) is None:
                        raise  # else another process has made our tables between the two looks


def created_or_found(
    database: Database, spec: StudySpec, *, command: str, versions: Mapping[str, JSON]
) -> tuple[StudyRecord, RDBStorage]:
    """The row of a study, and Optuna's storage; both are created where there are none.

    Raises:
        InputError: as `found`.
    """
    found(database, spec)  # what is refused is refused before the tables are made
    migrate(database)
    optuna = optuna_tables.connect(database)
    while True:
        try:
            with database.write() as session:
                row = find_row(database, session, spec)
                if row is not None:  # the same data may lie elsewhere now
                    row.data = {key: value for key, value in row.data.items() if key not in DESCRIPTIVE} | spec.data
                if row is None:
                    row = create_row(session, optuna, spec, command=command, versions=versions)
            return row, optuna
        except optuna_tables.Taken:  # another process has created it since: now it is found, or refused
            continue


def find_row(database: Database, session: Session, spec: StudySpec, *, tables: bool = True) -> StudyRecord | None:
    """Our row of this study; None if its name is free.

    Raises:
        InputError: the name is taken by another search, or by a study of Optuna alone.
    """
    # both are created in one transaction: if the first look finds one, the second finds the other
    optuna_id = optuna_tables.study_id(session, spec.name)
    row = session.scalar(select(StudyRecord).where(StudyRecord.name == spec.name)) if tables else None
    if row is not None and optuna_id is None:
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
