"""Keeps the evaluations of a study as they were read, until the database holds others.

A command asks for them ten times over, and of a study of 100,000 trials each reading takes seconds.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..records.evaluation import Evaluation, Purpose, State
from .reading import read_evaluations
from .tables import EvaluationRecord


class EvaluationsRead:
    """The evaluations of one study."""

    def __init__(self, study: int) -> None:
        """`study` is its id; nothing has been read."""
        self._study = study
        self._mark: tuple[Any, ...] | None = None
        self._found: list[Evaluation] = []

    def read(self, session: Session, purpose: Purpose | None, state: State | None, **more: Any) -> list[Evaluation]:
        """Those of a purpose and a state, as `read_evaluations` reads them with `more`. Rows are
        added and tested, and nothing else of them changes."""
        row = EvaluationRecord
        counts = func.count(row.id), func.max(row.id), func.count(row.test_accuracy)
        mark = tuple(session.execute(select(*counts).where(row.study_id == self._study)).one())
        if mark != self._mark:
            self._found, self._mark = read_evaluations(session, self._study, None, None, **more), mark
        return [
            one
            for one in self._found
            if (purpose is None or one.purpose is purpose) and (state is None or one.state is state)
        ]
