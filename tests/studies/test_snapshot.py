"""How often a command reads a study, and rows whose JSON and times are decoded when asked for."""

from __future__ import annotations

import gc
import pickle
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.studies import Evaluation, Fault, Purpose, State, Study
from automl.studies.choosing.belief import Belief, note_belief
from automl.studies.choosing.chosen import best, comparison
from automl.studies.database import stored_rows
from automl.studies.database.connection import DatabaseError
from automl.studies.results.reporting import evidence_of
from automl.studies.results.status import status, study_front
from automl.studies.statistics.posterior import Normal
from automl.studies.study_reading import StudyReading
from sqlalchemy import event

Record = Callable[..., Evaluation]
READS = {
    "evaluations": "automl_evaluations.settings",
    "candidates": "automl_candidates.spec, automl_candidates.macs",
    "notes": "automl_notes",
}
SPECS = "SELECT automl_candidates.id, automl_candidates.spec"


@pytest.fixture
def searched(study: Study, record: Record) -> Study:
    """A study with four trials, final trainings of two of them, a failure, and a belief."""
    for number in range(4):
        record(study, number, macs=1000 - number, accuracy=0.3 + 0.1 * number, curve=((3, 0.3 + 0.1 * number),))
    for seed in (1, 2):
        record(study, 3, seed=seed, macs=997, purpose=Purpose.FINAL, origin="")
    record(study, 5, state=State.FAIL, accuracy=None, curve=(), reason="NaN", fault=Fault.CANDIDATE)
    note_belief(study, Belief(expected={f"{number:064x}": Normal(0.4, 0.1) for number in range(4)}, scatter=0.05))
    return study


