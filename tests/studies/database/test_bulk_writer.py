"""Evaluations that share transactions are the same rows, ours and Optuna's, as those recorded one
by one."""

import math
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import optuna
import pytest
from automl.blocks import InputError
from automl.studies import DuplicateEvaluation, Fidelity, Paused, Purpose, State, Study
from automl.studies.database import bulk_writer
from sqlalchemy import text

OPTUNAS = ("trials", "trial_params", "trial_values", "trial_user_attributes")


def rows(url: str, table: str) -> list[tuple]:
    """All rows; Optuna numbers attributes as it happens to write them, and so their own ids are
    left out."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as database:
        names = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
        kept = [name for name in names if name not in ("trial_value_id", "param_id", "trial_user_attribute_id")]
        return sorted(database.execute(f"SELECT {', '.join(kept)} FROM {table}").fetchall(), key=repr)


def fill(study: Study, record) -> None:
    record(study, 0)
    record(study, 1, state=State.PRUNED, accuracy=0.1, curve=((1, 0.1),), reason="beaten", origin="random")
    record(study, 2, state=State.FAIL, accuracy=None, curve=(), reason="boom")
    record(study, 0, purpose=Purpose.FINAL, seed=1, settings={})
    record(study, 3, scores={"synflow": 2.5}, depth=2.0)


def test_both_ways_write_the_same_rows(study: Study, url: str, tmp_path: Path, created: Path, record):
    fill(study, record)
    other = f"sqlite:///{tmp_path / 'other.db'}"
    (tmp_path / "other.db").write_bytes(created.read_bytes())
    batched = Study.open(other, "tiny")
    with batched.recording(every=2):
        fill(batched, record)
    assert batched.evaluations() == study.evaluations()
    assert batched.candidates() == study.candidates()
    for table in (*OPTUNAS, "automl_evaluations", "automl_candidates"):
        assert rows(other, table) == rows(url, table), table
    assert (
        optuna.load_study(study_name="tiny", storage=other).trials
        == optuna.load_study(study_name="tiny", storage=url).trials
    )


def test_numbers_go_on_after_what_is_there_and_by_record_afterwards(study: Study, record):
    assert record(study, 0).trial == 0
    with study.recording():
        assert record(study, 1).trial == 1
        assert record(study, 2).trial == 2
    assert record(study, 3).trial == 3
    assert [trial.number for trial in study.optuna_trials()] == [0, 1, 2, 3]


def test_what_waits_is_written_before_anything_is_read(study: Study, url: str, record, count):
    with study.recording(seconds=math.inf):
        record(study, 0)
        assert count(url, "automl_evaluations") == 0
        assert len(study.evaluations()) == len(study.front()) == 1
        assert count(url, "automl_evaluations") == 1


def test_it_is_written_in_parts_and_at_the_end_also_of_one_that_breaks_off(study: Study, url: str, record, count):
    def breaks_off() -> None:
        with study.recording(every=2, seconds=math.inf):
            for number in range(5):
                record(study, number)
            assert count(url, "automl_evaluations") == 4
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks_off()
    assert count(url, "automl_evaluations") == 5


def test_it_is_written_at_least_once_in_a_second(
    study: Study, url: str, record, count, monkeypatch: pytest.MonkeyPatch
):
    now = [0.0]
    monkeypatch.setattr(bulk_writer, "time", SimpleNamespace(monotonic=lambda: now[0]))
    with study.recording():
        for number, (passed, written) in enumerate([(0.5, 0), (0.9, 0), (1.1, 3), (1.2, 3), (2.0, 3), (2.2, 6)]):
            now[0] = passed
            record(study, number)
            assert count(url, "automl_evaluations") == written


def test_nothing_is_written_twice(study: Study, record):
    record(study, 0)
    with study.recording():
        record(study, 1)
        for number in (0, 1):
            with pytest.raises(DuplicateEvaluation):
                record(study, number)
    assert study.counts()["complete"] == 2


def test_a_second_writer_is_found_out_and_nothing_of_the_part_is_written(study: Study, url: str, record):
    def writes_beside() -> None:
        with study.recording():
            record(study, 1)
            record(Study.open(url, "tiny"), 2)

    with pytest.raises(DuplicateEvaluation, match="one writer"):
        writes_beside()
    assert [evaluation.candidate_id for evaluation in study.evaluations()] == [f"{2:064x}"]


def test_a_candidate_stored_otherwise_is_refused(study: Study, record):
    record(study, 0, macs=5)
    with pytest.raises(InputError, match="another network or cost"), study.recording():
        record(study, 0, macs=6, seed=7)


def test_a_distribution_that_optuna_refuses_is_refused(study: Study, record):
    record(study, 0)
    with pytest.raises(InputError, match="Optuna refuses"), study.recording():
        record(study, 1, choices=("none", "se", "eca"))


def waiting(study: Study, candidate, evaluation, number: int, rung: int = 1) -> None:
    one = evaluation(number)
    study.pause(
        Paused(
            candidate=candidate(number),
            fidelity=Fidelity(epochs=3, size=32),
            seed=0,
            settings={},
            params={},
            distributions={},
            curve=((rung, 0.1),),
            seconds=1.0,
            started=one.started,
            finished=one.finished,
        )
    )


def test_the_row_of_its_waiting_goes_with_it(study: Study, candidate, evaluation, record):
    for number in (0, 1):
        waiting(study, candidate, evaluation, number)
    with study.recording():
        record(study, 1)
    assert [one.candidate.id for one in study.paused()] == [f"{0:064x}"]


def test_trainings_that_wait_share_transactions_too(study: Study, url: str, candidate, evaluation, record, count):
    with study.recording(seconds=math.inf):
        for number in (0, 1, 2):
            waiting(study, candidate, evaluation, number)
        waiting(study, candidate, evaluation, 2, rung=2)
        record(study, 1)
        assert count(url, "automl_paused") == 0
        assert {one.candidate.id: one.curve[-1][0] for one in study.paused()} == {f"{0:064x}": 1, f"{2:064x}": 2}
        with pytest.raises(DuplicateEvaluation):
            waiting(study, candidate, evaluation, 1)
        record(study, 2)
    assert [one.candidate.id for one in study.paused()] == [f"{0:064x}"]


def test_a_study_deleted_meanwhile_takes_nothing(study: Study, url: str, record):
    from automl.studies import DatabaseError, delete

    def deletes() -> None:
        with study.recording():
            record(study, 0)
            delete(url, "tiny")

    with pytest.raises(DatabaseError, match="was deleted"):
        deletes()
    with study._database.read() as session:
        assert session.execute(text("SELECT count(*) FROM trials")).scalar_one() == 0
