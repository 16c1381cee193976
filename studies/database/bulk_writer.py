"""Many evaluations in one transaction: for searches whose evaluations are looked up and end
thousands in a second.

One alone costs some 15 ms, nearly all of it Optuna's: it asks the database several times for every
parameter and attribute of a trial. Here a few hundred wait in memory and are written together,
Optuna's rows by its own table models (see `optuna_private`; a test compares what both ways have
written). A process that is killed loses what waits, the work of a second at most; reads of the
study write it first, and so see it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from ...blocks.errors import InputError
from ..records.evaluation import CandidateRow, DuplicateEvaluation, Evaluation, Purpose
from ..records.optuna_trial import frozen
from ..records.paused import Paused
from . import optuna_private
from .connection import Database
from .recording import has, store_paused
from .recovery import Kept, Recovery, Result, held_by
from .rows import candidate_record, evaluation_record, keep_metrics
from .tables import CandidateRecord, EvaluationRecord, PausedRecord

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

Key = tuple[str, str, int]
"""Candidate, fidelity, seed."""
_ASKED = 400
"""Databases limit the length of an IN."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    evaluation: Evaluation
    trial: FrozenTrial | None
    result: Result


class Batched(Database):
    """A database that writes the batch before every other read or write."""

    def __init__(self, database: Database, flush: Callable[[], None]) -> None:
        self.__dict__.update(database.__dict__)
        self._flush = flush

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that reads, after what is collected has been written."""
        self._flush()
        with super().read() as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that writes, after what is collected has been written."""
        self._flush()
        with super().write() as session:
            yield session


@contextmanager
def batched(
    database: Database,
    study: int,
    optuna_study: int,
    require: Callable[[Session], None],
    recovery: Recovery | None,
    *,
    every: int,
    seconds: float,
) -> Iterator[tuple[Batch, Batched]]:
    """A batch of one study, and the database through which all else is read and written meanwhile;
    at the end what waits is written. `require` raises an exception where nothing may be written;
    `recovery` keeps what waits while the database cannot be had."""
    batch = database.fetch(lambda session: Batch(session, study, optuna_study, every, seconds))

    def writes(session: Session, again: bool) -> None:
        require(session)
        if not (again and batch.stored(session)):
            batch.write(session)

    def flush() -> None:
        if waiting := batch.kept():
            with held_by(recovery, *waiting, engine=database.engine):
                database.transact(writes)
            batch.written()

    batch.full = flush
    try:
        yield batch, Batched(database, flush)
    finally:
        flush()


