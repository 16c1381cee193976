"""A planned search on simulated workers: it keeps to the clock, also where the model is wrong."""

import heapq
import random
from collections.abc import Callable
from itertools import accumulate, islice
from pathlib import Path

import pytest
from automl.search.course import fidelity_option, fidelity_plan
from automl.search.course.clock import Clock
from automl.search.course.confirmation import FIRST_SEEDS
from automl.search.course.engine import Engine
from automl.search.course.fidelity_option import Given, Option, Times
from automl.search.course.fidelity_plan import FidelityPlan, plan
from automl.search.course.job import Job
from automl.search.course.limits import Limits, Trials
from automl.search.course.pace import Pace
from automl.search.course.rungs import Rungs, gathered
from automl.search.course.training_work import Trainings, candidate_of
from automl.search.proposing.earlier_trials import so_far
from automl.search.proposing.proposer import Proposer
from automl.search.proposing.references_first import ReferencesFirst, references_for, references_of
from automl.search.training.recipe import Recipe
from automl.search.training.schedule import first_rung, schedule
from automl.spaces import Space, census, parse_budget
from automl.spaces.draws.bulk import settings
from automl.studies import CandidateRow, Fidelity, Purpose, State
from automl.studies.evidence import certificate
from automl.studies.store import Folder

from .played_workers import Time, accuracy_of, keep, open_study

IMAGES, VALIDATED, SIZE = 10_200, 1_800, 16
RECIPE = Recipe.for_data(IMAGES, SIZE, flip=False)


