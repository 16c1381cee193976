"""One driver runs a study; others are told which, or join it and take nothing that it has begun."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from automl.studies import Driver, Fidelity, Held, Lost, Purpose, State, Study, StudySpec, delete
from automl.studies import driver as driver_module
from automl.studies import lease as lease_module
from automl.studies.database import driving
from automl.studies.driver import SILENCE

ASSETS = Path(__file__).parents[1] / "assets"
FIDELITY = Fidelity(epochs=3, size=32).key
"""That of the evaluations of `record`."""
KEY = (f"{1:064x}", FIDELITY, 0)


def sql(url: str, *statements: str) -> list[tuple]:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        return [row for statement in statements for row in connection.execute(statement)]


def drive(study: Study) -> None:
    with study.driven():
        pass


def silent(url: str, seconds: float, driver: str = "%") -> None:
    """The last sign of life of all drivers, or of one, was so many seconds ago."""
    seen = datetime.now(UTC) - timedelta(seconds=seconds)
    sql(url, f"UPDATE automl_drivers SET seen = '{seen:%Y-%m-%d %H:%M:%S.%f}' WHERE id LIKE '{driver}'")


def elsewhere(url: str, pid: int = 4711) -> None:
    """The drivers run on another machine."""
    sql(url, f"UPDATE automl_drivers SET host = 'gpu1', place = 'there', pid = {pid}")


def gone() -> int:
    """The id of a process that has ended."""
    child = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    child.wait()
    return child.pid


def test_a_second_driver_is_told_who_holds_the_study_and_how_to_join(study: Study, url: str) -> None:
    with study.driven():
        elsewhere(url)
        silent(url, 3)
        other = Study.open(url, "tiny")
        with pytest.raises(
            Held,
            match=(
                r"^study 'tiny' is held by process 4711 on gpu1, since \d{4}-\d\d-\d\d \d\d:\d\d UTC \(last sign of"
                r" life 3 s ago\): wait for its end, or add --join to train beside it$"
            ),
        ):
            drive(other)
        assert [(one.host, one.pid) for one in other.drivers()] == [("gpu1", 4711)]
        assert other.counts()["complete"] == 0  # who reads holds nothing
        with other.driven(join=True):
            assert len(study.drivers()) == 2
    assert study.drivers() == []
    with other.driven():  # control: now it is free
        assert len(other.drivers()) == 1


def test_a_study_that_is_held_is_not_deleted(study: Study, url: str) -> None:
    refusal = r"^study 'tiny' is held by process .*: nothing is deleted before that has ended$"
    with study.driven(), pytest.raises(Held, match=refusal):
        delete(url, "tiny")
    delete(url, "tiny")  # control


@pytest.mark.parametrize("dead", ["its process has gone", "it was silent for a minute"])
def test_the_lease_of_a_dead_driver_ends(study: Study, url: str, dead: str) -> None:
    with study.driven():
        if dead == "its process has gone":
            sql(url, f"UPDATE automl_drivers SET pid = {gone()}")
        else:
            elsewhere(url)
            silent(url, 61)
        other = Study.open(url, "tiny")
        assert other.drivers() == []
        with other.driven():
            assert len(other.drivers()) == 1


@pytest.mark.parametrize("alive", ["its process is there", "it gave a sign 59 s ago, where nobody can look"])
def test_control_the_lease_of_a_living_driver_does_not(study: Study, url: str, alive: str) -> None:
    with study.driven():
        if alive != "its process is there":
            elsewhere(url, pid=gone())  # of another machine: the id says nothing here
            silent(url, 59)
        with pytest.raises(Held):
            drive(Study.open(url, "tiny"))


def test_who_was_taken_for_dead_writes_no_more(study: Study, url: str, record: Callable[..., object]) -> None:
    with study.driven():
        record(study, 0)
        silent(url, 61)  # it was stopped, say
        other = Study.open(url, "tiny")
        with other.driven():
            for write in (lambda: record(study, 1), lambda: study.note("a", 1)):
                with pytest.raises(Lost, match="no longer held by this process, which gave no sign of life"):
                    write()
            record(other, 1)
            assert len(other.drivers()) == 1
    assert len(study.evaluations()) == 2


def test_a_driver_gives_signs_of_life_and_sees_who_joins(
    study: Study, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "BEAT", 0.01)
    with study.driven():
        assert study.lease is not None
        assert not study.lease.shared
        silent(url, 50)
        waited = threading.Event()
        for _ in range(500):
            if study.drivers()[0].silence < timedelta(seconds=40):
                break
            waited.wait(0.01)
        assert study.drivers()[0].silence < timedelta(seconds=40)
        with Study.open(url, "tiny").driven(join=True):
            for _ in range(500):
                if study.lease.shared:
                    break
                waited.wait(0.01)
            assert study.lease.shared


def test_a_process_whose_clock_is_behind_is_not_silent_for_a_negative_time(study: Study, url: str) -> None:
    with study.driven():
        elsewhere(url)
        silent(url, -5)
        (ahead,) = study.drivers()
        assert "(last sign of life 0 s ago)" in str(ahead)


def test_a_table_which_nobody_can_join_is_not_said_to_be_joined(url: str, spec: StudySpec) -> None:
    table = replace(spec, settings={**spec.settings, "evaluator": "table"})
    study = Study.create_or_continue(url, table, command="", versions={})
    with study.driven(), pytest.raises(Held, match=r"ago\): wait for its end$"):
        drive(Study.open(url, "tiny"))


def test_a_process_that_could_not_give_its_study_up_holds_it_no_more(study: Study, url: str) -> None:
    driver = study.driven()
    driver.__enter__()
    rows = sql(url, "SELECT * FROM automl_drivers")
    driver.__exit__(None, None, None)
    sql(url, f"INSERT INTO automl_drivers VALUES {rows[0]}")  # the server was away
    assert study.drivers() == []
    drive(study)


def test_a_process_id_counts_where_it_means_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    here = Driver.here()
    dead = replace(here, pid=gone())
    assert here.alive
    assert not dead.alive
    monkeypatch.setattr(driver_module, "place", lambda: "a container of the same host name")
    assert dead.alive
    assert not replace(dead, silence=SILENCE + timedelta(seconds=1)).alive


class TestClaims:
    @pytest.fixture
    def second(self, study: Study, url: str):
        """Two drivers; the second one, which has joined."""
        other = Study.open(url, "tiny")
        with study.driven(), other.driven(join=True):
            yield other

    def test_what_one_driver_has_begun_no_other_takes(self, study: Study, second: Study) -> None:
        assert study.lease is not None
        assert second.lease is not None
        assert study.lease.claim(KEY, Purpose.SEARCH) == "mine"
        assert second.lease.claim(KEY, Purpose.SEARCH) == "taken"
        assert study.lease.claim(KEY, Purpose.SEARCH) == "mine"  # control: its own
        assert second.lease.claim((KEY[0], FIDELITY, 1), Purpose.SEARCH) == "mine"  # control: another seed

    def test_what_has_ended_is_taken_by_nobody(
        self, study: Study, second: Study, url: str, record: Callable[..., object]
    ) -> None:
        assert study.lease is not None
        assert second.lease is not None
        study.lease.claim(KEY, Purpose.SEARCH)
        record(study, 1)
        assert sql(url, "SELECT * FROM automl_claims") == []
        assert study.lease.claim(KEY, Purpose.SEARCH) == second.lease.claim(KEY, Purpose.SEARCH) == "taken"

    def test_what_the_dead_had_begun_is_taken_over(self, study: Study, second: Study, url: str) -> None:
        assert study.lease is not None
        assert second.lease is not None
        study.lease.claim(KEY, Purpose.SEARCH)
        sql(url, f"UPDATE automl_drivers SET place = 'there' WHERE id = '{study.lease.driver.id}'")
        assert second.lease.claim(KEY, Purpose.SEARCH) == "taken"  # control
        silent(url, 61, study.lease.driver.id)
        assert second.lease.claim(KEY, Purpose.SEARCH) == "mine"
        with pytest.raises(Lost):
            study.lease.claim(KEY, Purpose.SEARCH)

    def test_two_that_were_asleep_do_not_take_each_other_for_dead(
        self, study: Study, second: Study, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A machine that slept, or a server that was away: both were silent."""
        assert study.lease is not None
        assert second.lease is not None
        sql(url, "UPDATE automl_drivers SET place = 'there'")
        study.lease.claim(KEY, Purpose.SEARCH)
        silent(url, 3600)
        assert second.lease.claim(KEY, Purpose.SEARCH) == "taken"
        assert study.lease.claim(KEY, Purpose.SEARCH) == "mine"  # it is back, and has lost nothing
        silent(url, 61, study.lease.driver.id)
        assert second.lease.claim(KEY, Purpose.SEARCH) == "taken"  # it may be slower to wake
        monkeypatch.setattr(driving, "GRACE", timedelta())  # control: later it is dead
        assert second.lease.claim(KEY, Purpose.SEARCH) == "mine"

    def test_both_together_begin_no_more_trials_than_were_asked_for(
        self, study: Study, second: Study, record: Callable[..., object]
    ) -> None:
        assert study.lease is not None
        assert second.lease is not None
        keys = [(f"{number:064x}", FIDELITY, 0) for number in range(10)]
        record(study, 0)
        assert study.lease.claim(keys[1], Purpose.SEARCH, trials=3) == "mine"
        assert study.lease.claim(keys[2], Purpose.FINAL) == "mine"  # no trial
        assert second.lease.claim(keys[3], Purpose.SEARCH, trials=3) == "mine"
        assert second.lease.claim(keys[4], Purpose.SEARCH, trials=3) == "full"
        assert second.lease.claim(keys[4], Purpose.SEARCH, trials=4) == "mine"  # control
        assert second.lease.unfinished() == (1, 0)

    def test_what_another_driver_has_ended_is_heard(
        self, study: Study, second: Study, record: Callable[..., object]
    ) -> None:
        assert second.lease is not None
        record(study, 1)
        record(study, 2, state=State.FAIL, accuracy=None, curve=(), reason="nan")
        assert [one.candidate_id for one, _ in second.lease.ended(set())] == [f"{1:064x}", f"{2:064x}"]
        assert [row.id for _, row in second.lease.ended({KEY})] == [f"{2:064x}"]


@pytest.mark.parametrize(
    "asset", ["study-0001.sqlite", "study-0002/study.sqlite", "study-0003.sqlite", "study-0004.sqlite"]
)
def test_a_study_of_every_released_version_is_held_and_joined(tmp_path: Path, asset: str) -> None:
    shutil.copy(ASSETS / asset, tmp_path / "old.sqlite")
    url = f"sqlite:///{tmp_path}/old.sqlite"
    study = Study.open(url, "tiny")
    before = study.evaluations()
    with study.driven(), pytest.raises(Held, match="is held by process"):
        drive(Study.open(url, "tiny"))
    with study.driven(), Study.open(url, "tiny").driven(join=True):
        assert len(study.drivers()) == 2
    assert study.evaluations() == before


def test_the_spec_of_a_held_study_is_found(study: Study, url: str, spec: StudySpec) -> None:
    with study.driven():
        found = Study.find(url, spec)
        assert found is not None
        assert len(found.drivers()) == 1
