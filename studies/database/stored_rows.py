"""Makes evaluations and candidates of rows whose JSON and times are still the texts of SQLite.

They are decoded when they are asked for: decoding all of 100,000 rows takes seconds, and a command
shows a few. The networks of a large study are not even read before. Rows whose numbers or states
are not plainly in order are made as those of other databases are, with every check.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, TypeAlias

from sqlalchemy import Text, func, select, type_coerce
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import ColumnElement, KeyedColumnElement

from ...blocks.errors import InputError
from ..records.candidate_row import checked_metrics
from ..records.evaluation import CandidateRow, Evaluation, Fault, Purpose, State, checked_curve
from ..records.field_checks import finite, require_text
from ..records.late import late
from ..writing.json_values import plain_dict
from .connection import Database, DatabaseError, unreadable
from .rows import candidate_of, evaluation_of, fidelity_of
from .tables import CandidateRecord, EvaluationRecord

_EVALUATION = tuple(column for column in EvaluationRecord.__table__.columns if column.key not in ("id", "study_id"))
_CANDIDATE = tuple(column for column in CandidateRecord.__table__.columns if column.key != "study_id")
_WITHOUT_SPEC = tuple(column for column in _CANDIDATE if column.key != "spec")
_NAMES = tuple(column.key for column in _EVALUATION)
_PURPOSES, _STATES = ({one.value: one for one in kind} for kind in (Purpose, State))
_COMPLETE, _FAIL = State.COMPLETE.value, State.FAIL.value
_FAULTS = {None: None, **{one.value: one for one in Fault}}
AT_ONCE, ONE_BY_ONE = 1_000, 32
"""Candidates whose networks are read with them, and networks that are read one by one where there
are more."""


Curve: TypeAlias = tuple[tuple[int, float], ...]
"""(epoch, accuracy), epochs rising."""


def _curve(text: str) -> Curve:
    return checked_curve(json.loads(text))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _settings(text: str) -> dict[str, Any]:
    return plain_dict(json.loads(text), "settings")


def _scores(text: str) -> dict[str, float]:
    return {str(name): finite(f"score {name}", value) for name, value in json.loads(text).items()}


def _metrics(text: str | None) -> dict[str, float]:
    return {} if text is None else checked_metrics(json.loads(text) or {})


_DECODE: dict[str, Callable[[Any], Any]] = {
    "curve": _curve,
    "settings": _settings,
    "scores": _scores,
    "started": _time,
    "finished": _time,
    "metrics": _metrics,
}


@dataclass(frozen=True)
class Decoded:
    """Decodes the fields of rows. Raises DatabaseError for a text that is damaged."""

    shown: str
    """The URL of the database with its password masked."""

    def __call__(self, name: str, stored: Any) -> Any:
        """The value of the field `name`."""
        try:
            return _DECODE[name](stored)
        except InputError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise unreadable(self.shown, error) from error


class Specs:
    """The networks of a large study as texts, read when one is asked for: a few one by one, then
    all, which stay in memory as long as any of its candidates."""

    def __init__(self, database: Database, where: ColumnElement[bool]) -> None:
        self._database, self._where = database, where
        self._asked, self._all = 0, dict[str, str]()

    def __getitem__(self, key: str) -> str:
        """The network of the candidate `key`. Raises: DatabaseError if it is gone."""
        self._asked += 1
        if not self._all and self._asked > ONE_BY_ONE:
            self._all = self._read(self._where)
        found = self._all or self._read(self._where & (CandidateRecord.id == key))
        if key not in found:
            raise DatabaseError(f"the network {key[:12]} is not in {self._database.shown} any more")
        return found[key]

    def _read(self, where: ColumnElement[bool]) -> dict[str, str]:
        if not self._database.exists:  # connecting would create it
            return {}
        query = select(CandidateRecord.id, CandidateRecord.spec).where(where)
        return self._database.fetch(lambda session: {row[0]: row[1] for row in session.connection().execute(query)})


@dataclass(frozen=True)
class DecodedCandidate(Decoded):
    """Decodes the fields of candidates, whose networks are not read yet."""

    specs: Specs

    def __call__(self, name: str, stored: Any) -> Any:
        """The value of the field `name`; of a network its id is stored."""
        if name != "spec":
            return super().__call__(name, stored)
        spec = self.specs[stored]
        require_text("spec of a candidate", spec)
        return spec


def stored(session: Session) -> bool:
    """Whether the rows of this database are texts and numbers as SQLite stores them."""
    return session.get_bind().dialect.name == "sqlite"


def _as_stored(columns: Sequence[KeyedColumnElement[Any]]) -> list[ColumnElement[Any]]:
    """`columns`, with the texts of those that are decoded later."""
    return [type_coerce(column, Text()).label(column.key) if column.key in _DECODE else column for column in columns]


def stored_evaluations(session: Session, where: ColumnElement[bool], metric: str, shown: str) -> list[Evaluation]:
    """The evaluations that `where` selects, in the order in which they were recorded, in a study of
    the quality measure `metric` and the database `shown`."""
    query = select(*_as_stored(_EVALUATION)).where(where).order_by(EvaluationRecord.id)
    decode = Decoded(shown)
    rows = session.connection().execute(query).all()
    curves = _curves([row.curve for row in rows])
    return [_evaluation(tuple(row), curve, metric, decode) for row, curve in zip(rows, curves, strict=True)]


def _curves(texts: Sequence[str]) -> Sequence[Curve | None]:
    """The curves of several rows, decoded together, which takes a fifth of the time; None for those
    that are decoded alone, when they are asked for: those of many epochs, and all if the first is
    one of these or if one is damaged."""
    try:
        if not texts or _short_curve(json.loads(texts[0])) is None:
            return [None] * len(texts)
        several = json.loads(f"[{','.join(texts)}]")
    except ValueError:
        several = []
    if len(several) != len(texts):
        return [None] * len(texts)
    return [_short_curve(points) for points in several]


def _short_curve(points: Any) -> Curve | None:
    """A curve of one point, as in all rows of a table without curves; None if it is another."""
    if type(points) is list and len(points) == 1 and type(points[0]) is list and len(points[0]) == 2:
        epoch, value = points[0]
        if type(epoch) is int and epoch > 0 and type(value) is float and math.isfinite(value):
            return ((epoch, value),)
    return None


def _evaluation(row: tuple[Any, ...], short: Curve | None, metric: str, decode: Decoded) -> Evaluation:
    (candidate, fidelity, seed, purpose, state, settings, curve, accuracy, test, seconds, worker, device, reason,
     checkpoint, started, finished, trial, origin, scores, fault) = row  # fmt: skip
    good = (
        candidate
        and type(seed) is int
        and _number(accuracy)
        and _number(test)
        and type(seconds) is float
        and 0 <= seconds < math.inf
        and purpose in _PURPOSES
        and state in _STATES
        and (accuracy is not None or state != _COMPLETE)
        and (reason or state != _FAIL)
        and (fault is None or (state == _FAIL and fault in _FAULTS))
    )
    if not good:
        values = dict(zip(_NAMES, row, strict=True))
        decoded = {name: decode(name, value) if name in _DECODE else value for name, value in values.items()}
        return evaluation_of(SimpleNamespace(**decoded), metric)
    known = {
        "candidate_id": candidate,
        "fidelity": fidelity_of(fidelity),
        "seed": seed,
        "purpose": _PURPOSES[purpose],
        "state": _STATES[state],
        "accuracy": accuracy,
        "test_accuracy": test,
        "seconds": seconds,
        "worker": worker,
        "device": device,
        "reason": reason,
        "checkpoint": checkpoint,
        "trial": trial,
        "origin": origin,
        "fault": _FAULTS[fault],
        "metric": metric,
    }
    later = {"settings": settings, "started": started, "finished": finished, "scores": scores}
    if short is None:
        later["curve"] = curve
    else:
        known["curve"] = short
    return late(Evaluation, known, later, decode)


def stored_candidates(
    session: Session, where: ColumnElement[bool], database: Database | None = None
) -> list[CandidateRow]:
    """The candidates that `where` selects, in the order of their ids; with their `database` the
    networks of many are read later."""
    decode, columns, later = Decoded("the database" if database is None else database.shown), _CANDIDATE, False
    counted = select(func.count()).select_from(CandidateRecord).where(where)
    if database is not None and (session.scalar(counted) or 0) > AT_ONCE:
        decode, columns, later = DecodedCandidate(database.shown, Specs(database, where)), _WITHOUT_SPEC, True
    query = select(*_as_stored(columns)).where(where).order_by(CandidateRecord.id)
    return [_candidate(tuple(row), decode, later=later) for row in session.connection().execute(query)]


def _candidate(row: tuple[Any, ...], decode: Decoded, *, later: bool = False) -> CandidateRow:
    """`later`: the network is read when it is asked for, and `row` lacks it."""
    key, spec, macs, params, activations, metrics = (row[0], row[0], *row[1:]) if later else row
    counts = macs, params, activations
    if not (key and spec and all(type(count) is int and count >= 0 for count in counts)):
        given = {"id": key, "spec": decode("spec", spec) if later else spec, "metrics": decode("metrics", metrics)}
        return candidate_of(SimpleNamespace(**given, macs=macs, params=params, activations=activations))
    known = {"id": key, "macs": macs, "params": params, "activations": activations}
    if later:
        return late(CandidateRow, known, {"spec": spec, "metrics": metrics}, decode)
    return late(CandidateRow, {**known, "spec": spec}, {"metrics": metrics}, decode)


def _number(value: object) -> bool:
    return value is None or (type(value) is float and -math.inf < value < math.inf)
