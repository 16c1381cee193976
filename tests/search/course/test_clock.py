"""What is kept of the time of a run, for confirming and for its end."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from automl.search.course.clock import ENDING, MOST_ENDING, Clock
from automl.search.course.job import Job
from automl.search.course.limits import Limits
from automl.search.course.pace import Forecast, Pace
from automl.search.course.running import Running
from automl.search.course.training_work import Trainings, candidate_of
from automl.search.training.recipe import Recipe
from automl.spaces import Space, census, parse_budget
from automl.spaces.draws.bulk import settings
from automl.studies import CandidateRow, Fidelity, FrontPoint, Purpose, State

from .played_workers import Time
from .test_confirmation import point

TRIAL = Fidelity(epochs=6, size=16)


@pytest.fixture
def networks(space: Space) -> list[CandidateRow]:
    found = census(space, parse_budget("200k"))
    drawn = [space.candidate(settings(space, row)) for row in found.rows[:6]]
    return [CandidateRow.of(one, one.cost()) for one in drawn]


def clock_of(network: CandidateRow, training: float, *, seconds: float = 90.0, tested: int = 0, **given) -> Clock:
    """The clock of a run in which a trial of `network` takes so many seconds, half a second of them
    for its start."""
    trainings = Trainings(recipe=Recipe.for_data(10_200, 16, flip=False), images=10_200, validated=1_800)
    pace = Pace(trainings=trainings, tested=tested)
    clock = Clock(Limits(trials=None, seconds=seconds), now=Time(), pace=pace, **given)
    clock.workers = 2
    full = trainings.epochs(candidate_of(network.spec), TRIAL)
    for _ in range(20):  # until nothing but its own times counts
        pace.model.note(network.id, full, training - pace.start)
    return clock


def at(clock: Clock, seconds: float) -> Clock:
    """The clock after so many seconds."""
    clock._now.now = seconds  # type: ignore[attr-defined]
    return clock


def leading(network: CandidateRow, *, state: State = State.COMPLETE) -> list[FrontPoint]:
    evaluation = replace(point("leader", 1.0).evaluation, candidate_id=network.id, fidelity=TRIAL, state=state)
    return [FrontPoint(candidate=network, evaluation=evaluation)]


def live(network: CandidateRow, epoch: int) -> Running:
    job = Job(candidate=network.spec, params=network.params, fidelity=TRIAL, seed=0, purpose=Purpose.SEARCH)
    return Running(job=job, network=network, curve=[(each + 1, 0.5) for each in range(epoch)])


def test_nothing_is_kept_for_confirming_before_a_training_is_complete(networks: list[CandidateRow]):
    clock = clock_of(networks[0], 12.0)
    clock.confirming = 27.0
    for leaders in ([], leading(networks[0], state=State.PRUNED)):
        assert at(clock, 89.0).may_search(lambda leaders=leaders: leaders)
    assert not at(clock, 65.0).may_search(lambda: leading(networks[0]))  # control
    assert at(clock, 55.0).may_search(lambda: leading(networks[0]))


def test_time_that_does_not_suffice_for_a_confirmation_is_for_searching(networks: list[CandidateRow]):
    clock = clock_of(networks[0], 20.0)
    clock.confirming = 27.0
    leaders = leading(networks[0])
    assert not at(clock, 66.0).may_search(lambda: leaders)
    assert at(clock, 70.0).may_search(lambda: leaders)  # 20 s are left, of which trainings fill 18
    clock.confirming = 0.0  # the plan has kept nothing
    assert at(clock, 66.0).may_search(lambda: leaders)


def test_an_epoch_that_would_end_too_late_is_not_begun(networks: list[CandidateRow]):
    clock = clock_of(networks[0], 30.0)
    epochs = clock.pace.epochs(networks[0], TRIAL)  # type: ignore[union-attr]
    one = live(networks[0], 3)
    assert at(clock, 90.0 - 0.8 * epochs[3]).may_go_on(one, list)
    assert not at(clock, 90.0 - 0.6 * epochs[3]).may_go_on(one, list)
    assert at(clock, 90.0 - 0.8 * sum(epochs[3:])).ends_in_time(one)
    assert not at(clock, 90.0 - 0.6 * sum(epochs[3:])).ends_in_time(one)  # a final training is of no use unfinished


def test_a_training_near_its_end_may_use_some_of_what_is_kept(networks: list[CandidateRow]):
    clock = clock_of(networks[0], 12.0)
    clock.confirming = 27.0
    leaders = leading(networks[0])
    assert clock.may_go_on(live(networks[0], 5), lambda: leaders)
    near, far = live(networks[0], 5), live(networks[0], 1)
    at(clock, 63.5)
    assert clock.may_go_on(near, lambda: leaders)
    assert not clock.may_go_on(far, lambda: leaders)


def test_the_end_is_kept_by_what_the_test_takes_and_by_how_slow_the_machine_is(networks: list[CandidateRow]):
    row = networks[0]
    none = clock_of(row, 12.0)
    quiet, tests = (clock_of(row, 12.0, tested=tested, ends_early=True) for tested in (0, 80_000))
    busy = clock_of(row, 12.0, ends_early=True)
    busy.slowed = 3.0
    for clock in (none, quiet, tests, busy):
        clock.timed(row, TRIAL, 2.0, begin=5, end=6)
    assert none.ending == 0.0
    assert quiet.ending == pytest.approx(ENDING * 90)
    assert busy.ending == pytest.approx(3 * ENDING * 90)
    assert quiet.ending + 1.0 < tests.ending <= MOST_ENDING * 90
    assert tests.left == pytest.approx(90 - tests.ending)


def test_a_forecast_says_what_the_pace_says(networks: list[CandidateRow]):
    pace = clock_of(networks[0], 12.0).pace
    assert pace is not None
    for epochs, fraction in ((3, 0.02), (5, 0.4), (9, 1.0)):
        found = Forecast(pace, networks, lambda row: TRIAL).ends(epochs, fraction)
        for row, ends in zip(networks, found, strict=True):
            each = pace.epochs(row, replace(TRIAL, epochs=epochs, fraction=fraction))
            assert [after - before for before, after in pairwise([pace.start, *ends])] == pytest.approx(each)
    assert Forecast(pace, networks[1:2], lambda row: TRIAL).ends(3, 0.4) != found[1][:3]  # control


def test_the_run_is_over_when_nothing_is_left(networks: list[CandidateRow]):
    clock = clock_of(networks[0], 12.0, ends_early=True)
    assert not at(clock, 88.0).over
    assert at(clock, 88.3).over
    assert not Clock(Limits(trials=3, seconds=None)).over
