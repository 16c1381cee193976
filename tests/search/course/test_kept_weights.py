"""The weights of trials, by which a search that confirms nothing hands over a trained network."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from automl.search.course.engine import Engine
from automl.search.course.job import Job
from automl.search.course.kept_weights import ACCURATE, FRONT, UNFINISHED
from automl.spaces import Space
from automl.studies import Purpose, State, Study
from automl.studies.choosing.chosen import best
from automl.studies.choosing.finalists import complete_points, leaders
from automl.studies.trained.artifacts import weights_file

from .played_workers import EPOCHS, Time, accuracy_of, keep, make, play


def beside(engine: Engine, folder: Path) -> Engine:
    """The engine, whose weights lie where those of its study are looked for."""
    (folder / "s.db.artifacts").mkdir()
    (folder / "s.db.artifacts" / "s").symlink_to(folder / "weights")
    return engine


def kept(study: Study) -> set[str]:
    """The candidates whose trials have weights."""
    return {each.candidate_id for each in study.evaluations(Purpose.SEARCH) if weights_file(study, each)}


def test_the_best_trials_keep_their_weights_and_no_others(tmp_path: Path, space: Space):
    engine = beside(make(tmp_path, space, trials=24, finals=0), tmp_path)
    play(engine)
    study = engine.study
    chosen = best(study)
    assert chosen is not None
    assert not chosen.confirmed
    assert chosen.weights is not None
    assert chosen.weights.name == f"{chosen.candidate.id[:16]}-seed0-epoch{EPOCHS}.pt"
    ranked = sorted(complete_points(study), key=lambda point: -point.accuracy)
    wanted = {point.id for point in (*ranked[:ACCURATE], *leaders(study.front(), FRONT))}
    assert kept(study) == wanted
    assert len(list((tmp_path / "weights" / "search").iterdir())) == len(wanted)
    assert len(ranked) > len(wanted)  # control: there was something to delete


def test_an_unfinished_training_keeps_them_if_nothing_is_complete(tmp_path: Path, space: Space):
    clock = Time()
    engine = beside(make(tmp_path, space, clock=clock, trials=None, seconds=4.5, finals=0), tmp_path)
    play(engine, clock=clock)
    chosen = best(engine.study)
    assert chosen is not None
    assert chosen.unfinished
    assert chosen.weights is not None
    assert chosen.weights.name.endswith(f"-epoch{chosen.evaluation.curve[-1][0]}.pt")


def test_those_of_a_training_that_runs_when_the_time_is_over_stay(tmp_path: Path, space: Space):
    engine = beside(make(tmp_path, space, trials=None, finals=0), tmp_path)
    for key, accuracy in (("a", 0.3), ("b", 0.4), ("c", 0.2), ("d", 0.1)):
        job = engine.next_job(key)
        assert isinstance(job, Job)
        for epoch in (1, 2):
            engine.reported(key, epoch, accuracy, 1.0)
        for epoch in (1, 2, 3):  # the report of the third was on its way
            keep(job, job.kept_file(epoch))
    engine.finish()
    chosen = best(engine.study)
    assert chosen is not None
    assert chosen.accuracy == 0.4
    assert chosen.weights is not None
    assert chosen.weights.name.endswith("-epoch2.pt")
    assert len(list((tmp_path / "weights" / "search").iterdir())) == UNFINISHED


def test_what_another_driver_trains_meanwhile_is_left_to_it(tmp_path: Path, space: Space):
    """Two drivers of one study have one folder."""
    others = tmp_path / "weights" / "search" / "0123456789abcdef-seed0-epoch6.pt"
    others.parent.mkdir(parents=True)
    others.touch()
    engine = beside(make(tmp_path, space, trials=24, finals=0), tmp_path)
    play(engine)
    assert others.exists()
    assert len(complete_points(engine.study)) > len(kept(engine.study))  # control: others were deleted


def test_a_trial_that_is_behind_keeps_none_before_its_end(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, trials=None, seconds=None, finals=0)
    first = engine.next_job("a")
    assert isinstance(first, Job)
    assert first.above == -math.inf
    for epoch in range(1, EPOCHS + 1):
        engine.reported("a", epoch, 0.5, 1.0)
    engine.ended("a")
    second = engine.next_job("b")
    assert isinstance(second, Job)
    assert second.above == 0.5
    assert second.kept is not None
    assert second.kept != first.kept


def test_final_trainings_and_scores_are_no_trials(tmp_path: Path, space: Space):
    jobs = play(make(tmp_path, space, trials=6))
    assert {job.kept is None for job in jobs if job.purpose is Purpose.FINAL} == {True}
    assert {job.kept is None for job in jobs if job.purpose is Purpose.SEARCH} == {False}


@pytest.mark.parametrize("stop_after", [3, 7])
def test_weights_of_an_earlier_run_stay_if_they_are_among_the_best(tmp_path: Path, space: Space, stop_after: int):
    play(beside(make(tmp_path, space, finals=0), tmp_path), stop_after=stop_after)
    second = make(tmp_path, space, finals=0)
    play(second, accuracy=lambda job, epoch: accuracy_of(job, epoch) / 2)  # the first ones stay the best
    complete = second.study.evaluations(Purpose.SEARCH, State.COMPLETE)
    top = max(complete, key=lambda one: one.accuracy or 0.0)
    assert top.candidate_id in kept(second.study)
