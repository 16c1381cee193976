"""The part of a study that only reads: its evaluations, candidates, front, counts and notes.

Within `snapshot` each of them is read once, however many parts of a command ask for it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Hashable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from .database import driving, optuna_tables
from .database.connection import Database
from .database.reading import read_candidates, read_evaluations, read_front, read_paused
from .database.rows import count_by_state
from .database.tables import EvaluationRecord, NoteRecord
from .driver import Driver
from .records.candidate_row import fitting
from .records.evaluation import CandidateRow, Evaluation, Purpose, State
from .records.front_point import FrontPoint
from .records.paused import Paused
from .records.spec import StudySpec
from .writing.json_values import JSON

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

T = TypeVar("T")


class StudyReading:
    """Reads one study of one database."""

    spec: StudySpec
    """What is searched."""

    def __init__(self, database: Database, study: int, optuna_study: int, optuna: RDBStorage | None) -> None:
        self._database, self._id, self._optuna_id, self._optuna = database, study, optuna_study, optuna
        self._kept: dict[Hashable, Any] | None = None

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Within it, what has been read of the study is kept and not read again, until this object
        writes. What other processes write meanwhile is not seen. It may be nested. Python collects
        no garbage within it."""
        if self._kept is not None:
            yield
            return
        self._kept = {}
        collects = gc.isenabled()
        gc.disable()  # the collector would look through all rows again and again: none of them is garbage
        try:
            yield
        finally:
            self._kept = None
            if collects:
                gc.enable()

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returns; within a `snapshot` it is called once for each `key`, and what it
        returns is shared: it must not be changed."""
        kept = self._kept
        if kept is not None and key in kept:
            return cast(T, kept[key])
        made = make()
        if kept is not None:
            kept[key] = made
        return made

    def _once(self, key: str, reads: Callable[[Session], T]) -> T:
        """What `reads` reads in one transaction; within a `snapshot` once."""
        return self.once(key, lambda: self._database.fetch(reads))

    def _changed(self) -> None:
        """Forget what has been read: this object writes."""
        if self._kept is not None:
            self._kept.clear()

    def drivers(self) -> list[Driver]:
        """The processes that run the study now, the first to begin first."""
        found = self._database.fetch(lambda session: driving.drivers(session, self._id))
        return [one for one in found if one.alive]

    def paused(self) -> list[Paused]:
        """The trainings that wait at a rung, in the order in which they began."""
        return list(self._once("paused", lambda session: read_paused(session, self._id)))

    def evaluations(self, purpose: Purpose | None = None, state: State | None = None) -> list[Evaluation]:
        """All that ended, in the order in which they were recorded."""
        return list(self.once(("evaluations", purpose, state), lambda: self._evaluations(purpose, state)))

    def _evaluations(self, purpose: Purpose | None, state: State | None) -> list[Evaluation]:
        if self._kept is not None and (purpose is not None or state is not None):
            return [
                one
                for one in self.evaluations()
                if (purpose is None or one.purpose is purpose) and (state is None or one.state is state)
            ]
        parts, shown = (self._id, purpose, state, self.spec.metric), self._database.shown
        return self._database.fetch(lambda session: read_evaluations(session, *parts, shown=shown))

    def candidates(self) -> dict[str, CandidateRow]:
        """Candidate by id, each with at least one evaluation."""
        known = self._database
        return dict(self._once("candidates", lambda session: read_candidates(session, self._id, database=known)))

    def candidate(self, id_or_prefix: str) -> CandidateRow:
        """The candidate whose id is, or begins with, `id_or_prefix`. Raises: InputError if there is
        none, or more than one."""
        return fitting(self.candidates(), id_or_prefix)

    def front(self) -> list[FrontPoint]:
        """The COMPLETE evaluations of the search that no other beats in accuracy and cost, cheapest
        first; as Optuna's `best_trials`, ties included.

        Raises: InputError if the cost metric of the study is unknown here.
        """
        parts = self._id, self.spec.cost, self.spec.metric
        return list(self._once("front", lambda session: read_front(session, *parts)))

    def counts(self) -> dict[str, int]:
        """Number of trials by state: `complete`, `pruned` and `fail`; and of final trainings of any
        state: `final`."""
        return self._database.fetch(lambda session: count_by_state(session, self._id))

    def optuna_trials(self, among: Collection[int] | None = None) -> list[FrozenTrial]:
        """Optuna's trials of this study, by number, or those of the numbers `among`: to tell a
        sampler what is known."""
        storage = self._trials()

        def reads(session: Session) -> list[FrozenTrial]:
            ours = set(session.scalars(select(EvaluationRecord.trial).where(EvaluationRecord.study_id == self._id)))
            found = optuna_tables.finished(storage, session, self._optuna_id, among)
            return [trial for trial in found if trial.number in ours]

        return self._database.fetch(reads)

    def notes(self) -> dict[str, JSON]:
        """All notes by key."""
        asked = select(NoteRecord).where(NoteRecord.study_id == self._id).order_by(NoteRecord.key)
        return dict(self._once("notes", lambda session: {row.key: row.value for row in session.scalars(asked)}))

    def _trials(self) -> RDBStorage:
        if self._optuna is None:  # reading a study needs no Optuna
            self._optuna = optuna_tables.connect(self._database)
        return self._optuna
