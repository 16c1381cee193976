"""One transaction: Optuna's trial and our rows, or neither."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC

import optuna
import pytest
from automl.blocks.errors import InputError
from automl.studies import CandidateRow, DuplicateEvaluation, Evaluation, Purpose, State, Study
from automl.studies.database import recording
from automl.studies.database.connection import DatabaseError
from automl.studies.database.rows import evaluation_record
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy import event, false
from sqlalchemy.orm import Session

Record = Callable[..., Evaluation]
Count = Callable[..., int]
TABLES = (
    "trials",
    "trial_params",
    "trial_values",
    "trial_user_attributes",
    "trial_intermediate_values",
    "automl_candidates",
    "automl_evaluations",
)


def rows(count: Count, url: str) -> dict[str, int]:
    return {table: count(url, table) for table in TABLES}


def test_what_was_recorded_is_read_back_exactly(study: Study, record: Record) -> None:
    made = record(study)
    assert made.trial == 0
    assert study.evaluations() == [made]
    assert study.evaluations()[0].accuracy == 0.1 + 0.2
    assert study.evaluations()[0].started.tzinfo is UTC


def test_optuna_has_the_same_trial(study: Study, url: str, record: Record) -> None:
    made = record(study, 5, depth=1.25)
    trial = optuna.load_study(study_name="tiny", storage=url).best_trials[0]
    assert trial.values == [made.accuracy, 1005]
    assert trial.params == {"depth": 1.25, "attention": "eca"}
    assert trial.intermediate_values == {}
    assert [tuple(point) for point in trial.user_attrs["curve"]] == list(made.curve)
    assert trial.user_attrs["candidate"] == made.candidate_id
    assert trial.user_attrs["settings"] == made.settings
    assert trial.datetime_start is not None
    assert trial.datetime_start.astimezone(UTC) == made.started


def test_each_state_is_the_same_in_optuna_and_here(study: Study, url: str, record: Record, count: Count) -> None:
    record(study, 0)
    record(study, 1, state=State.PRUNED, reason="below the median at epoch 1", curve=((1, 0.9),), accuracy=0.9)
    record(study, 2, state=State.FAIL, reason="loss is NaN", curve=(), accuracy=None)
    final = record(study, 0, purpose=Purpose.FINAL, seed=1, test_accuracy=0.25)
    assert final.trial is None
    assert [trial.state for trial in study.optuna_trials()] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
    assert [trial.user_attrs.get("reason") for trial in study.optuna_trials()] == [
        None,
        "below the median at epoch 1",
        "loss is NaN",
    ]
    assert [evaluation.trial for evaluation in study.evaluations()] == [0, 1, 2, None]
    assert study.counts() == {"complete": 1, "pruned": 1, "fail": 1, "final": 1}
    assert len(study.front()) == 1  # the accuracy of what was stopped early does not count
    assert count(url, "trials", "state NOT IN ('COMPLETE', 'PRUNED', 'FAIL')") == 0


def test_the_same_candidate_fidelity_and_seed_is_recorded_once(
    study: Study, url: str, record: Record, count: Count
) -> None:
    record(study)
    before = rows(count, url)
    with pytest.raises(DuplicateEvaluation, match=r"3 epochs at 32 px, seed 0"):
        record(study, accuracy=0.5)
    assert rows(count, url) == before
    record(study, seed=1)


def test_a_unique_violation_at_the_last_moment_leaves_no_trial_of_optuna(
    study: Study, url: str, record: Record, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(study)
    before = rows(count, url)
    seen, asked = iter([False]), recording._evaluation  # another process records between question and insertion
    monkeypatch.setattr(
        recording, "_evaluation", lambda *key: asked(*key) if next(seen, True) else asked(*key).where(false())
    )
    with pytest.raises(DuplicateEvaluation):
        record(study)
    assert rows(count, url) == before


@pytest.fixture
def broken_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our row, inserted after Optuna's trial, breaks a constraint."""
    made = evaluation_record

    def broken(*arguments):
        row = made(*arguments)
        row.state = "RUNNING"
        return row

    monkeypatch.setattr("automl.studies.database.recording.evaluation_record", broken)


