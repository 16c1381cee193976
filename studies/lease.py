"""Holds a study for this process: one driver runs it, and others join it only when told to.

The row of a driver in the database says who it is, and every `BEAT` seconds that it is alive. All
that a driver writes is written only while it has its row, so that one that was taken for dead and
was not cannot write beside its successor.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import suppress
from datetime import datetime

from sqlalchemy.orm import Session

from ..blocks.errors import AutomlError
from .database import driving
from .database.connection import Database
from .database.reading import read_others
from .driver import Driver
from .records.evaluation import CandidateRow, Evaluation, Purpose
from .records.spec import StudySpec

BEAT = 10.0
"""Seconds between two signs of life."""
RETRY = 1.0
"""Seconds after a sign of life that did not reach the database."""


class Held(AutomlError):
    """Another process runs the study; nothing was written."""


class Lost(AutomlError):
    """Another process has taken this one for dead and runs the study; nothing was written."""


class Lease:
    """This process's hold of one study; `end` gives it up."""

    def __init__(self, database: Database, storage: str, study: int, spec: StudySpec, *, join: bool = False) -> None:
        """Take hold of a study.

        Args:
            database: the database, which is waited for as its `patience` says.
            storage: its URL, for the signs of life: they wait for nothing.
            study: id of the study.
            spec: what it searches.
            join: run it beside the drivers that run it already.

        Raises:
            Held: another process runs it, and `join` is False.
        """
        self._database, self._signs, self._study, self._name = database, Database(storage), study, spec.name
        self.driver: Driver = Driver.here()
        """This process, as others see it."""
        self._returned: datetime | None = None

        def enters(session: Session, again: bool) -> bool:
            others = driving.living(session, study, but=self.driver.id)
            if others and not join:
                raise held(spec, others[0])
            if not driving.drives(session, self.driver):  # as it does if a lost answer said so
                driving.enter(session, study, self.driver)
            return bool(others)

        try:
            self.shared: bool = database.transact(enters)
            """Whether other drivers have been seen."""
        except BaseException:
            self.driver.end()
            raise
        self._over = threading.Event()
        threading.Thread(target=self._beat, name="automl-lease", daemon=True).start()

    def require(self, session: Session) -> None:
        """Check that this process still holds the study, and goes on to until the transaction of
        `session` ends.

        Raises:
            Lost: it does not.
        """
        if not driving.drives(session, self.driver):
            raise Lost(
                f"study {self._name!r} is no longer held by this process, which gave no sign of life for a minute, and"
                " another process took it for dead: nothing was written"
            )

    def claim(self, key: driving.Key, purpose: Purpose, *, trials: int | None = None) -> driving.Claimed:
        """Whether this driver may begin an evaluation; if it may, no other driver does.

        Args:
            key: the evaluation.
            purpose: its purpose.
            trials: the number of trials up to which new ones may begin; None for any.

        Raises:
            Lost: as `require`.
        """

        def claims(session: Session, again: bool) -> driving.Claimed:
            self.shared |= bool(self._others(session))
            self.require(session)
            return driving.claim(session, self._study, self.driver, key, purpose, trials)

        return self._database.transact(claims)

    def unfinished(self) -> tuple[int, int]:
        """The number of trials that other drivers have begun and not ended, and of paused trainings
        that no driver holds; what the dead had begun has been given up."""

        def counts(session: Session, again: bool) -> tuple[int, int]:
            self._others(session)
            return driving.unfinished(session, self._study, but=self.driver.id)

        return self._database.transact(counts)

    def ended(self, known: Collection[driving.Key]) -> list[tuple[Evaluation, CandidateRow]]:
        """The evaluations of the study other than those that are `known`, with their networks."""
        return self._database.fetch(lambda session: read_others(session, self._study, known))

    def begun_elsewhere(self) -> set[driving.Key]:
        """What other drivers have begun and not ended."""
        return self._database.fetch(lambda session: driving.claimed(session, self._study, but=self.driver.id))

    def end(self) -> None:
        """Give the study up. Without the database the row stays, and others find it dead."""
        self._over.set()
        self.driver.end()
        with suppress(AutomlError), self._signs.write() as session:
            driving.leave(session, self.driver)

    def _others(self, session: Session) -> list[Driver]:
        """The other drivers that live; asking is a sign of life."""
        self._sign(session)
        return driving.living(session, self._study, but=self.driver.id, returned=self._returned)

    def _sign(self, session: Session) -> None:
        if driving.beat(session, self.driver) > driving.GAP:
            self._returned = driving.now(session)

    def _beat(self) -> None:
        pause = BEAT
        while not self._over.wait(pause):
            pause = RETRY
            with suppress(AutomlError):  # the next sign of life may reach the database
                with self._signs.write() as session:
                    self._sign(session)
                with self._signs.read() as session:
                    found = driving.drivers(session, self._study)
                self.shared |= any(one.alive and one.id != self.driver.id for one in found)
                pause = BEAT


def held(spec: StudySpec, driver: Driver) -> Held:
    """The error for a study that `driver` holds."""
    join = "" if spec.settings.get("evaluator") == "table" else ", or add --join to train beside it"
    return Held(f"study {spec.name!r} is held by {driver}: wait for its end{join}")
