"""Networks are timed on all workers before a search begins, and nothing of that is a trial."""

from pathlib import Path

import pytest
from automl.search.course.clock import Clock
from automl.search.course.engine import Engine
from automl.search.course.events import Listener, Printing
from automl.search.course.job import Job
from automl.search.course.limits import Limits
from automl.search.course.measured_first import MeasuredFirst
from automl.search.course.pace import Pace
from automl.search.course.training_work import Trainings, candidate_of
from automl.search.course.update_timing import Measuring
from automl.search.training.recipe import Recipe
from automl.spaces import Space, census, parse_budget
from automl.spaces.draws.bulk import settings
from automl.studies import CandidateRow, Fidelity

from .played_workers import Time, make, play

FULL = Fidelity(epochs=9, size=16)


@pytest.fixture
def networks(space: Space) -> list[CandidateRow]:
    found = census(space, parse_budget("200k"))
    drawn = [space.candidate(settings(space, row)) for row in found.rows[:20]]
    return [CandidateRow.of(one, one.cost()) for one in drawn]


def measured(
    folder: Path,
    space: Space,
    networks: list[CandidateRow],
    *,
    workers: int = 2,
    seconds: float = 300.0,
    time: Time | None = None,
    listener: Listener | None = None,
) -> MeasuredFirst:
    pace = Pace(trainings=Trainings(recipe=Recipe.for_data(10_200, 16, flip=False), images=10_200, validated=1_800))
    clock = Clock(Limits(trials=12, seconds=None), now=time or Time(), pace=pace)
    clock.workers = workers
    measuring = Measuring(networks, pace, fidelity=lambda row: FULL, seconds=seconds)
    return MeasuredFirst(measuring, clock, lambda: make(folder, space, finals=0), listener=listener)


def timings(course: MeasuredFirst, *, workers: int, fails: tuple[int, ...] = (), took: float = 0.6) -> list[Job]:
    """Workers that take turns until the engine has begun; the jobs that were timed, each of which
    took so many seconds."""
    jobs: list[Job] = []
    while course.engine is None:
        keys = []
        for worker in range(workers):
            key = f"m{len(jobs)}-{worker}"
            job = course.next_job(key)
            if not isinstance(job, Job) or not job.timed:
                break
            jobs.append(job)
            keys.append(key)
        for key in keys:
            if len(jobs) - len(keys) + keys.index(key) in fails:
                course.failed(key, "boom")
                continue
            course.timed(key, [[64, 0.3], [64, 0.1], [64, 0.2]])
            assert course.reported(key, 1, 0.0, took)
            assert course.has_reported(key, 1)
            course.ended(key)
    return jobs


def test_what_happens_to_the_workers_is_said_while_they_are_measured_too(
    tmp_path: Path, space: Space, networks: list[CandidateRow]
):
    said: list[str] = []
    measured(tmp_path, space, networks, listener=Printing(said.append)).said("Ray is started anew")
    assert said == ["Ray is started anew"]


@pytest.mark.parametrize(("workers", "count"), [(1, 3), (2, 4), (3, 3), (8, 8)])
def test_cheap_middling_and_costly_networks_are_timed_on_all_workers_at_once(
    tmp_path: Path, space: Space, networks: list[CandidateRow], workers: int, count: int
):
    course = measured(tmp_path, space, networks, workers=workers)
    jobs = timings(course, workers=workers)
    assert len(jobs) == count
    macs = sorted(row.macs for row in networks)
    timed = [next(row.macs for row in networks if row.spec == job.candidate) for job in jobs]
    assert min(timed) <= macs[4]
    assert max(timed) >= macs[-4]
    assert sum(job.timed for job in jobs) / workers <= 0.05 * 300 + 1e-9


@pytest.mark.parametrize(("took", "count"), [(1.9, 3), (2.9, 2), (5.5, 1)])
def test_what_the_first_networks_took_too_long_is_taken_from_the_others(
    tmp_path: Path, space: Space, networks: list[CandidateRow], took: float, count: int
):
    jobs = timings(measured(tmp_path, space, networks, workers=1, seconds=150.0), workers=1, took=took)
    assert len(jobs) == count


@pytest.mark.parametrize(("seconds", "count"), [(20.0, 0), (60.0, 2), (120.0, 4)])
def test_a_short_search_times_fewer_networks_or_none(
    tmp_path: Path, space: Space, networks: list[CandidateRow], seconds: float, count: int
):
    course = measured(tmp_path, space, networks, seconds=seconds)
    first = course.next_job("first")
    assert isinstance(first, Job)
    jobs = [first] if first.timed else []
    if jobs:
        course.reported("first", 1, 0.0, first.timed)
        course.ended("first")
        jobs += timings(course, workers=2)
    assert len(jobs) == count
    assert all(job.timed >= 1.0 for job in jobs)


def test_the_search_does_not_wait_for_a_network_that_is_timed_for_too_long(
    tmp_path: Path, space: Space, networks: list[CandidateRow]
):
    time = Time()
    course = measured(tmp_path, space, networks, seconds=60.0, time=time)
    jobs = [course.next_job(key) for key in ("quick", "slow")]
    assert all(isinstance(job, Job) and job.timed for job in jobs)
    course.reported("quick", 1, 0.0, 1.0)
    course.ended("quick")
    time.now += 2.0
    assert course.next_job("quick") == "wait"
    time.now += 1.0
    assert isinstance(job := course.next_job("quick"), Job)
    assert not job.timed
    course.timed("slow", [[64, 1.0]])  # it is learned all the same
    assert course.reported("slow", 1, 0.0, 9.0)
    course.ended("slow")
    assert course.clock.pace is not None
    assert course.clock.pace.model.known


def test_without_any_network_to_time_the_search_begins(tmp_path: Path, space: Space):
    assert timings(measured(tmp_path, space, []), workers=2) == []


def test_the_times_are_learned_and_the_search_begins_with_nothing_recorded(
    tmp_path: Path, space: Space, networks: list[CandidateRow]
):
    course = measured(tmp_path, space, networks)
    jobs = timings(course, workers=2)
    pace = course.clock.pace
    assert pace is not None
    row = next(row for row in networks if row.spec == jobs[0].candidate)
    update = pace.trainings.update(candidate_of(row.spec), FULL, 64)
    assert pace.model.seconds(row.id, [update]) == pytest.approx(0.2, rel=0.25)  # the median of what was timed
    assert isinstance(course.engine, Engine)
    assert course.engine.study.evaluations() == []
    course.engine.abandon()  # the trial that it has handed out here
    play(course.engine)
    counts = course.engine.study.counts()
    assert counts["complete"] + counts["pruned"] == 12


def test_what_cannot_be_timed_is_no_failure_of_the_search(tmp_path: Path, space: Space, networks: list[CandidateRow]):
    course = measured(tmp_path, space, networks)
    timings(course, workers=2, fails=(0, 1, 2, 3))
    assert course.engine is not None
    assert course.engine.counts.failed == 0
    assert course.clock.pace is not None
    assert not course.clock.pace.model.known
