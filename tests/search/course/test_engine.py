"""The course of a search, without Ray and without training: workers are played by the test."""

from pathlib import Path

import optuna
import pytest
from automl.blocks import AutomlError
from automl.search.course.engine import Engine
from automl.search.course.job import Job
from automl.spaces import Space
from automl.studies import Fidelity, Purpose, State
from automl.studies.choosing.finalists import complete_points

from ..conftest import SPACE
from .played_workers import EPOCHS, Time, make, open_study, play


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Engine, list[Job]]:
    """A search that is over: its folder, its engine and its jobs; it is not to be changed."""
    folder = tmp_path_factory.mktemp("searched")
    engine = make(folder, Space.from_dict(SPACE))
    return folder, engine, play(engine)


def test_a_search_trains_prunes_and_confirms(searched: tuple[Path, Engine, list[Job]]):
    _, engine, jobs = searched
    counts = engine.study.counts()
    assert counts["complete"] + counts["pruned"] == 12
    assert counts["pruned"] > 0
    assert counts["final"] == 6
    finals = [job for job in jobs if job.purpose is Purpose.FINAL]
    assert {job.seed for job in finals} == {1, 2}
    assert {job.fidelity.epochs for job in finals} == {2 * EPOCHS}
    finalists = {point.candidate.spec: point.accuracy for point in complete_points(engine.study)}
    best = sorted(finalists.values(), reverse=True)[:3]
    for seed in (1, 2):
        assert sorted((finalists[job.candidate] for job in finals if job.seed == seed), reverse=True) == best


def test_optunas_front_is_ours(searched: tuple[Path, Engine, list[Job]]):
    folder, engine, _ = searched
    theirs = optuna.load_study(study_name="s", storage=f"sqlite:///{folder}/s.db").best_trials
    assert sorted(tuple(trial.values) for trial in theirs) == sorted(
        (point.accuracy, float(point.macs)) for point in engine.study.front()
    )


def test_a_pruned_ones_partial_accuracy_is_not_on_the_front(searched: tuple[Path, Engine, list[Job]]):
    _, engine, _ = searched
    assert {point.evaluation.state for point in engine.study.front()} == {State.COMPLETE}
    for evaluation in engine.study.evaluations(state=State.PRUNED):
        assert evaluation.curve[-1][0] < EPOCHS
        assert evaluation.reason


def test_a_failure_is_recorded_with_its_reason_and_the_search_goes_on(tmp_path: Path, space: Space):
    engine = make(tmp_path, space)
    play(engine, fails=lambda index: "boom" if index % 2 == 0 else None)
    failed = engine.study.evaluations(state=State.FAIL)
    assert failed
    assert {evaluation.reason for evaluation in failed} == {"boom"}
    assert engine.study.counts()["complete"] > 0


def test_when_nothing_but_failures_comes_the_search_gives_up_and_says_why(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=None, seconds=1e6)
    with pytest.raises(AutomlError, match="the first 8 evaluations all failed; the reason of the last one: died"):
        play(engine, fails=lambda index: "died")
    assert engine.study.counts() == {"complete": 0, "pruned": 0, "fail": 8, "final": 0}


def test_an_abandoned_run_leaves_nothing_half_done_and_goes_on(tmp_path: Path, space: Space):
    first = make(tmp_path, space)
    play(first, stop_after=5)
    done = {evaluation.candidate_id for evaluation in first.study.evaluations()}
    waiting = {paused.candidate.id for paused in first.study.paused()}
    assert 5 <= len(done) < 12
    second = make(tmp_path, space)
    jobs = play(second)
    ids = [evaluation.candidate_id for evaluation in second.study.evaluations(Purpose.SEARCH)]
    assert len(ids) == len(set(ids)) == 12
    assert done <= set(ids)
    assert len([job for job in jobs if job.purpose is Purpose.SEARCH and not job.start]) == 12 - len(done) - len(
        waiting
    )


def test_a_finished_search_has_nothing_to_do(tmp_path: Path, space: Space):
    play(make(tmp_path, space))
    assert play(make(tmp_path, space)) == []


def test_more_trials_go_on_and_confirm_only_what_is_new(tmp_path: Path, space: Space):
    play(make(tmp_path, space))
    confirmed = {evaluation.candidate_id for evaluation in open_study(tmp_path, space).evaluations(Purpose.FINAL)}
    engine = make(tmp_path, space, trials=20)
    jobs = play(engine)
    specs = {row.spec: row.id for row in engine.study.candidates().values()}
    assert len([job for job in jobs if job.purpose is Purpose.SEARCH and not job.start]) == 8
    assert not {specs[job.candidate] for job in jobs if job.purpose is Purpose.FINAL} & confirmed


@pytest.mark.parametrize("seconds", [40, 90, pytest.param(300, marks=pytest.mark.exhaustive)])
def test_a_search_ends_within_its_time_and_confirms_within_it(tmp_path: Path, space: Space, seconds: float):
    clock = Time()
    engine = make(tmp_path, space, clock=clock, trials=None, seconds=seconds)
    play(engine, clock=clock)
    assert clock.now <= seconds * 1.02
    assert engine.study.counts()["final"] > 0
    finals = engine.study.evaluations(Purpose.FINAL)
    assert all(evaluation.state is State.COMPLETE for evaluation in finals)


def test_the_time_is_used(tmp_path: Path, space: Space):
    clock = Time()
    play(make(tmp_path, space, clock=clock, trials=None, seconds=150), clock=clock)
    assert clock.now > 75


def test_time_that_is_too_short_to_confirm_anything_is_spent_on_searching(tmp_path: Path, space: Space):
    clock = Time()
    engine = make(tmp_path, space, clock=clock, trials=None, seconds=60, workers=1)
    play(engine, clock=clock, seconds=4.0, workers=1)
    assert engine.study.counts()["final"] == 0
    assert clock.now > 50


def test_without_finals_nothing_is_confirmed(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, finals=0)
    play(engine)
    assert engine.study.counts()["final"] == 0


def test_an_exhausted_space_ends_the_search(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=10_000)
    play(engine)
    assert engine.exhausted
    assert engine.study.counts()["final"] == 6
    assert engine.study.paused() == []


def test_the_random_part_is_what_it_may_be_of_the_trials(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=20, finals=0)
    asked: list[bool] = []
    propose = engine._proposer.propose
    engine._proposer.propose = lambda *, random=False: (asked.append(random), propose(random=random))[1]  # type: ignore[method-assign]
    play(engine)
    assert asked == [True] * 3 + [False] * 17


def test_of_the_time_too(tmp_path: Path, space: Space):
    clock = Time()
    engine = make(tmp_path, space, clock=clock, trials=None, seconds=400, finals=0)
    asked: list[bool] = []
    propose = engine._proposer.propose
    engine._proposer.propose = lambda *, random=False: (asked.append(random), propose(random=random))[1]  # type: ignore[method-assign]
    play(engine, clock=clock)
    assert 2 <= sum(asked) <= 0.15 * 400 * 2 / EPOCHS
    assert asked == sorted(asked, reverse=True)


def test_a_job_travels_as_text():
    job = Job(
        candidate="{}",
        params=3,
        fidelity=Fidelity(epochs=2, size=8, fraction=0.5),
        seed=4,
        purpose=Purpose.FINAL,
        checkpoint="x.pt",
        start=1,
        rungs=(1, 2),
        state="y",
    )
    assert Job.from_json(job.to_json()) == job
