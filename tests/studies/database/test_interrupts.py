"""Ctrl-C at any instant of a write leaves the database unlocked, while the interrupt is still being
handled."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Iterator

import pytest
from automl.studies import Study, StudySpec
from automl.studies.database import connection
from sqlalchemy import event

MANY = 100
"""More statements than one record takes."""


def interrupted_at(study: Study, url: str, statement: int, record: Callable[..., object]) -> tuple[bool, bool]:
    """Record an evaluation with an interrupt after this statement; whether it was interrupted, and
    whether another process could then have written."""
    left = [statement]

    def interrupt(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    event.listen(study._database.engine, "after_cursor_execute", interrupt)
    try:
        record(study, statement)
    except KeyboardInterrupt:  # whose traceback still holds the cursor
        return True, can_be_written(url)
    finally:
        event.remove(study._database.engine, "after_cursor_execute", interrupt)
    return False, can_be_written(url)


def can_be_written(url: str) -> bool:
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=0.05)
    try:
        other.execute("BEGIN EXCLUSIVE")  # what a commit needs
        other.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        other.close()
    return True


@pytest.fixture(autouse=True)
def no_garbage_collector() -> Iterator[None]:
    """It would close what an interrupt has left open, sooner or later."""
    gc.disable()
    yield
    gc.enable()


def locked_at(url: str, spec: StudySpec, record: Callable[..., object]) -> int | None:
    """The first statement of a record after which an interrupt leaves the database locked; None if
    there is none."""
    study = Study.create_or_continue(url, spec, command="", versions={})
    for statement in range(1, MANY):
        interrupted, free = interrupted_at(study, url, statement, record)
        if not free:
            return statement
        if not interrupted:
            assert statement > 5  # it was interrupted at each of its statements
            return None
    raise AssertionError(f"a record takes more than {MANY} statements")


def test_an_interrupt_after_any_statement_unlocks_the_database(
    url: str, spec: StudySpec, record: Callable[..., object]
) -> None:
    assert locked_at(url, spec, record) is None


def test_control_a_connection_that_is_only_closed_keeps_its_lock(
    url: str, spec: StudySpec, record: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_unlock_interrupted", lambda engine: None)
    assert locked_at(url, spec, record) is not None
