"""A database that cannot be had for a while is waited for."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.blocks import InputError
from automl.studies import DatabaseError, DuplicateEvaluation, Evaluation, Study, StudySpec
from automl.studies.database import patience
from automl.studies.database.connection import Database
from automl.studies.database.patience import is_refused
from sqlalchemy import create_engine
from sqlalchemy.exc import InterfaceError, OperationalError, PendingRollbackError, ProgrammingError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool


class Locked:
    """Another process that has the lock, until it has been waited for so many times."""

    def __init__(self, url: str, times: int) -> None:
        self.connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")
        self.times, self.said = times, list[str]()

    def __call__(self, text: str) -> None:
        self.said.append(text)
        if len(self.said) == self.times:
            self.connection.execute("ROLLBACK")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that would have been made; none is."""
    found: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", found.append)
    return found


@pytest.fixture
def locked(url: str, spec: StudySpec) -> Iterator[Locked]:
    Study.create_or_continue(url, spec, command="", versions={})
    other = Locked(url, 4)
    yield other
    other.connection.close()


def opened(url: str, told: Callable[[str], None], *, seconds: float) -> Study:
    study = Study.open(f"{url}?timeout=0.01", "tiny")
    study.patience.seconds, study.patience.told = seconds, told
    return study


def test_what_could_not_be_written_is_written_once_the_lock_is_gone(
    url: str, locked: Locked, pauses: list[float], record: Callable[..., object]
) -> None:
    study = opened(url, locked, seconds=100)
    with study.recording():
        record(study, 0)
    record(study, 1)
    assert [each.trial for each in study.evaluations()] == [0, 1]
    assert locked.said == ["waiting for the database (database is locked), 0 s so far"] * 4
    assert pauses == [0.25, 0.5, 1.0, 2.0]


def test_control_without_patience_it_is_an_error_at_once(
    url: str, locked: Locked, pauses: list[float], record: Callable[..., object]
) -> None:
    with pytest.raises(DatabaseError, match="database is locked"):
        record(opened(url, locked, seconds=0))
    assert locked.said == pauses == []


def test_a_database_that_stays_away_is_an_error_in_the_end(
    url: str, locked: Locked, record: Callable[..., object]
) -> None:
    locked.times = 0
    with pytest.raises(DatabaseError, match="database is locked"):
        record(opened(url, locked, seconds=0.3))
    assert len(locked.said) >= 1