class Batch:
    """Evaluations and paused trainings that are to be written to one study."""

    def __init__(self, session: Session, study: int, optuna_study: int, every: int, seconds: float) -> None:
        self.full: Callable[[], None] = lambda: None
        """Called when `every` evaluations wait, or `seconds` after the last time."""
        self.waiting: list[_Waiting] = []
        """Evaluations that `write` will write."""
        self.paused: dict[Key, Paused] = {}
        """Paused trainings that `write` will write."""
        self._every, self._seconds, self._last = every, seconds, time.monotonic()
        self._study, self._optuna_study = study, optuna_study
        columns = (EvaluationRecord.candidate_id, EvaluationRecord.fidelity, EvaluationRecord.seed)
        self._known: set[Key] = {
            (row[0], row[1], row[2])
            for row in session.execute(select(*columns).where(EvaluationRecord.study_id == study))
        }
        self._number = optuna_private.count_trials(session, optuna_study)
        self._candidates: dict[str, CandidateRow] = {}
        self._distributions: dict[str, tuple[BaseDistribution, str]] = {}

    def add(self, result: Result) -> Evaluation:
        """Takes an evaluation that ended; returns it with the trial number that it will have.

        Raises: DuplicateEvaluation, InputError as `Study.record` does; nothing was taken.
        """
        evaluation = result.evaluation
        key = evaluation.key
        if key in self._known:
            raise DuplicateEvaluation(
                f"the study has this evaluation already (candidate {key[0][:12]}, {evaluation.fidelity}, seed {key[2]})"
            )
        trial = None
        if evaluation.purpose is Purpose.SEARCH:
            trial = frozen(evaluation, result.params, result.distributions, result.values)
            evaluation = replace(evaluation, trial=self._number)
            self._number += 1
        self._known.add(key)
        self.paused.pop(key, None)
        self._candidates[result.candidate.id] = result.candidate
        self.waiting.append(_Waiting(evaluation, trial, result))
        self._written_if_full()
        return evaluation

    def pause(self, paused: Paused) -> None:
        """Takes a training that waits at a rung. Raises: DuplicateEvaluation if it has ended
        already."""
        if paused.key in self._known:
            raise DuplicateEvaluation(
                f"the study has this evaluation already (candidate {paused.candidate.id[:12]}): nothing was written"
            )
        self.paused[paused.key] = paused
        self._written_if_full()

    def _written_if_full(self) -> None:
        if len(self.waiting) + len(self.paused) >= self._every or time.monotonic() - self._last >= self._seconds:
            self.full()

    def kept(self) -> list[Kept]:
        """What waits, as a recovery file keeps it."""
        return [*(one.result for one in self.waiting), *self.paused.values()]

    def stored(self, session: Session) -> bool:
        """Whether a transaction whose commit was not answered has been kept: whether its first
        evaluation is there; what is paused can be written twice."""
        return bool(self.waiting) and has(session, self._study, self.waiting[0].evaluation)

    def write(self, session: Session) -> None:
        """Write the batch in the transaction of `session`. Call `written` after the commit.

        Raises: DuplicateEvaluation if another process has written one of these, or any trial, in
        the meantime; InputError if a candidate is stored otherwise, or Optuna refuses a
        distribution.
        """
        optuna_private.lock(session, self._optuna_study)
        numbers = [one.evaluation.trial for one in self.waiting if one.evaluation.trial is not None]
        if numbers and optuna_private.count_trials(session, self._optuna_study) != numbers[0]:
            raise DuplicateEvaluation(
                "another process has added trials to this study: of a study whose records share transactions there is"
                " one writer"
            )
        self._write_candidates(session)
        self._write_trials(session)
        if self.waiting:
            session.execute(
                insert(EvaluationRecord),
                [_fields(evaluation_record(self._study, one.evaluation, one.evaluation.trial)) for one in self.waiting],
            )
        waited = select(PausedRecord.candidate_id, PausedRecord.fidelity, PausedRecord.seed).where(
            PausedRecord.study_id == self._study
        )
        ended = {one.evaluation.key for one in self.waiting}
        for candidate, fidelity, seed in session.execute(waited).all():
            if (candidate, fidelity, seed) in ended:
                which = (
                    PausedRecord.study_id == self._study,
                    PausedRecord.candidate_id == candidate,
                    PausedRecord.fidelity == fidelity,
                )
                session.execute(delete(PausedRecord).where(*which, PausedRecord.seed == seed))

        for one in self.paused.values():
            store_paused(session, self._study, one)

    def written(self) -> None:
        """Empty the batch: its transaction is committed."""
        self.waiting.clear()
        self.paused.clear()
        self._candidates.clear()
        self._last = time.monotonic()

    def _write_candidates(self, session: Session) -> None:
        ids = list(self._candidates)
        stored: dict[str, CandidateRecord] = {}
        for start in range(0, len(ids), _ASKED):
            part = select(CandidateRecord).where(
                CandidateRecord.study_id == self._study, CandidateRecord.id.in_(ids[start : start + _ASKED])
            )
            stored.update({row.id: row for row in session.scalars(part)})
        for key, row in stored.items():
            keep_metrics(row, self._candidates[key])
        new = [
            _fields(candidate_record(self._study, row)) for key, row in self._candidates.items() if key not in stored
        ]
        if new:
            session.execute(insert(CandidateRecord), new)

    def _write_trials(self, session: Session) -> None:
        waiting = [
            (one.evaluation.trial, one.trial)
            for one in self.waiting
            if one.trial is not None and one.evaluation.trial is not None
        ]
        if waiting:
            optuna_private.insert_trials(
                session, self._optuna_study, waiting, lambda name, given: self._distribution(session, name, given)
            )

    def _distribution(self, session: Session, name: str, given: BaseDistribution) -> str:
        """Its text, once it is known to go with what the study has of this parameter. Raises:
        InputError."""
        from optuna.distributions import check_distribution_compatibility, distribution_to_json, json_to_distribution

        known = self._distributions.get(name)
        if known is not None and known[0] == given:
            return known[1]
        before = known[0] if known is not None else None
        if before is None:
            text = optuna_private.stored_distribution(session, self._optuna_study, name)
            before = given if text is None else json_to_distribution(text)
        try:
            check_distribution_compatibility(before, given)
        except ValueError as error:
            raise InputError(f"Optuna refuses the trial: {error}") from error
        self._distributions[name] = (given, distribution_to_json(given))
        return self._distributions[name][1]


def _fields(row: CandidateRecord | EvaluationRecord) -> dict[str, Any]:
    return {
        column.key: getattr(row, column.key)
        for column in row.__table__.columns
        if column.key != "id" or isinstance(row, CandidateRecord)
    }