@pytest.mark.usefixtures("broken_row")
def test_a_failure_of_our_write_leaves_no_trial_of_optuna(study: Study, url: str, record: Record, count: Count) -> None:
    with pytest.raises(DatabaseError, match="CHECK constraint failed"):
        record(study)
    assert set(rows(count, url).values()) == {0}


@pytest.mark.usefixtures("broken_row")
def test_control_without_the_savepoint_the_trial_of_optuna_would_stay(
    study: Study, url: str, record: Record, count: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def joined(storage: RDBStorage, session: Session) -> Iterator[RDBStorage]:
        storage.scoped_session.remove()
        storage.scoped_session(bind=session.connection(), join_transaction_mode="control_fully")
        yield storage
        storage.scoped_session.remove()

    monkeypatch.setattr("automl.studies.database.optuna_tables.joined", joined)
    with pytest.raises(Exception):  # noqa: B017, PT011 - whichever; the point is what it leaves
        record(study)
    assert count(url, "trials") == 1


@pytest.mark.parametrize("method", ["_set_trial_attr_without_commit", "_get_prepared_new_trial"])
def test_a_failure_of_optunas_write_leaves_no_row_of_ours(
    study: Study, url: str, record: Record, count: Count, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def fail(*_):
        raise RuntimeError("planted")

    monkeypatch.setattr(RDBStorage, method, fail)
    with pytest.raises(RuntimeError, match="planted"):
        record(study)
    assert set(rows(count, url).values()) == {0}
    monkeypatch.undo()
    assert record(study).trial == 0


def test_a_trial_that_optuna_refuses_leaves_nothing(study: Study, url: str, record: Record, count: Count) -> None:
    with pytest.raises(InputError, match="Optuna refuses the trial"):
        record(study, depth=9.0)
    assert set(rows(count, url).values()) == {0}
    record(study)
    before = rows(count, url)
    with pytest.raises(InputError, match="Optuna refuses the trial"):
        record(study, 1, choices=("eca", "se"))
    assert rows(count, url) == before


def test_a_commit_that_fails_leaves_nothing(study: Study, url: str, record: Record, count: Count) -> None:
    def fail(_connection):
        raise sqlite3.OperationalError("disk full")

    engine = study._database.writing
    event.listen(engine, "commit", fail)
    with pytest.raises(sqlite3.OperationalError):
        record(study)
    event.remove(engine, "commit", fail)
    assert set(rows(count, url).values()) == {0}
    assert record(study).trial == 0


def test_values_that_contradict_the_evaluation_are_refused(
    study: Study, evaluation: Callable[..., Evaluation], candidate: Callable[..., CandidateRow]
) -> None:
    for made, values in [
        (evaluation(), None),
        (evaluation(), (0.5, 1000)),
        (evaluation(), (0.1 + 0.2, 999)),
        (evaluation(state=State.PRUNED), (0.1 + 0.2, 1000)),
        (evaluation(purpose=Purpose.FINAL), (0.1 + 0.2, 1000)),
    ]:
        with pytest.raises(InputError, match="values of this"):
            study.record(made, candidate(), params={}, distributions={}, values=values)
    with pytest.raises(InputError, match="its own candidate"):
        study.record(evaluation(), candidate(1), params={}, distributions={}, values=(0.1 + 0.2, 1001))


def test_one_id_stands_for_one_network(study: Study, url: str, record: Record, count: Count) -> None:
    record(study)
    before = rows(count, url)
    with pytest.raises(InputError, match="another network or cost"):
        record(study, seed=1, macs=7)
    assert rows(count, url) == before


def test_costs_beyond_32_bits_are_kept(study: Study, record: Record) -> None:
    record(study, macs=2**62)
    assert study.front()[0].macs == 2**62


def test_other_threads_may_record(study: Study, record: Record) -> None:
    threads = [threading.Thread(target=record, args=(study, number)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(evaluation.trial or 0 for evaluation in study.evaluations()) == list(range(8))


def test_optuna_is_not_silenced_for_others(study: Study, record: Record) -> None:
    before = optuna.logging.get_verbosity()
    record(study)
    assert optuna.logging.get_verbosity() == before


def test_optuna_says_nothing_of_our_calls(url: str, spec, record: Record, capfd: pytest.CaptureFixture[str]) -> None:
    record(Study.create_or_continue(url, spec, command="", versions={}))
    assert capfd.readouterr() == ("", "")
