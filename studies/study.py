"""A study in its database: opened, continued, added to, read.

Only what finished is written. `Study.record` puts Optuna's trial and our rows into one transaction,
so at whatever instant a process is killed, the database holds both or neither, and nothing that
still runs. The front and all counts are computed from the rows, never kept beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..blocks.errors import InputError
from .database.bulk_writer import Batch, batched
from .database.connection import Database, DatabaseError, Patience
from .database.opening import created_or_found, found
from .database.recording import add, add_paused, check, store_test
from .database.recovery import Recovery, Result, held_by
from .database.rows import spec_of
from .database.schema import existing
from .database.tables import NoteRecord, StudyRecord
from .database.weights_folder import weights_folder
from .driver import Driver
from .lease import Lease
from .listing import StudySummary, delete, studies, unknown_study
from .records.evaluation import CandidateRow, DuplicateEvaluation, Evaluation
from .records.front_point import FrontPoint
from .records.paused import Paused
from .records.spec import StudySpec
from .study_reading import StudyReading
from .writing.json_values import JSON, plain, plain_dict

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage

__all__ = [
    "CandidateRow",
    "Driver",
    "DuplicateEvaluation",
    "Evaluation",
    "FrontPoint",
    "Paused",
    "Study",
    "StudySpec",
    "StudySummary",
    "delete",
    "studies",
]


class Study(StudyReading):
    """One study in one database, by `create_or_continue` or `open`; any number of processes may
    have it open."""

    def __init__(self, database: Database, storage: str, row: StudyRecord, optuna: RDBStorage | None = None) -> None:
        super().__init__(database, row.id, row.optuna_study_id, optuna)
        self.patience: Patience = database.patience
        """How long transactions wait for a database that cannot be had; not at all by default."""
        self._batch: Batch | None = None
        self._recovery: Recovery | None = None
        self.lease: Lease | None = None
        """This process's hold of the study, within `driven`; else None."""
        self.storage_url: str = storage
        """As given, with its password: show `masked(study.storage_url)`."""
        self.spec: StudySpec = spec_of(row)
        """What is searched."""
        self.created: datetime = row.created
        """When it began."""
        self.versions: dict[str, JSON] = row.versions
        """Versions of Python, PyTorch and other libraries when the study began."""
        self.command: str = row.command
        """The command that began it."""

    @classmethod
    def create_or_continue(cls, storage: str, spec: StudySpec, *, command: str, versions: Mapping[str, JSON]) -> Study:
        """The study of this name, created if there is none; `command` and `versions` are kept only
        then.

        Raises: InputError, and nothing is written, if the study of that name has another space,
        budget, data or settings (the message shows each difference), if Optuna has a study of that
        name that is not ours, or if the database cannot be opened.
        """
        database = Database(storage)
        row, optuna = created_or_found(database, spec, command=command, versions=plain_dict(versions, "versions"))
        return cls(database, storage, row, optuna)

    @classmethod
    def find(cls, storage: str, spec: StudySpec) -> Study | None:
        """The study that `create_or_continue` would continue, None if it would create one; writes
        nothing. Raises as that does."""
        database = Database(storage)
        row = found(database, spec)
        return None if row is None else cls(database, storage, row)

    @classmethod
    def open(cls, storage: str, name: str) -> Study:
        """The study of this name, to read it or to add to it; creates nothing.

        Raises: InputError if there is no such database or study (it names the nearest).
        """
        database, tables = existing(storage)
        with database.read() as session:
            rows = (
                {row.name: row for row in session.scalars(select(StudyRecord).order_by(StudyRecord.id))}
                if tables
                else {}
            )
        if name not in rows:
            raise unknown_study(name, list(rows), database.shown)
        return cls(database, storage, rows[name])

    def record(
        self,
        evaluation: Evaluation,
        candidate: CandidateRow,
        *,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        values: tuple[float, float] | None,
    ) -> Evaluation:
        """Writes an evaluation that ended, its candidate, and for a search Optuna's trial, in one
        transaction; returns it with its trial number.

        If it was paused on the way, the row of its waiting goes in the same transaction.

        Raises: DuplicateEvaluation if the study has this (candidate, fidelity, seed) already;
        InputError if the arguments contradict each other or the candidate's id is stored with
        another network; DatabaseError. In each case nothing was written.
        """
        self._changed()
        check(evaluation, candidate, values, self.spec.cost)
        result = Result(
            evaluation=evaluation, candidate=candidate, params=params, distributions=distributions, values=values
        )
        if self._batch is not None:
            return self._batch.add(result)

        def writes(session: Session, again: bool) -> int | None:
            self._require(session)
            return add(session, self._id, self.spec.name, self._optuna_id, self._trials, result, again=again)

        with held_by(self._recovery, result, engine=self._database.engine):
            number = self._database.transact(writes)
        return replace(evaluation, trial=number)

    @contextmanager
    def driven(self, *, join: bool = False) -> Iterator[None]:
        """Within it this process holds the study: other processes see it in the database, and run
        the study beside it only with `join`. What is written within it is written while the study
        is held.

        Raises:
            Held: another process runs the study, and `join` is False.
        """
        self.lease = lease = Lease(self._database, self.storage_url, self._id, self.spec, join=join)
        with suppress(InputError):  # a name that no folder can have
            folder = weights_folder(self.storage_url, self.spec.name)
            self._recovery = Recovery(folder, self.spec.name, self.created, lease.driver.id)
            self.patience.keep = self._recovery.write
        try:
            yield
        finally:
            self.lease, self._recovery, self.patience.keep = None, None, str
            lease.end()

    @contextmanager
    def recording(self, every: int = 200, seconds: float = 1.0) -> Iterator[None]:
        """Within it `record` and `pause` write up to `every` in one transaction, at least once in
        `seconds`, and all at its end: for thousands that took no time to evaluate.

        What waits is written before anything of this object is read, and is lost if the process is
        killed. One writer at a time.
        """
        database = self._database
        parts = database, self._id, self._optuna_id, self._require, self._recovery
        with batched(*parts, every=every, seconds=seconds) as (batch, flushing):
            self._batch, self._database = batch, flushing
            try:
                yield
            finally:
                self._batch, self._database = None, database

    def pause(self, paused: Paused) -> None:
        """Keeps a training that waits at a rung, in place of what was kept when it waited at an
        earlier one.

        Raises: DuplicateEvaluation if it has ended already.
        """
        self._changed()
        if self._batch is not None:
            return self._batch.pause(paused)

        def writes(session: Session, again: bool) -> None:
            self._require(session)
            add_paused(session, self._id, self.spec.name, paused)

        with held_by(self._recovery, paused, engine=self._database.engine):
            self._database.transact(writes)

    def tested(self, evaluation: Evaluation, accuracy: float) -> None:
        """Keeps the accuracy on the test data with the evaluation of the network chosen.

        Raises: InputError if there is no such evaluation, or it has been tested.
        """
        self._changed()
        self._database.transact(lambda session, again: store_test(session, self._id, evaluation, accuracy, again=again))

    def note(self, key: str, value: JSON, *, once: bool = False) -> None:
        """Keeps a small JSON value with the study, in place of the one of this `key`; `once` keeps
        the one that is there."""

        self._changed()

        def writes(session: Session, again: bool) -> None:
            self._require(session)
            if not once or session.get(NoteRecord, (self._id, key)) is None:
                session.merge(NoteRecord(study_id=self._id, key=key, value=plain(value, f"note {key}")))

        self._database.transact(writes)

    def _require(self, session: Session) -> None:
        if session.get(StudyRecord, self._id) is None:
            raise DatabaseError(
                f"study {self.spec.name!r} was deleted from {self._database.shown} in the meantime: nothing was written"
            )
        if self.lease is not None:
            self.lease.require(session)