@contextmanager
def selects(study: Study) -> Iterator[dict[str, int]]:
    """How often each kind of row is read by the way."""
    found = {**dict.fromkeys(READS, 0), "specs": 0}

    def asked(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        for name, part in READS.items():
            # the rows of a front are chosen by their ids
            found[name] += statement.startswith("SELECT") and part in statement and ".id IN" not in statement
        found["specs"] += " ".join(statement.split()).startswith(f"{SPECS} FROM")

    event.listen(study._database.engine, "before_cursor_execute", asked)
    try:
        yield found
    finally:
        event.remove(study._database.engine, "before_cursor_execute", asked)


@pytest.mark.parametrize("command", [status, study_front, evidence_of, best])
def test_a_command_reads_a_study_once_however_many_parts_of_it_ask(searched: Study, command: Callable[[Study], object]):
    with selects(searched) as alone:
        command(searched)
    assert max(alone.values()) == 1, alone
    with selects(searched) as several, searched.snapshot():
        for part in (command, evidence_of, comparison, study_front, status):
            part(searched)
    assert several == {**dict.fromkeys(READS, 1), "specs": 0}


def test_a_second_reading_would_be_seen(searched: Study, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(StudyReading, "once", lambda _self, _key, make: make())
    with selects(searched) as found:
        status(searched)
    assert min(found[name] for name in READS) > 1


def test_what_is_written_is_seen_at_once_within_a_snapshot_and_what_others_write_after_it(
    searched: Study, url: str, record: Record
):
    with searched.snapshot():
        before = len(searched.evaluations())
        record(Study.open(url, "tiny"), 6)
        assert len(searched.evaluations(Purpose.SEARCH)) == before - 2
        record(searched, 7)
        assert len(searched.evaluations()) == before + 2
        searched.note("more", 1)
        assert searched.notes()["more"] == 1
    assert len(searched.evaluations()) == before + 2


def test_a_list_that_was_read_can_be_changed(searched: Study):
    with searched.snapshot():
        searched.evaluations().clear()
        searched.candidates().clear()
        assert len(searched.evaluations()) == 7
        assert len(searched.candidates()) == 5


def test_evaluations_are_read_as_they_were_written(study: Study, record: Record, evaluation: Callable[..., Evaluation]):
    given = {"scores": {"naswot": 1.5}, "reason": "a\0reason", "test_accuracy": 0.25, "origin": "random"}
    record(study, 0, **given)
    (found,) = study.evaluations()
    assert {"curve", "settings", "scores", "started", "finished"}.isdisjoint(vars(found))
    expected = replace(evaluation(0, **given), trial=0)
    assert pickle.loads(pickle.dumps(found)) == expected
    assert found == expected
    assert repr(found) == repr(expected)
    assert "curve" in vars(found)
    with pytest.raises(AttributeError, match="'Evaluation' object has no attribute 'curves'"):
        _ = found.curves  # pyright: ignore[reportAttributeAccessIssue]


@pytest.fixture
def large(searched: Study, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The study, whose five candidates count as many."""
    monkeypatch.setattr(stored_rows, "AT_ONCE", 4)
    monkeypatch.setattr(stored_rows, "ONE_BY_ONE", 2)
    return searched


def test_the_networks_of_a_large_study_are_read_when_they_are_asked_for(
    large: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    with selects(large) as found:
        rows = list(large.candidates().values())
        asked = [(rows[place].spec, found["specs"])[1] for place in (0, 0, 1, 2, 3, 4)]
    assert found["candidates"] == 0
    assert asked == [1, 1, 2, 3, 3, 3]  # the third asks for all
    monkeypatch.setattr(stored_rows, "AT_ONCE", 5)
    with selects(large) as found:
        assert list(large.candidates().values()) == rows
    assert (found["candidates"], found["specs"]) == (1, 0)  # control: of few they are read at once


def test_a_network_goes_elsewhere_without_its_database(large: Study, url: str) -> None:
    row = next(iter(large.candidates().values()))
    sent = pickle.dumps(row)
    Path(url.removeprefix("sqlite:///")).unlink()
    assert pickle.loads(sent) == row
    assert pickle.loads(sent).spec == '{"number":0}'


def test_a_network_that_has_gone_since_is_said(large: Study, url: str) -> None:
    row = next(iter(large.candidates().values()))
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute(f"UPDATE automl_candidates SET id = 'x' WHERE id = '{row.id}'")
    database.close()
    with pytest.raises(DatabaseError, match=r"^the network 000000000000 is not in sqlite:.*study\.db any more$"):
        _ = row.spec
    file = Path(url.removeprefix("sqlite:///"))
    file.unlink()
    with pytest.raises(DatabaseError, match=r"any more$"):
        _ = row.spec
    assert not file.exists()


def test_garbage_is_collected_again_after_a_snapshot_if_it_was_before(searched: Study) -> None:
    def within(collects: bool) -> list[bool]:
        (gc.enable if collects else gc.disable)()
        with suppress(ZeroDivisionError), searched.snapshot(), searched.snapshot():
            seen.append(gc.isenabled())
            _ = 1 / 0
        return [seen.pop(), gc.isenabled()]

    seen: list[bool] = []
    try:
        assert within(True) == [False, True]
        assert within(False) == [False, False]
    finally:
        gc.enable()


@pytest.mark.parametrize("large", [True, False])
def test_an_empty_network_is_refused(searched: Study, url: str, large: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "AT_ONCE", 0 if large else 10)
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute("UPDATE automl_candidates SET spec = ''")
    database.close()
    with pytest.raises((DatabaseError, InputError), match="spec of a candidate"):
        _ = next(iter(searched.candidates().values())).spec


@pytest.mark.parametrize("column", ["curve", "settings", "started", "scores"])
def test_a_damaged_text_is_said_when_it_is_asked_for(searched: Study, url: str, column: str):
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute(f"UPDATE automl_evaluations SET {column} = 'x' WHERE trial = 1")
    database.close()
    found = searched.evaluations()
    assert getattr(found[0], column) is not None
    with pytest.raises(DatabaseError, match=r"study\.db: a row is damaged .*`automl studies check` names it"):
        getattr(found[1], column)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("seconds = -1", "seconds >= 0 must hold"),
        ("seconds = 9e999", "finite"),
        ("purpose = 'x'", "not a valid Purpose"),
    ],
)
def test_a_row_that_is_not_in_order_is_checked_as_any_other(searched: Study, url: str, change: str, says: str):
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(f"UPDATE automl_evaluations SET {change} WHERE trial = 1")
    database.close()
    with pytest.raises((DatabaseError, ValueError), match=says):
        searched.evaluations()
