"""The faults that `invariants` and `killing` look for are found where they are planted, each by its
invariant."""

from __future__ import annotations

import hashlib
import random
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study, StudySpec
from optuna.distributions import FloatDistribution

from . import killing, places
from .invariants import OF_DATABASE, Contents, Expected, Row, left_files, read, violations
from .searches import STUDY, of_trainings

TRIALS = 5


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with a whole study, which is not to be changed."""
    file = tmp_path_factory.mktemp("recorded") / "automl.db"
    spec = StudySpec(name=STUDY, space={"name": "s"}, budget="", data={"name": "d"}, settings={})
    study = Study.create_or_continue(f"sqlite:///{file}", spec, command="", versions={})
    now = datetime.now(UTC)
    for number in range(TRIALS):
        text = f'{{"number":{number}}}'
        name = hashlib.sha256(text.encode()).hexdigest()
        network = CandidateRow(id=name, spec=text, macs=100 + number, params=1, activations=1)
        one = Evaluation(
            candidate_id=name,
            fidelity=Fidelity(epochs=2, size=8),
            seed=0,
            purpose=Purpose.SEARCH,
            state=State.PRUNED if number == 1 else State.COMPLETE,
            settings={"width": 1.0},
            curve=((1, 0.25), (2, 0.5 + number / 16)),
            accuracy=0.5 + number / 16,
            seconds=1.0,
            reason="beaten" if number == 1 else None,
            started=now,
            finished=now,
        )
        assert one.accuracy is not None
        values = None if number == 1 else (one.accuracy, float(network.macs))
        width = {"width": FloatDistribution(0.5, 2.0)}
        study.record(one, network, params={"width": 1.0}, distributions=width, values=values)
        if number == 2:
            study.record(replace(one, seed=1, purpose=Purpose.FINAL), network, params={}, distributions={}, values=None)
    return file


@pytest.fixture
def file(recorded: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(recorded, tmp_path))


def found(file: Path, expected: Expected | None = None) -> set[str]:
    """The invariants that do not hold."""
    url = f"sqlite:///{file}"
    expected = expected or Expected(trials=TRIALS, kept=read(url, STUDY).rows, undisturbed=read(url, STUDY))
    return {which for which, _ in violations(url, STUDY, expected)}


def plant(file: Path, *statements: str) -> None:
    """Change the database; the tables of our rows lose their constraints."""
    with sqlite3.connect(file) as database:
        for table in ("automl_evaluations", "automl_candidates", "automl_claims", "automl_drivers"):
            database.execute(f"CREATE TABLE copied AS SELECT * FROM {table}")
            database.execute(f"DROP TABLE {table}")
            database.execute(f"ALTER TABLE copied RENAME TO {table}")
        for statement in statements:
            database.execute(statement)
    database.close()


def test_all_hold_of_a_whole_study(file: Path) -> None:
    assert found(file) == set()
    plant(file)  # control: what the planting does by itself is no fault
    assert found(file) == set()


COLUMNS = "study_id, candidate_id, fidelity, seed, purpose, state, settings, curve, accuracy, test_accuracy, seconds,"
COLUMNS += " worker, device, reason, checkpoint, started, finished, origin, scores, fault"
AGAIN = f"INSERT INTO automl_evaluations (id, {COLUMNS}) SELECT 99, {COLUMNS} FROM automl_evaluations"
OTHER = "(SELECT value_json FROM trial_user_attributes WHERE trial_id = 1 AND key = 'candidate')"
PLANTED: dict[str, tuple[str, str]] = {
    "an evaluation twice": ("at_most_once", f"{AGAIN} WHERE purpose = 'final'"),
    "a candidate proposed twice": (
        "at_most_once",
        f"UPDATE trial_user_attributes SET value_json = {OTHER} WHERE trial_id = 4 AND key = 'candidate'",
    ),
    "a complete row without a curve": (
        "complete_rows_are_whole",
        "UPDATE automl_evaluations SET curve = '[]' WHERE trial = 3",
    ),
    "a curve that ends elsewhere": (
        "complete_rows_are_whole",
        "UPDATE automl_evaluations SET curve = '[[2, 0.1]]' WHERE trial = 3",
    ),
    "a row without its candidate": ("complete_rows_are_whole", "DELETE FROM automl_candidates WHERE macs = 103"),
    "a candidate without cost": ("complete_rows_are_whole", "UPDATE automl_candidates SET macs = 0 WHERE macs = 103"),
    "a trial that runs": ("nothing_runs", "UPDATE trials SET state = 'RUNNING' WHERE number = 4"),
    "a driver that is there": (
        "nothing_runs",
        "INSERT INTO automl_drivers SELECT 'd', id, 'h', 1, 'p', created, created FROM automl_studies",
    ),
    "a number that is left out": ("as_many_trials_as_asked", "UPDATE automl_evaluations SET trial = 7 WHERE trial = 4"),
    "half a trial": ("optuna_agrees", "DELETE FROM automl_evaluations WHERE trial = 4"),
    "another value for Optuna": ("optuna_agrees", "UPDATE trial_values SET value = 0.9 WHERE trial_id = 4"),
    "a row that is changed": ("nothing_is_lost", "UPDATE automl_evaluations SET seed = 5 WHERE purpose = 'final'"),
    "a network that is blamed": (
        "no_network_is_blamed",
        "UPDATE automl_evaluations SET state = 'FAIL', fault = 'machine' WHERE trial = 4",
    ),
    "another candidate": (
        "candidates_are_those_of_an_undisturbed_run",
        "UPDATE automl_evaluations SET candidate_id = replace(candidate_id, 'a', 'b') WHERE trial = 4",
    ),
    "a final training that lacks": (
        "candidates_are_those_of_an_undisturbed_run",
        "DELETE FROM automl_evaluations WHERE purpose = 'final'",
    ),
    "a training that waits and has ended": (
        "nothing_else_is_wrong",
        "INSERT INTO automl_paused SELECT study_id, candidate_id, fidelity, seed, '{}' FROM automl_evaluations"
        " WHERE trial = 2",
    ),
}


@pytest.mark.parametrize(("invariant", "statement"), PLANTED.values(), ids=list(PLANTED))
def test_a_fault_in_the_database_is_found(file: Path, invariant: str, statement: str) -> None:
    whole = read(f"sqlite:///{file}", STUDY)
    plant(file, statement)
    assert invariant in found(file, Expected(trials=TRIALS, kept=whole.rows, undisturbed=whole))


def test_each_invariant_has_a_planted_fault() -> None:
    assert {invariant for invariant, _ in PLANTED.values()} >= OF_DATABASE.keys()


def test_a_front_that_lacks_a_network_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Study.front
    monkeypatch.setattr(Study, "front", lambda self: shown(self)[1:])
    assert found(file) == {"front_is_that_of_all_pairs"}


def test_a_database_without_the_study_holds_nothing(tmp_path: Path) -> None:
    assert read(f"sqlite:///{tmp_path / 'none.db'}", STUDY) == Contents()
    assert found(tmp_path / "none.db", Expected(trials=TRIALS)) == {"as_many_trials_as_asked"}


@pytest.mark.parametrize("name", [".automl.db.0123456789ab.tmp", "tmp/automl-tune-x", "a.artifacts/s/recovery-1.jsonl"])
def test_what_is_left_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / "automl.db").touch()
    assert left_files(tmp_path) == []
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    assert [which for which, _ in left_files(tmp_path)] == ["no_temporary_file"]


ORPHAN = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=-3)"
CLEARED = ["sleep", "60"]
DEAF = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found by their environment in /proc")
class TestDrivers:
    """Programs that stand for a driver, each with one fault."""

    @pytest.fixture
    def made(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(killing, "LINGER", 0.2)
        monkeypatch.setattr(killing, "STOPPED", -4.8)
        with places.place(of_trainings(TRIALS, 0)) as made:
            yield made

    @pytest.fixture
    def ends(self, made: places.Place) -> Callable[[str], set[str]]:
        """What is found of a driver that runs a program to its end."""

        def run(program: str) -> set[str]:
            made.command = [sys.executable, "-c", program]
            found = killing.disturbed(made, random.Random(0), kills=0, horizon=0.0, wanted=None)
            return {which for which, _ in found.violations} - {"as_many_trials_as_asked"}

        return run

    def test_one_that_ends_in_order_has_none(self, ends: Callable[[str], set[str]]) -> None:
        assert ends("pass") == set()

    def test_a_process_that_outlives_it_is_found(self, ends: Callable[[str], set[str]]) -> None:
        assert ends(ORPHAN) == {"no_orphan"}

    def test_a_child_that_has_overwritten_its_environment_is_found(self, made: places.Place) -> None:
        """As Ray's agents do."""
        made.command = [sys.executable, "-c", f"import subprocess; subprocess.run({CLEARED}, env={{}})"]
        driver = places.Driver(made)
        while not (left := [one for one in made.processes() if one.pid != driver.process.pid]):
            pass
        driver.process.kill()
        driver.process.wait()
        assert made.processes() == left
        made.kill_all()
        assert [one.wait(5) for one in left] == [None]
        assert made.processes() == []

    def test_one_that_ends_in_an_error_is_found(self, ends: Callable[[str], set[str]]) -> None:
        assert ends("raise SystemExit(3)") == {"goes_on"}

    def test_one_that_hangs_is_found(self, ends: Callable[[str], set[str]], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(killing, "STUCK", 0.2)
        assert ends("import time; time.sleep(60)") == {"goes_on"}

    def test_one_that_does_not_stop_is_found(self, made: places.Place) -> None:
        made.command = [sys.executable, "-c", DEAF]
        driver, found = places.Driver(made), killing.Outcome()
        while "ready" not in driver.said:
            pass
        kill = killing.Kill(victim="SIGTERM", after=0.0)
        killing.kill_driver(made, driver, kill, found, whole_group=False)
        assert [which for which, _ in found.violations] == ["stops"]
        assert driver.process.returncode == -signal.SIGKILL

    def test_what_it_said_and_the_database_lacks_is_counted(self, made: places.Place) -> None:
        line = "complete  0123456789ab  accuracy 0.6276  1.18MFLOPs  4/4 epochs  30 s"
        made.command = [sys.executable, "-c", f"print({line!r})"]
        driver = places.Driver(made)
        driver.process.wait()
        assert driver.lost([]) == 1
        there = Row(0, "0123456789ab" + 52 * "0", "f", 0, "search", "COMPLETE", ((4, 0.6),), 0.6, None)
        assert driver.lost([there]) == 0
        driver.before = [there]  # an earlier run wrote it
        assert driver.lost([there]) == 1
