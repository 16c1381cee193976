"""What the database does not take is kept in a file, which the next run takes over once."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from automl.blocks import InputError
from automl.studies import DatabaseError, Evaluation, Paused, Purpose, Study, StudySpec
from automl.studies.database import patience
from automl.studies.database import recovery as recovery_module
from automl.studies.upkeep.recovered import take_over
from optuna.distributions import FloatDistribution

Record = Callable[..., Evaluation]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pauses, and an outage is long from its beginning."""
    monkeypatch.setattr(patience, "LONG", 0.0)
    monkeypatch.setattr(patience.time, "sleep", lambda seconds: None)


@pytest.fixture
def locked(study: Study, url: str) -> Iterator[sqlite3.Connection]:
    """Another process, which takes the lock with BEGIN IMMEDIATE."""
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    yield other
    other.close()


def opened(url: str, told: Callable[[str], None] = lambda text: None, *, seconds: float = 100.0) -> Study:
    study = Study.open(f"{url}?timeout=0.001", "tiny")
    study.patience.seconds, study.patience.told = seconds, told
    return study


def files(url: str) -> list[Path]:
    return sorted(Path(f"{url.removeprefix('sqlite:///')}.artifacts", "tiny").glob("*"))


def paused_at(candidate: Callable[..., Any], evaluation: Callable[..., Evaluation], epochs: int) -> Paused:
    one = evaluation(5)
    return Paused(
        candidate=candidate(5),
        fidelity=one.fidelity,
        seed=0,
        settings={"depth": 1.0},
        params={"depth": 1.0},
        distributions={"depth": FloatDistribution(0.5, 2.0)},
        curve=tuple((epoch, 0.1) for epoch in range(1, epochs + 1)),
        seconds=1.0,
        started=one.started,
        finished=one.finished,
    )


@pytest.fixture
def given_up(study: Study, url: str, locked: sqlite3.Connection, record: Record, candidate, evaluation) -> list[Path]:
    """A run that has waited in vain: of its three evaluations one is in the database; a training
    was paused."""
    first = opened(url, seconds=0.0)
    with first.driven():
        record(first, 1)
        locked.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError, match=r"database is locked; 1 result is kept in .*recovery-\w+\.jsonl$"):
            record(first, 2)
        with pytest.raises(DatabaseError, match="; 2 results are kept in "):
            record(first, 3)
        with pytest.raises(DatabaseError, match="; 3 results are kept in "):
            first.pause(paused_at(candidate, evaluation, 2))
        locked.execute("ROLLBACK")
    return files(url)


def test_a_long_outage_is_written_to_a_file_which_goes_with_it(
    url: str, locked: sqlite3.Connection, record: Record
) -> None:
    said: list[str] = []

    def told(text: str) -> None:
        said.append(text)
        (file,) = files(url)
        assert len(file.read_text().splitlines()) == 2  # which study, and the result
        if len(said) == 3:
            locked.execute("ROLLBACK")

    study = opened(url, told)
    with study.driven():
        locked.execute("BEGIN IMMEDIATE")
        record(study, 1)
    assert files(url) == []
    assert len(study.evaluations()) == 1
    assert said[0].startswith("waiting for the database (database is locked), 0 s so far; 1 result is kept in ")


