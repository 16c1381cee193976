"""A study in its database: opened, continued, added to, read.

Only what finished is written. `Study.record` puts Optuna's trial and our rows into one transaction,
so at whatever instant a process is killed, the database holds both or neither, and nothing that
still runs. The front and all counts are computed from the rows, never kept beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from .candidate_row import fitting
from .database import driving, optuna_tables
from .database.bulk_writer import Batch, batched
from .database.connection import Database, DatabaseError, Patience
from .database.opening import created_or_found, found
from .database.reading import read_candidates, read_evaluations, read_front, read_paused
from .database.recording import check, ended, has, store, store_paused, store_test
from .database.rows import count_by_state, spec_of
from .database.schema import existing
from .database.tables import EvaluationRecord, NoteRecord, StudyRecord
from .driver import Driver
from .evaluation import CandidateRow, DuplicateEvaluation, Evaluation, Purpose, State
from .front_point import FrontPoint
from .json_values import JSON, plain, plain_dict
from .lease import Lease
from .listing import StudySummary, delete, studies, unknown_study
from .optuna_trial import frozen
from .paused import Paused
from .spec import StudySpec

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

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


class Study:
    """One study in one database, by `create_or_continue` or `open`; any number of processes may
    have it open."""

    def __init__(self, database: Database, storage: str, row: StudyRecord, optuna: RDBStorage | None = None) -> None:
        self._database = database
        self._optuna = optuna
        self.patience: Patience = database.patience
        """How long transactions wait for a database that cannot be had; not at all by default."""
        self._batch: Batch | None = None
        self.lease: Lease | None = None
        """This process's hold of the study, within `driven`; else None."""
        self._id = row.id
        self._optuna_id = row.optuna_study_id
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
        check(evaluation, candidate, values, self.spec.cost)
        if self._batch is not None:
            return self._batch.add(evaluation, candidate, params, distributions, values)
        try:
            with self._database.write() as session:
                self._require(session)
                if has(session, self._id, evaluation):
                    raise self._duplicate(evaluation)
                number = None
                if evaluation.purpose is Purpose.SEARCH:
                    trial = frozen(evaluation, params, distributions, values)
                    number = optuna_tables.add(self._trials(), session, self._optuna_id, trial)
                store(session, self._id, evaluation, candidate, number)
        except DatabaseError as error:
            if isinstance(error.__cause__, IntegrityError):  # a server lets two processes come this far at once
                with self._database.read() as session:
                    if has(session, self._id, evaluation):
                        raise self._duplicate(evaluation) from error
            raise
        return replace(evaluation, trial=number)

    @contextmanager
    def driven(self, *, join: bool = False) -> Iterator[None]:
        """Within it this process holds the study: other processes see it in the database, and run
        the study beside it only with `join`. What is written within it is written while the study
        is held.

        Raises:
            Held: another process runs the study, and `join` is False.
        """
        self.lease = lease = Lease(self._database, self.storage_url, self._id, self.spec.name, join=join)
        try:
            yield
        finally:
            self.lease = None
            lease.end()

    def drivers(self) -> list[Driver]:
        """The processes that run the study now, the first to begin first."""
        with self._database.read() as session:
            return [one for one in driving.drivers(session, self._id) if one.alive]

    @contextmanager
    def recording(self, every: int = 200, seconds: float = 1.0) -> Iterator[None]:
        """Within it `record` and `pause` write up to `every` in one transaction, at least once in
        `seconds`, and all at its end: for thousands that took no time to evaluate.

        What waits is written before anything of this object is read, and is lost if the process is
        killed. One writer at a time.
        """
        database = self._database
        with batched(database, self._id, self._optuna_id, self._require, every, seconds) as (batch, flushing):
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
        if self._batch is not None:
            return self._batch.pause(paused)
        with self._database.write() as session:
            self._require(session)
            if ended(session, self._id, *paused.key):
                raise DuplicateEvaluation(
                    f"study {self.spec.name!r} has this evaluation already (candidate {paused.candidate.id[:12]}):"
                    " nothing was written"
                )
            store_paused(session, self._id, paused)

    def paused(self) -> list[Paused]:
        """The trainings that wait at a rung, in the order in which they began."""
        with self._database.read() as session:
            return read_paused(session, self._id)

    def tested(self, evaluation: Evaluation, accuracy: float) -> None:
        """Keeps the accuracy on the test data with the evaluation of the network chosen.

        Raises: InputError if there is no such evaluation, or it has been tested.
        """
        with self._database.write() as session:
            store_test(session, self._id, evaluation, accuracy)

    def evaluations(self, purpose: Purpose | None = None, state: State | None = None) -> list[Evaluation]:
        """All that ended, in the order in which they were recorded."""
        with self._database.read() as session:
            return read_evaluations(session, self._id, purpose, state)

    def candidates(self) -> dict[str, CandidateRow]:
        """Candidate by id, each with at least one evaluation."""
        with self._database.read() as session:
            return read_candidates(session, self._id)

    def candidate(self, id_or_prefix: str) -> CandidateRow:
        """The candidate whose id is, or begins with, `id_or_prefix`. Raises: InputError if there is
        none, or more than one."""
        return fitting(self.candidates(), id_or_prefix)

    def front(self) -> list[FrontPoint]:
        """The COMPLETE evaluations of the search that no other beats in accuracy and cost, cheapest
        first; as Optuna's `best_trials`, ties included.

        Raises: InputError if the cost metric of the study is unknown here.
        """
        with self._database.read() as session:
            return read_front(session, self._id, self.spec.cost)

    def counts(self) -> dict[str, int]:
        """How many ended how: `complete`, `pruned` and `fail` of the search, and `final` trainings,
        however they ended."""
        with self._database.read() as session:
            return count_by_state(session, self._id)

    def optuna_trials(self, among: Collection[int] | None = None) -> list[FrozenTrial]:
        """Optuna's trials of this study, by number, or those of the numbers `among`: to tell a
        sampler what is known."""
        storage = self._trials()
        with self._database.read() as session:
            ours = set(session.scalars(select(EvaluationRecord.trial).where(EvaluationRecord.study_id == self._id)))
            found = optuna_tables.finished(storage, session, self._optuna_id, among)
            return [trial for trial in found if trial.number in ours]

    def note(self, key: str, value: JSON) -> None:
        """Keeps a small JSON value with the study, in place of the one of this `key`."""
        with self._database.write() as session:
            self._require(session)
            session.merge(NoteRecord(study_id=self._id, key=key, value=plain(value, f"note {key}")))

    def notes(self) -> dict[str, JSON]:
        """All notes by key."""
        with self._database.read() as session:
            rows = session.scalars(select(NoteRecord).where(NoteRecord.study_id == self._id).order_by(NoteRecord.key))
            return {row.key: row.value for row in rows}

    def _trials(self) -> RDBStorage:
        if self._optuna is None:  # reading a study needs no Optuna
            self._optuna = optuna_tables.connect(self._database)
        return self._optuna

    def _require(self, session: Session) -> None:
        if session.get(StudyRecord, self._id) is None:
            raise DatabaseError(
                f"study {self.spec.name!r} was deleted from {self._database.shown} in the meantime: nothing was written"
            )
        if self.lease is not None:
            self.lease.require(session)

    def _duplicate(self, evaluation: Evaluation) -> DuplicateEvaluation:
        what = f"candidate {evaluation.candidate_id[:12]}, {evaluation.fidelity}, seed {evaluation.seed}"
        return DuplicateEvaluation(
            f"study {self.spec.name!r} has this evaluation already ({what}): nothing was written"
        )
