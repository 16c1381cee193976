"""A worker that is lost is no fault of its network: the training goes on from its last rung."""

from pathlib import Path

import pytest
from automl.blocks import AutomlError
from automl.search.course import running
from automl.search.course.engine import Engine
from automl.search.course.job import Job
from automl.search.course.running import RETRIES
from automl.spaces import Space
from automl.studies import Fault, Purpose, State

from .played_workers import EPOCHS, accuracy_of, keep, make, play


def begun(engine: Engine, key: str) -> Job:
    job = engine.next_job(key)
    assert isinstance(job, Job)
    return job


def trained(engine: Engine, key: str, job: Job, end: int) -> None:
    """The epochs of a job up to `end`, as good as none before, so that no rung stops it."""
    for epoch in range(job.start + 1, end + 1):
        if epoch in job.rungs:
            keep(job, job.state_file(epoch))
        assert engine.reported(key, epoch, 0.9 + epoch / 100, 1.0)


def test_a_training_goes_on_from_its_last_rung_on_another_worker(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=1, finals=0)
    job = begun(engine, "a")
    trained(engine, "a", job, 5)
    engine.lost("a", "killed")
    again = begun(engine, "b")
    assert (again.candidate, again.seed, again.start, again.rungs) == (job.candidate, job.seed, 3, ())
    trained(engine, "b", again, EPOCHS)
    engine.ended("b")
    (found,) = engine.study.evaluations()
    assert (found.state, found.seconds, found.fault) == (State.COMPLETE, EPOCHS, None)
    assert [epoch for epoch, _ in found.curve] == list(range(1, EPOCHS + 1))


def test_without_a_rung_it_begins_anew(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=1, finals=0)
    job = begun(engine, "a")
    engine.lost("a", "killed")
    assert begun(engine, "b") == job
    assert engine.study.evaluations() == []


def test_after_two_more_workers_it_has_failed_and_the_machine_is_at_fault(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=2, finals=0)
    for key in map(str, range(RETRIES + 1)):
        begun(engine, key)
        assert engine.study.evaluations() == []
        engine.lost(key, "the worker died")
    (found,) = engine.study.evaluations()
    assert (found.state, found.fault, found.reason) == (
        State.FAIL,
        Fault.MACHINE,
        "the worker died (3 workers were lost)",
    )
    trial = engine._proposer._study.trials[0]
    assert trial.user_attrs == {"automl:no evidence": True}


def test_control_a_failure_of_the_network_is_evidence_and_is_not_repeated(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=2, finals=0)
    begun(engine, "a")
    engine.failed("a", "nan")
    assert [each.fault for each in engine.study.evaluations()] == [Fault.CANDIDATE]
    assert engine._proposer._study.trials[0].user_attrs == {}


def test_a_final_training_goes_on_too(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=2)
    play(engine, stop_after=2)
    engine = make(tmp_path, space, trials=2)
    job = begun(engine, "a")
    assert job.purpose is Purpose.FINAL
    engine.lost("a", "killed")
    assert begun(engine, "b") == job


def test_workers_that_die_always_end_the_search(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=None, seconds=1e6)

    def dies_always() -> None:
        for key in map(str, range(100)):
            begun(engine, key)
            engine.lost(key, "cannot import torch")

    with pytest.raises(AutomlError, match="cannot import torch"):
        dies_always()


def test_what_was_running_is_kept_at_its_last_rung(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=1, finals=0)
    trained(engine, "a", begun(engine, "a"), 5)
    engine.abandon()
    (kept,) = engine.study.paused()
    assert [epoch for epoch, _ in kept.curve] == [1, 2, 3]
    assert kept.seconds == 3.0
    jobs = play(make(tmp_path, space, trials=1, finals=0), accuracy=lambda job, epoch: accuracy_of(job, epoch))
    assert [job.start for job in jobs] == [3]


def test_a_silent_worker_is_found_by_the_time_of_its_own_epochs(
    tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
):
    engine = make(tmp_path, space, trials=2, finals=0)
    trained(engine, "a", begun(engine, "a"), 1)
    begun(engine, "b")  # nothing is known of its time
    live = engine._live["a"]
    for passed, silent in ((299.0, []), (301.0, ["a"])):
        live.since = engine._live["b"].since = running.time.monotonic() - passed
        assert engine.silent == silent
    live.seconds = 100.0  # an epoch takes as long
    assert engine.silent == []
    live.since -= 800
    assert engine.silent == ["a"]
    live.expected = (200.0,)
    assert engine.silent == []
