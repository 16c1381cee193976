"""Trainings that wait at a rung, and go on from there or end there."""

from collections import Counter
from pathlib import Path

import pytest
from automl.search.course import rungs
from automl.search.course.engine import Engine
from automl.search.course.limits import Limits
from automl.spaces import Space
from automl.studies import State

from .played_workers import EPOCHS, make, play, trials_in


def test_what_does_not_go_on_waits_and_no_epoch_is_trained_twice(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=20, finals=0)
    jobs = play(engine)
    resumed = [job for job in jobs if job.start]
    assert resumed
    for job in resumed:
        assert [other.start for other in jobs if other.candidate == job.candidate] == sorted(
            {other.start for other in jobs if other.candidate == job.candidate}
        )
    for evaluation in engine.study.evaluations():
        assert [epoch for epoch, _ in evaluation.curve] == list(range(1, evaluation.curve[-1][0] + 1))
        assert evaluation.curve[-1][0] in (1, 3, EPOCHS)
        assert evaluation.seconds == pytest.approx(evaluation.curve[-1][0])
    states = {job.candidate: job for job in jobs if job.start}
    complete = {
        row.spec
        for row in (engine.study.candidates()[e.candidate_id] for e in engine.study.evaluations(state=State.COMPLETE))
    }
    assert set(states) & complete, "nothing that waited came to its end"


def test_when_a_search_has_ended_nothing_waits_and_no_state_is_left_on_the_disk(tmp_path: Path, space: Space):
    engine = make(tmp_path, space)
    play(engine)
    assert engine.study.paused() == []
    assert list((tmp_path / "weights" / "waiting").iterdir()) == []


def test_what_waited_when_a_run_was_killed_goes_on_from_its_rung_in_the_next(tmp_path: Path, space: Space):
    first = make(tmp_path, space, trials=20, finals=0)
    play(first, stop_after=6)
    waiting = {paused.candidate.spec: paused for paused in first.study.paused()}
    assert waiting
    second = make(tmp_path, space, trials=20, finals=0)
    jobs = play(second)
    assert not [job for job in jobs if job.candidate in waiting and job.start < waiting[job.candidate].curve[-1][0]]
    of_waiting = [e for e in second.study.evaluations() if second.study.candidates()[e.candidate_id].spec in waiting]
    assert len(of_waiting) == len(waiting)
    for evaluation in of_waiting:
        begun = waiting[second.study.candidates()[evaluation.candidate_id].spec]
        assert evaluation.curve[: len(begun.curve)] == begun.curve
        assert evaluation.started == begun.started


def test_a_run_that_was_killed_before_it_pruned_the_last_of_a_rung_prunes_it_first_in_the_next(
    tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
):
    """Else the order of trials would be another, and evolution would learn of it."""
    first = make(tmp_path, space, trials=20, finals=0)
    play(first, stop_after=6)
    at_rung = Counter(paused.curve[-1][0] for paused in first.study.paused())
    most = max(at_rung.values())
    assert most > 1
    ended = len(first.study.evaluations())
    monkeypatch.setattr(rungs, "WAITING", most - 1)
    second = make(tmp_path, space, trials=20, finals=0)
    pruned = second.study.evaluations()[ended:]
    assert [one.state for one in pruned] == [State.PRUNED] * list(at_rung.values()).count(most)
    assert len(second.study.paused()) == at_rung.total() - len(pruned)


def test_what_waited_and_has_lost_its_state_ends_at_its_rung(tmp_path: Path, space: Space):
    first = make(tmp_path, space, trials=20, finals=0)
    play(first, stop_after=6)
    waiting = {paused.candidate.spec for paused in first.study.paused()}
    for file in (tmp_path / "weights" / "waiting").iterdir():
        file.unlink()
    second = make(tmp_path, space, trials=20, finals=0)
    jobs = play(second)
    assert not [job for job in jobs if job.candidate in waiting]
    pruned = {second.study.candidates()[e.candidate_id].spec for e in second.study.evaluations(state=State.PRUNED)}
    assert waiting <= pruned


def test_an_impatient_engine_stops_at_once_and_keeps_no_state(tmp_path: Path, space: Space):
    given = Limits(trials=20, seconds=None, finals=0)
    made = make(tmp_path, space)
    engine = Engine(made.study, made._proposer, trials=trials_in(tmp_path, pauses=False), limits=given)
    jobs = play(engine)
    assert not [job for job in jobs if job.start or job.rungs]
    assert engine.study.counts()["pruned"] > 0