def test_control_a_short_outage_writes_none(
    url: str, locked: sqlite3.Connection, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LONG", 60.0)
    study = opened(url, lambda text: locked.execute("ROLLBACK") and None)
    with study.driven():
        locked.execute("BEGIN IMMEDIATE")
        record(study, 1)
    assert not Path(f"{url.removeprefix('sqlite:///')}.artifacts").exists()


def test_the_next_run_takes_over_what_the_database_lacks_once(given_up: list[Path], url: str) -> None:
    (file,) = given_up
    study = Study.open(url, "tiny")
    with study.driven():
        assert take_over(study) == [f"3 of 3 results that an earlier run kept in {file} were missing in the study"]
        assert files(url) == []
        assert take_over(study) == []  # control
    assert [(each.candidate_id, each.trial) for each in study.evaluations()] == [
        (f"{number:064x}", number - 1) for number in (1, 2, 3)
    ]
    assert [(each.candidate.id, each.curve[-1][0]) for each in study.paused()] == [(f"{5:064x}", 2)]
    assert [trial.number for trial in study.optuna_trials()] == [0, 1, 2]


def test_what_was_taken_over_is_what_would_have_been_recorded(
    given_up: list[Path], url: str, record: Record, tmp_path: Path, spec: StudySpec
) -> None:
    study = Study.open(url, "tiny")
    with study.driven():
        take_over(study)
    direct = Study.create_or_continue(f"sqlite:///{tmp_path}/direct.db", spec, command="", versions={})
    for number in (1, 2, 3):
        record(direct, number)
    assert study.evaluations() == direct.evaluations()
    assert study.candidates() == {**direct.candidates()}
    for one, other in zip(study.optuna_trials(), direct.optuna_trials(), strict=True):
        assert (one.params, one.distributions, one.values, one.user_attrs) == (
            other.params,
            other.distributions,
            other.values,
            other.user_attrs,
        )


def test_a_run_that_is_killed_while_it_takes_over_leaves_nothing_twice(
    given_up: list[Path], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, record, before = Study.open(url, "tiny"), Study.record, files(url)

    def dies(self: Study, *args: Any, **kwargs: Any) -> Evaluation:
        if len(self.evaluations()) == 2:
            raise SystemExit
        return record(self, *args, **kwargs)

    with study.driven(), monkeypatch.context() as patch:
        patch.setattr(Study, "record", dies)
        with pytest.raises(SystemExit):
            take_over(study)
    assert files(url) == before
    with study.driven():
        assert take_over(study)[0].startswith("2 of 3 results")
    assert len(study.evaluations()) == 3


def test_a_training_that_has_gone_further_meanwhile_is_not_put_back(
    given_up: list[Path], url: str, candidate, evaluation
) -> None:
    study = Study.open(url, "tiny")
    with study.driven():
        study.pause(paused_at(candidate, evaluation, 3))
        assert take_over(study)[0].startswith("2 of 3 results")
    assert [len(each.curve) for each in study.paused()] == [3]


def test_what_a_living_driver_is_at_is_left_to_it(given_up: list[Path], url: str, record: Record) -> None:
    other, study = Study.open(url, "tiny"), Study.open(url, "tiny")
    with other.driven(), study.driven(join=True):
        assert other.lease is not None
        result = recovery_module.read_recovery(given_up[0], "tiny", study.created)[0]
        other.lease.claim(result.key, Purpose.SEARCH)
        assert take_over(study)[0].startswith("2 of 3 results")
        record(other, 2)
    assert len(study.evaluations()) == 3


def test_the_file_of_a_living_driver_is_not_touched(url: str, locked: sqlite3.Connection, record: Record) -> None:
    study, other = opened(url, seconds=0.0), Study.open(url, "tiny")
    with study.driven(), other.driven(join=True):
        locked.execute("BEGIN IMMEDIATE")
        with pytest.raises(DatabaseError):
            record(study, 1)
        locked.execute("ROLLBACK")
        assert take_over(other) == []
        assert len(files(url)) == 1


def test_ctrl_c_in_an_outage_keeps_what_waits(url: str, locked: sqlite3.Connection, record: Record) -> None:
    def stops(text: str) -> None:
        raise KeyboardInterrupt

    study = opened(url, stops)
    with study.driven():
        locked.execute("BEGIN IMMEDIATE")
        with pytest.raises(KeyboardInterrupt):
            record(study, 1)
        locked.execute("ROLLBACK")
    assert len(files(url)) == 1


def test_evaluations_that_are_written_together_are_kept_together(
    url: str, locked: sqlite3.Connection, record: Record
) -> None:
    def locks(study: Study) -> None:
        with study.driven(), study.recording():
            for number in range(5):
                record(study, number)
            locked.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseError, match="5 results are kept in"):
        locks(opened(url, seconds=0.0))
    locked.execute("ROLLBACK")  # this process could not give the study up, and does not hold it all the same
    again = Study.open(url, "tiny")
    with again.driven():
        assert take_over(again)[0].startswith("5 of 5 results")
    assert [each.trial for each in again.evaluations()] == list(range(5))


def test_an_error_that_does_not_pass_keeps_nothing(url: str, study: Study, record: Record) -> None:
    with study.driven():
        with sqlite3.connect(url.removeprefix("sqlite:///")) as other:
            other.execute("DROP TABLE automl_candidates")
        with pytest.raises(DatabaseError, match="no such table"):
            record(study, 1)
    assert files(url) == []


@pytest.mark.parametrize("wrong", ["another study", "damaged"])
def test_a_file_that_is_not_the_studys_or_not_whole_is_left_alone(given_up: list[Path], url: str, wrong: str) -> None:
    (file,) = given_up
    study = Study.open(url, "tiny")
    if wrong == "damaged":
        file.write_text(file.read_text()[:-40])
    else:  # one of the same name, since deleted
        study.created += timedelta(hours=1)
    with study.driven():
        (line,) = take_over(study)
    assert line.startswith(f"the recovery file {file} ")
    assert line.endswith("; it is left where it is")
    assert {"damaged": "is damaged", "another study": "belongs to another study"}[wrong] in line
    assert file.exists()
    assert len(study.evaluations()) == 1


def test_a_result_that_contradicts_the_study_stops_neither_the_run_nor_the_others(
    given_up: list[Path], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,), record = given_up, Study.record

    def refuses(self: Study, one: Evaluation, *args: Any, **kwargs: Any) -> Evaluation:
        if one.candidate_id == f"{2:064x}":
            raise InputError("candidate 2 has another cost in the study")
        return record(self, one, *args, **kwargs)

    monkeypatch.setattr(Study, "record", refuses)
    study = Study.open(url, "tiny")
    with study.driven():
        (line,) = take_over(study)
    assert line.startswith(f"{file} holds what contradicts the study (candidate 2 has another cost")
    assert file.exists()
    assert [each.candidate_id for each in study.evaluations()] == [f"{number:064x}" for number in (1, 3)]


def test_a_disk_that_refuses_the_file_does_not_end_the_wait(
    url: str, locked: sqlite3.Connection, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(recovery_module, "make_folder", full)
    study = opened(url, lambda text: locked.execute("ROLLBACK") and None)
    with study.driven():
        locked.execute("BEGIN IMMEDIATE")
        record(study, 1)
    assert len(study.evaluations()) == 1


def test_the_file_is_json_lines_for_anybody(given_up: list[Path]) -> None:
    head, *lines = [json.loads(line) for line in given_up[0].read_text().splitlines()]
    assert (head["kind"], head["study"]) == ("automl-recovery", "tiny")
    assert [line["result"]["evaluation"]["candidate_id"] for line in lines[:2]] == [f"{2:064x}", f"{3:064x}"]
    assert lines[2]["paused"]["curve"] == [[1, 0.1], [2, 0.1]]


def test_a_result_is_read_back_as_it_was(evaluation, candidate) -> None:
    from automl.studies import Fault, State
    from automl.studies.database.recovery import Result

    one = Result(
        evaluation=replace(evaluation(1), state=State.FAIL, reason="lost", fault=Fault.MACHINE),
        candidate=candidate(1),
        params={"depth": 1.0},
        distributions={"depth": FloatDistribution(0.5, 2.0)},
    )
    assert Result.from_dict(json.loads(json.dumps(one.to_dict()))) == one
