"""A study in its database: opened, continued, added to, read.

Only what finished is written. `Study.record` puts Optuna's trial and our rows into one transaction,
so at whatever instant a process is killed, the database holds both or neither, and nothing that
still runs. The front and all counts are computed from the rows, never kept beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ..blocks.documented import documented
from ..blocks.errors import InputError, unknown
from .database import optuna_tables
from .database.bulk_writer import Batch, Batched
from .database.connection import Database, DatabaseError
from .database.rows import candidate_of, candidate_record, count_by_state, evaluation_of, evaluation_record, spec_of
from .database.schema import HEAD, existing, migrate, revision
from .database.tables import CandidateRecord, EvaluationRecord, NoteRecord, PausedRecord, StudyRecord
from .evaluation import CandidateRow, DuplicateEvaluation, Evaluation, Purpose, State
from .front import front as front_of
from .json_values import JSON, plain, plain_dict
from .listing import StudySummary, delete, studies, unknown_study
from .paused import Paused
from .spec import DESCRIPTIVE, StudySpec, refuse_if_different

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

__all__ = [
    "CandidateRow",
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


@documented
@dataclass(frozen=True, kw_only=True)
class FrontPoint:
    """A candidate on the front, with the evaluation that put it there."""

    candidate: CandidateRow
    """The network and its cost."""
    evaluation: Evaluation
    """Its accuracy and how it came about."""

    @property
    def id(self) -> str:
        """Of the candidate."""
        return self.candidate.id

    @property
    def accuracy(self) -> float:
        """Validation accuracy."""
        assert self.evaluation.accuracy is not None  # of a COMPLETE evaluation: checked at its construction
        return self.evaluation.accuracy

    @property
    def macs(self) -> int:
        """Multiply-adds for one image."""
        return self.candidate.macs

    @property
    def params(self) -> int:
        """Trainable numbers."""
        return self.candidate.params


class Study:
    """One study in one database, by `create_or_continue` or `open`; any number of processes may
    have it open."""

    def __init__(self, database: Database, storage: str, row: StudyRecord, optuna: RDBStorage | None = None) -> None:
        self._database = database
        self._optuna = optuna
        self._batch: Batch | None = None
        self._id = row.id
        self._optuna_id = row.optuna_study_id
        self.storage_url: str = storage
        """As given, with its password: show `masked(study.storage_url)`."""
        self.spec: StudySpec = spec_of(row)
        """What is searched."""
        self.created: datetime = row.created
        """When it began."""
        self.versions: dict[str, JSON] = row.versions
        """Of Python, PyTorch … when it began."""
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
        versions = plain_dict(versions, "versions")
        cls.find(storage, spec)  # what is refused is refused before the tables are made
        database = Database(storage)
        migrate(database)
        optuna = optuna_tables.connect(database)
        while True:
            try:
                with database.write() as session:
                    row = _found(database, session, spec)
                    if row is not None:  # the same data may lie elsewhere now
                        row.data = {key: value for key, value in row.data.items() if key not in DESCRIPTIVE} | spec.data
                    if row is None:
                        row = StudyRecord(
                            name=spec.name,
                            optuna_study_id=optuna_tables.create(optuna, session, spec.name),
                            space=spec.space,
                            budget=spec.budget,
                            data=spec.data,
                            settings=spec.settings,
                            command=command,
                            versions=versions,
                            created=datetime.now(UTC),
                        )
                        session.add(row)
                return cls(database, storage, row, optuna)
            except optuna_tables.Taken:  # another process has created it since: now it is found, or refused
                continue

    @classmethod
    def find(cls, storage: str, spec: StudySpec) -> Study | None:
        """The study that `create_or_continue` would continue, None if it would create one; writes
        nothing. Raises as that does."""
        database = Database(storage)
        database.require_folder()
        if not database.exists:
            return None
        with database.opening(), Session(database.engine) as session:
            stands = revision(session.connection())
            if stands not in (None, HEAD):  # of an earlier version: seen once the tables have been brought up to date
                return None
            row = _found(database, session, spec, tables=stands is not None)
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
        values: tuple[float, int] | None,
    ) -> Evaluation:
        """Writes an evaluation that ended, its candidate, and for a search Optuna's trial, in one
        transaction; returns it with its trial number.

        If it was paused on the way, the row of its waiting goes in the same transaction.

        Raises: DuplicateEvaluation if the study has this (candidate, fidelity, seed) already;
        InputError if the arguments contradict each other or the candidate's id is stored with
        another network; DatabaseError. In each case nothing was written.
        """
        _check(evaluation, candidate, values)
        if self._batch is not None:
            return self._batch.add(evaluation, candidate, params, distributions, values)
        try:
            with self._database.write() as session:
                self._require(session)
                if self._has(session, evaluation):
                    raise self._duplicate(evaluation)
                number = None
                if evaluation.purpose is Purpose.SEARCH:
                    trial = optuna_tables.frozen(evaluation, params, distributions, values)
                    number = optuna_tables.add(self._trials(), session, self._optuna_id, trial)
                self._keep(session, candidate)
                session.add(evaluation_record(self._id, evaluation, number))
                self._drop_paused(session, evaluation.candidate_id, evaluation.fidelity.key, evaluation.seed)
        except DatabaseError as error:
            if isinstance(error.__cause__, IntegrityError):  # a server lets two processes come this far at once
                with self._database.read() as session:
                    if self._has(session, evaluation):
                        raise self._duplicate(evaluation) from error
            raise
        return replace(evaluation, trial=number)

    @contextmanager
    def recording(self, every: int = 200) -> Iterator[None]:
        """Within it `record` and `pause` write up to `every` in one transaction, and all at its
        end: for thousands that took no time to evaluate.

        What waits is written before anything of this object is read, and is lost if the process is
        killed. One writer at a time.
        """
        database = self._database
        with database.read() as session:
            batch = Batch(session, self._id, self._optuna_id, every)

        def flush() -> None:
            if batch.waiting or batch.paused:
                with database.write() as session:
                    self._require(session)
                    batch.write(session)
                batch.written()

        batch.full = flush
        self._batch, self._database = batch, Batched(database, flush)
        try:
            yield
        finally:
            self._batch, self._database = None, database
            flush()

    def pause(self, paused: Paused) -> None:
        """Keeps a training that waits at a rung, in place of what was kept when it waited at an
        earlier one.

        Raises: DuplicateEvaluation if it has ended already.
        """
        if self._batch is not None:
            return self._batch.pause(paused)
        with self._database.write() as session:
            self._require(session)
            key = {"candidate_id": paused.candidate.id, "fidelity": paused.fidelity.key, "seed": paused.seed}
            if (
                session.scalar(
                    select(EvaluationRecord.id).where(EvaluationRecord.study_id == self._id).filter_by(**key)
                )
                is not None
            ):
                raise DuplicateEvaluation(
                    f"study {self.spec.name!r} has this evaluation already (candidate {paused.candidate.id[:12]}):"
                    " nothing was written"
                )
            session.merge(PausedRecord(study_id=self._id, **key, data=paused.to_dict()))

    def paused(self) -> list[Paused]:
        """The trainings that wait at a rung, in the order in which they began."""
        with self._database.read() as session:
            rows = session.scalars(select(PausedRecord).where(PausedRecord.study_id == self._id))
            return sorted((Paused.from_dict(row.data) for row in rows), key=lambda one: one.started)

    def tested(self, evaluation: Evaluation, accuracy: float) -> None:
        """Keeps the accuracy on the test data with the evaluation of the network chosen.

        Raises: InputError if there is no such evaluation, or it has been tested.
        """
        with self._database.write() as session:
            row = session.scalar(self._row_of(evaluation))
            if row is None or row.test_accuracy is not None:
                state = "is not in the study" if row is None else f"has been tested already ({row.test_accuracy})"
                raise InputError(
                    f"an evaluation is tested once, but that of candidate {evaluation.candidate_id[:12]} {state}"
                )
            row.test_accuracy = replace(evaluation, test_accuracy=accuracy).test_accuracy  # checked: finite

    def evaluations(self, purpose: Purpose | None = None, state: State | None = None) -> list[Evaluation]:
        """All that ended, in the order in which they were recorded."""
        query = select(EvaluationRecord).where(EvaluationRecord.study_id == self._id).order_by(EvaluationRecord.id)
        if purpose is not None:
            query = query.where(EvaluationRecord.purpose == purpose.value)
        if state is not None:
            query = query.where(EvaluationRecord.state == state.value)
        with self._database.read() as session:
            return [evaluation_of(row) for row in session.scalars(query)]

    def candidates(self) -> dict[str, CandidateRow]:
        """Candidate by id, each with at least one evaluation."""
        with self._database.read() as session:
            rows = session.scalars(
                select(CandidateRecord).where(CandidateRecord.study_id == self._id).order_by(CandidateRecord.id)
            )
            return {row.id: candidate_of(row) for row in rows}

    def candidate(self, id_or_prefix: str) -> CandidateRow:
        """The candidate whose id is, or begins with, `id_or_prefix`. Raises: InputError if there is
        none, or more than one."""
        known = self.candidates()
        if id_or_prefix in known:
            return known[id_or_prefix]
        fitting = [key for key in known if id_or_prefix and key.startswith(id_or_prefix)]
        if not fitting:
            raise unknown("candidate", id_or_prefix, [key[:12] for key in known])
        if len(fitting) > 1:
            shown = ", ".join(key[: len(id_or_prefix) + 6] for key in fitting[:4]) + (", …" if len(fitting) > 4 else "")
            raise InputError(f"candidate {id_or_prefix!r} must fit one id, but fits {len(fitting)}: {shown}")
        return known[fitting[0]]

    def front(self) -> list[FrontPoint]:
        """The COMPLETE evaluations of the search that no other beats in accuracy and MACs, cheapest
        first; as Optuna's `best_trials`, ties included."""
        joins = (CandidateRecord.study_id == EvaluationRecord.study_id) & (
            CandidateRecord.id == EvaluationRecord.candidate_id
        )
        chosen = (
            (EvaluationRecord.study_id == self._id)
            & (EvaluationRecord.purpose == Purpose.SEARCH.value)
            & (EvaluationRecord.state == State.COMPLETE.value)
        )
        query = (
            select(EvaluationRecord.id, EvaluationRecord.accuracy, CandidateRecord.macs)
            .join(CandidateRecord, joins)
            .where(chosen)
        )
        with self._database.read() as session:
            rows = session.execute(query.order_by(CandidateRecord.macs, EvaluationRecord.id)).all()
            best = [rows[index].id for index in front_of([row.accuracy for row in rows], [row.macs for row in rows])]
            pairs = {}
            for start in range(0, len(best), 500):  # databases limit the length of an IN
                part = (
                    select(EvaluationRecord, CandidateRecord)
                    .join(CandidateRecord, joins)
                    .where(EvaluationRecord.id.in_(best[start : start + 500]))
                )
                pairs.update(
                    {evaluation.id: (candidate, evaluation) for evaluation, candidate in session.execute(part)}
                )
        return [
            FrontPoint(candidate=candidate_of(pairs[key][0]), evaluation=evaluation_of(pairs[key][1])) for key in best
        ]

    def counts(self) -> dict[str, int]:
        """How many ended how: `complete`, `pruned` and `fail` of the search, and `final` trainings,
        however they ended."""
        with self._database.read() as session:
            return count_by_state(session, self._id)

    def optuna_trials(self) -> list[FrozenTrial]:
        """Optuna's trials of this study, by number: to tell a sampler on resuming what is known."""
        storage = self._trials()
        with self._database.read() as session:
            ours = set(session.scalars(select(EvaluationRecord.trial).where(EvaluationRecord.study_id == self._id)))
            return [
                trial for trial in optuna_tables.finished(storage, session, self._optuna_id) if trial.number in ours
            ]

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

    def _has(self, session: Session, evaluation: Evaluation) -> bool:
        return session.scalar(self._row_of(evaluation)) is not None

    def _row_of(self, evaluation: Evaluation) -> Select[EvaluationRecord]:
        return select(EvaluationRecord).where(
            EvaluationRecord.study_id == self._id,
            EvaluationRecord.candidate_id == evaluation.candidate_id,
            EvaluationRecord.fidelity == evaluation.fidelity.key,
            EvaluationRecord.seed == evaluation.seed,
        )

    def _drop_paused(self, session: Session, candidate: str, fidelity: str, seed: int) -> None:
        row = session.get(PausedRecord, (self._id, candidate, fidelity, seed))
        if row is not None:
            session.delete(row)

    def _duplicate(self, evaluation: Evaluation) -> DuplicateEvaluation:
        what = f"candidate {evaluation.candidate_id[:12]}, {evaluation.fidelity}, seed {evaluation.seed}"
        return DuplicateEvaluation(
            f"study {self.spec.name!r} has this evaluation already ({what}): nothing was written"
        )

    def _keep(self, session: Session, candidate: CandidateRow) -> None:
        row = session.get(CandidateRecord, (self._id, candidate.id))
        if row is None:
            session.add(candidate_record(self._id, candidate))
        elif candidate_of(row) != candidate:
            raise InputError(
                f"candidate {candidate.id[:12]} is stored with another network or cost: {candidate_of(row)} /"
                f" {candidate}"
            )


def _found(database: Database, session: Session, spec: StudySpec, *, tables: bool = True) -> StudyRecord | None:
    """Our row of this study; None if its name is free. Raises: InputError if the name is taken by
    something else."""
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


def _check(evaluation: Evaluation, candidate: CandidateRow, values: tuple[float, int] | None) -> None:
    if evaluation.candidate_id != candidate.id:
        raise InputError(
            f"an evaluation is recorded with its own candidate, but got {evaluation.candidate_id!r} with"
            f" {candidate.id!r}"
        )
    wanted = (
        (evaluation.accuracy, candidate.macs)
        if (evaluation.purpose, evaluation.state) == (Purpose.SEARCH, State.COMPLETE)
        else None
    )
    given = None if values is None else tuple(values)
    if given != wanted:  # else Optuna's front would not be ours
        raise InputError(
            f"the values of this {evaluation.state} {evaluation.purpose} evaluation must be {wanted}, but got {given}"
        )