def test_who_is_told_of_the_wait_may_end_it(
    url: str, locked: Locked, pauses: list[float], record: Callable[..., object]
) -> None:
    def stops(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(opened(url, stops, seconds=100))
    assert pauses == []


def test_an_error_that_does_not_pass_is_not_waited_for(
    url: str, spec: StudySpec, pauses: list[float], record: Callable[..., object]
) -> None:
    study = Study.create_or_continue(url, spec, command="", versions={})
    study.patience.seconds = 100
    with sqlite3.connect(url.removeprefix("sqlite:///")) as other:
        other.execute("DROP TABLE automl_evaluations")
    with pytest.raises(DatabaseError, match="no such table"):
        record(study)
    assert pauses == []


def test_an_outage_is_as_long_as_all_its_waits_together(
    url: str, locked: Locked, pauses: list[float], record: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes after a wait that was in vain is tried once."""
    times = iter([0.0, 0.0, 50.0, 120.0])
    clock = SimpleNamespace(monotonic=lambda: next(times, 130.0), sleep=pauses.append)
    monkeypatch.setattr(patience, "time", clock)
    locked.times = 0
    study = opened(url, locked, seconds=100)
    for _ in range(3):
        with pytest.raises(DatabaseError, match="database is locked"):
            record(study)
    assert len(pauses) <= 3
    locked.connection.execute("ROLLBACK")
    record(study)  # which ends the outage
    assert study.patience._since is None


@pytest.mark.parametrize(
    ("dialect", "error", "waited"),
    [
        ("postgresql", OperationalError("", {}, Exception("server closed the connection")), True),
        ("postgresql", ProgrammingError("", {}, Exception("no such table")), False),
        ("postgresql", ProgrammingError("", {}, Exception("cut"), connection_invalidated=True), True),
        (
            "postgresql",
            PendingRollbackError("Can't reconnect until invalid savepoint transaction is rolled back"),
            True,
        ),
        ("mysql", OperationalError("", {}, Exception(2013, "Lost connection")), True),
        ("mysql", OperationalError("", {}, Exception(1213, "Deadlock found")), True),
        ("mysql", InterfaceError("", {}, Exception(0, "")), True),
        ("mysql", OperationalError("", {}, Exception(1054, "Unknown column")), False),
        ("sqlite", OperationalError("", {}, Exception("disk I/O error")), False),
    ],
)
def test_errors_that_pass_are_waited_for(dialect: str, error: SQLAlchemyError, waited: bool) -> None:
    engine = SimpleNamespace(dialect=SimpleNamespace(name=dialect))
    assert patience.passes(engine, error) == waited  # type: ignore[arg-type]


def test_a_commit_whose_answer_is_lost_is_not_done_twice(
    url: str, spec: StudySpec, pauses: list[float], record: Callable[..., Evaluation], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.create_or_continue(url, spec, command="", versions={})
    study.patience.seconds = 100
    commit, lost = Session.commit, [True]
    monkeypatch.setattr(patience, "passes", lambda engine, error: isinstance(error, OperationalError))

    def loses(session: Session) -> None:
        commit(session)
        if session.join_transaction_mode != "create_savepoint" and lost and lost.pop():  # Optuna's joins ours
            raise OperationalError("COMMIT", {}, Exception("the connection was lost"))

    monkeypatch.setattr(Session, "commit", loses)
    assert record(study, 1).trial == 0
    with study.recording():
        record(study, 2)
        lost.append(True)
    assert [each.trial for each in study.evaluations()] == [0, 1]
    with pytest.raises(DuplicateEvaluation):  # control: the same again, by somebody else
        record(study, 2)


@pytest.fixture
def away(tmp_path: Path) -> Database:
    """A database whose server is not there."""
    pytest.importorskip("psycopg")
    return Database(f"postgresql+psycopg://automl@/automl?host={tmp_path}")


def test_a_server_that_is_away_when_a_run_begins_is_waited_for(away: Database, pauses: list[float]) -> None:
    said: list[str] = []

    def told(text: str) -> None:
        said.append(text)
        if len(said) == 3:
            away.engine = create_engine("sqlite://", poolclass=NullPool)  # a database that answers

    away.patience.seconds, away.patience.told = 100, told
    away.await_server()
    assert pauses == [0.25, 0.5, 1.0]
    assert all(line.startswith("waiting for the database (connection is bad: ") for line in said)


def test_control_without_patience_a_server_that_is_away_is_an_error_at_once(
    away: Database, pauses: list[float]
) -> None:
    with pytest.raises(InputError, match=r"^cannot open postgresql.*: connection is bad: .*No such file"):
        away.await_server()
    assert pauses == []


@pytest.mark.parametrize(
    "said",
    [
        'FATAL:  password authentication failed for user "a"',
        'FATAL:  role "a" does not exist',
        'FATAL:  database "x" does not exist',
        "fe_sendauth: no password supplied",
        'FATAL:  no pg_hba.conf entry for host "10.0.0.1", user "a"',
        "failed to resolve host 'x': [Errno -2] Name or service not known",
    ],
)
def test_what_a_server_refuses_is_no_outage(
    away: Database, pauses: list[float], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    def refuses() -> None:
        raise OperationalError("", {}, Exception(f"connection failed: {said}"))

    away.engine = SimpleNamespace(connect=refuses, dialect=away.engine.dialect)  # type: ignore[assignment]
    away.patience.seconds = 100
    with pytest.raises(InputError, match=r"^cannot open postgresql"):
        away.await_server()
    assert pauses == []


@pytest.mark.parametrize(
    "said",
    [
        "FATAL:  the database system is starting up",
        "FATAL:  sorry, too many clients already",
        "connection to server at 10.0.0.1 failed: Connection refused",
        "failed to resolve host 'x': [Errno -3] Temporary failure in name resolution",
    ],
)
def test_control_what_passes_is_an_outage(said: str) -> None:
    assert not is_refused(OperationalError("", {}, Exception(said)))