class Simulated:
    """A search of the tiny space, planned by a model of time that is `wrong` by a factor."""

    def __init__(
        self,
        folder: Path,
        space: Space,
        *,
        seconds: float,
        workers: int,
        speed: float,
        wrong: float = 1.0,
        seeds: int = 2,
        references: int = 0,
        started: float = 0.0,
    ) -> None:
        """`started` is when the search is planned: the workers have been started and measured."""
        self.time, self.workers, self.seconds, self.speed = Time(), workers, seconds, speed
        self.trainings = Trainings(recipe=RECIPE, images=IMAGES, validated=VALIDATED)
        self.truth = Pace(trainings=self.trainings)
        pace = Pace(trainings=self.trainings)
        budget = parse_budget("200k")
        found = census(space, budget)
        drawn = [space.candidate(settings(space, row)) for row in found.rows[:: len(found.rows) // 5]]
        rows = [CandidateRow.of(one, one.cost()) for one in drawn]
        published = [one.candidate for one in islice(references_for(space, budget), references)]
        more = [CandidateRow.of(one, one.cost()) for one in published]
        usual = Fidelity(epochs=9, size=SIZE)
        for row in rows[:3]:  # what is measured before the search
            work = self.trainings.update(candidate_of(row.spec), usual, 64)
            pace.model.note(row.id, [work], speed / wrong * self.truth.model.seconds(row.id, [work]))

        def first(epochs: int, fraction: float) -> int:
            return first_rung(schedule(RECIPE, epochs=epochs, size=SIZE, images=round(fraction * IMAGES)))

        def takes(epochs: int, fraction: float) -> Times:
            full = Fidelity(epochs=epochs, size=SIZE, fraction=fraction)
            each = [list(accumulate(pace.epochs(row, full), initial=pace.start))[1:] for row in (*rows, *more)]
            return Times(first=first(epochs, fraction), networks=each[: len(rows)], references=each[len(rows) :])

        given = Given(seconds=seconds - started, workers=workers, images=IMAGES, batch=64, epochs=9, fraction=1.0)
        self.plan: FidelityPlan = plan(given, takes)
        limits = Limits(trials=None, seconds=seconds, seeds=seeds)
        clock = Clock(limits, now=self.time, pace=pace)
        clock.workers, clock.confirming = workers, self.plan.confirming
        self.time.now = started
        study = open_study(folder, space)
        proposer = Proposer(space, budget, found, sampler="random", seed=0, trials=20, **so_far(study))
        full = Fidelity(epochs=self.plan.epochs, size=SIZE, fraction=self.plan.fraction)
        first_ones = references_of(study, space, budget, trials=100, wanted=references)
        self.engine = Engine(
            study,
            ReferencesFirst(proposer, first_ones, known=()),
            trials=Trials(
                fidelity=lambda candidate: full, epochs=full.epochs, seed=0, store=Folder(folder / "weights")
            ),
            limits=limits,
            clock=clock,
            rungs=Rungs(full.epochs, first=self.plan.first, together=gathered(self.plan.trials)),
        )

    def run(self, accuracy: Callable[[Job, int], float] = accuracy_of) -> list[Job]:
        """To its end: epochs take what the truth says, with luck of its own for each network."""
        jobs: list[Job] = []
        events: list[tuple[float, int, str, Job, int, float]] = []
        idle = self.workers

        def follow(key: str, job: Job, epoch: int) -> None:
            row = candidate_of(job.candidate)
            luck = random.Random(job.candidate).lognormvariate(0, 0.25)
            work = self.trainings.epochs(row, job.fidelity)[epoch]
            took = self.speed * luck * self.truth.model.seconds(row.id, [work])
            begin = self.truth.start if epoch == job.start else 0.0
            heapq.heappush(events, (self.time.now + begin + took, len(jobs), key, job, epoch + 1, took))

        while True:
            while idle:
                key = f"w{len(jobs)}"
                job = self.engine.next_job(key)
                if not isinstance(job, Job):
                    break
                if job.state is not None:
                    for level in job.rungs:
                        keep(job, job.state_file(level))
                jobs.append(job)
                idle -= 1
                follow(key, job, job.start)
            if not events or events[0][0] > self.seconds:  # as Ray Tune ends a run
                break
            self.time.now, _, key, job, epoch, took = heapq.heappop(events)
            if self.engine.reported(key, epoch, accuracy(job, epoch), took) and epoch < job.fidelity.epochs:
                follow(key, job, epoch)
            else:
                self.engine.ended(key)
                idle += 1
        if events:
            self.time.now = self.seconds
        self.engine.finish()
        return jobs


CASES = [(40.0, 1, 2.0), (120.0, 2, 4.0), pytest.param(300.0, 2, 12.0, marks=pytest.mark.exhaustive), (300.0, 8, 15.0)]


@pytest.mark.parametrize(("seconds", "workers", "speed"), CASES)
def test_a_planned_search_has_the_trials_it_announced_within_its_time_and_uses_it(
    tmp_path: Path, space: Space, seconds: float, workers: int, speed: float
):
    made = Simulated(tmp_path, space, seconds=seconds, workers=workers, speed=speed)
    made.run()
    counts = made.engine.study.counts()
    begun = counts["complete"] + counts["pruned"]
    assert 0.9 * seconds <= made.time.now <= seconds
    assert counts["final"] >= 1
    assert begun >= 0.75 * made.plan.trials
    if made.plan.enough:
        assert begun >= 20
        assert counts["complete"] >= 7


@pytest.mark.parametrize(("seconds", "workers", "seeds"), [(40.0, 2, 1), (90.0, 2, 2)])
def test_the_certificate_compares_two_networks_from_as_many_seeds_as_the_time_allows(
    tmp_path: Path, space: Space, seconds: float, workers: int, seeds: int
):
    made = Simulated(tmp_path, space, seconds=seconds, workers=workers, speed=1.3, references=2)
    made.run()
    found = certificate(made.engine.study)
    assert 0.9 * seconds <= made.time.now <= seconds
    assert found.margin is not None
    assert found.confirmed
    assert found.margin.n >= seeds
    finals = made.engine.study.evaluations(Purpose.FINAL)
    shortest = min(each.fidelity.passes for each in finals)
    assert shortest >= made.plan.epochs * made.plan.fraction  # none is shorter than a trial


def test_seeds_after_the_second_are_trained_for_the_two_best_alone(tmp_path: Path, space: Space):
    made = Simulated(tmp_path, space, seconds=110.0, workers=2, speed=1.0, seeds=3)
    made.run()
    finals: dict[str, list[float]] = {}
    for each in sorted(made.engine.study.evaluations(Purpose.FINAL), key=lambda each: each.seed):
        finals.setdefault(each.candidate_id, []).append(each.accuracy or 0.0)
    ranked = sorted(finals, key=lambda key: sum(finals[key][:FIRST_SEEDS]))
    more = {key for key, each in finals.items() if len(each) > FIRST_SEEDS}
    assert len(finals) == 3
    assert more
    assert more <= {*ranked[-2:]}


@pytest.mark.parametrize("wrong", [1 / 3, 3.0])
def test_a_model_of_time_that_is_off_by_three_still_ends_in_time_with_something_confirmed(
    tmp_path: Path, space: Space, wrong: float
):
    made = Simulated(tmp_path, space, seconds=120.0, workers=2, speed=4.0, wrong=wrong)
    made.run()
    assert 0.9 * 120 <= made.time.now <= 1.1 * 120
    assert made.engine.study.counts()["final"] >= 1
    assert made.engine.study.counts()["complete"] >= 3


SHORT = [(60.0, 3, 7), (30.0, 1, 5), (90.0, 3, 7)]
"""Seconds given, and trainings that are complete by then: on a machine that is three times slower
than was measured, and on the one that was."""


def short(folder: Path, space: Space, seconds: float, *, wrong: float = 1.0) -> Simulated:
    """A search of which the workers took a quarter of a minute to start. A training that tells
    networks apart would take longer than all of its time."""
    made = Simulated(
        folder, space, seconds=seconds, workers=2, speed=20.0 * wrong, wrong=wrong, references=1, started=15.0
    )
    assert not made.plan.enough
    made.run()
    assert made.time.now <= seconds
    return made


@pytest.mark.parametrize(
    ("seconds", "slow", "usual"), [SHORT[0], *(pytest.param(*each, marks=pytest.mark.exhaustive) for each in SHORT[1:])]
)
def test_a_short_search_completes_several_trainings_also_on_a_machine_slower_than_was_measured(
    tmp_path: Path, space: Space, seconds: float, slow: int, usual: int
):
    (other := tmp_path / "other").mkdir()
    made = short(tmp_path, space, seconds)
    counts = made.engine.study.counts()
    assert made.time.now >= 0.9 * seconds
    assert counts["complete"] >= usual
    assert counts["final"] >= 1 or seconds < 60
    assert short(other, space, seconds, wrong=3.0).engine.study.counts()["complete"] >= slow


@pytest.mark.exhaustive
def test_as_it_was_planned_before_a_short_search_completes_hardly_anything(
    tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
):
    """The control: three trainings, whatever the rounds of the workers, and time for confirming
    that is kept before anything is complete and though nothing can be confirmed in it."""
    usual = fidelity_option.CONFIRMING
    monkeypatch.setattr(fidelity_plan, "FEW", 3)
    for module in (fidelity_plan, fidelity_option):
        monkeypatch.setattr(module, "ROUNDS", 0)
    monkeypatch.setattr(Option, "confirming", lambda self, given: usual * given.seconds)
    reserve = Clock._reserve
    monkeypatch.setattr(
        Clock, "_reserve", lambda self, leaders, seconds: reserve(self, leaders, seconds) or 0.3 * seconds
    )
    found = {}
    for seconds, _, _ in SHORT:
        (folder := tmp_path / str(seconds)).mkdir()
        found[seconds] = short(folder, space, seconds, wrong=3.0).engine.study.counts()["complete"]
    assert sum(found.values()) <= 3


def test_the_model_learns_from_every_epoch(tmp_path: Path, space: Space):
    made = Simulated(tmp_path, space, seconds=120.0, workers=2, speed=4.0, wrong=3.0)
    pace = made.engine.clock.pace
    assert pace is not None
    made.run()
    assert pace.model.error is not None
    assert pace.model.error < 0.35


def test_what_the_clock_cuts_is_kept_to_its_last_epoch_with_the_true_reason(tmp_path: Path, space: Space):
    made = Simulated(tmp_path, space, seconds=40.0, workers=2, speed=8.0)
    made.run()
    cut = [each for each in made.engine.study.evaluations(state=State.PRUNED) if each.cut]
    assert cut
    for each in cut:
        epoch = each.curve[-1][0]
        assert each.reason == f"cut by the clock after epoch {epoch}"
        assert each.accuracy == each.curve[-1][1]
    reached = [each for each in cut if each.curve[-1][0] not in (*made.engine._rungs.levels,)]
    assert reached  # control: not only those that stood at a rung
