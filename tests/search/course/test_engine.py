"""The course of a search, without Ray and without training: workers are played by the test."""

import itertools
from pathlib import Path

import optuna
import pytest
from automl.blocks import AutomlError
from automl.search.course.clock import Clock
from automl.search.course.engine import Engine
from automl.search.course.hinting import COUNT as HINTS
from automl.search.course.hinting import Hinting
from automl.search.course.job import Job
from automl.search.course.limits import Limits, Trials
from automl.search.proposing.proposer import Proposer, so_far
from automl.spaces import Space, census, parse_budget
from automl.studies import Fidelity, Purpose, State, Study, StudySpec

EPOCHS = 9


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def open_study(folder: Path, space: Space) -> Study:
    spec = StudySpec(name="s", space=space.to_dict(), budget="macs<=200000", data={"name": "none"}, settings={})
    return Study.create_or_continue(f"sqlite:///{folder}/s.db", spec, command="automl search", versions={})


def trials_in(folder: Path, *, pauses: bool = True) -> Trials:
    return Trials(
        fidelity=lambda candidate: Fidelity(epochs=EPOCHS, size=16),
        epochs=EPOCHS,
        seed=0,
        weights=folder / "weights",
        pauses=pauses,
    )


def make(folder: Path, space: Space, *, clock: Time | None = None, workers: int = 2, **limits) -> Engine:
    study, budget = open_study(folder, space), parse_budget("200k")
    proposer = Proposer(space, budget, census(space, budget), sampler="random", seed=0, trials=20, **so_far(study))
    given = Limits(**{"trials": 12, "seconds": None, **limits})
    engine = Engine(study, proposer, trials=trials_in(folder), limits=given, clock=Clock(given, now=clock or Time()))
    engine.clock.workers = workers
    return engine


def accuracy_of(job: Job, epoch: int) -> float:
    """Larger networks are better, with luck that depends on the candidate."""
    luck = int(digest(job)[:4], 16) / 65536
    return round(min(0.99, 0.2 + 0.3 * luck + job.params / 400_000 + 0.03 * epoch), 6)


def digest(job: Job) -> str:
    import hashlib

    return hashlib.sha256(job.candidate.encode()).hexdigest()


def play(
    engine: Engine,
    *,
    clock: Time | None = None,
    seconds: float = 1.0,
    workers: int = 2,
    fails=lambda index: None,
    stop_after: int | None = None,
) -> list[Job]:
    """Workers take turns, an epoch each, until the engine has nothing more; returns all jobs."""
    jobs: list[Job] = []
    live: dict[str, tuple[Job, int]] = {}
    names = (f"w{index}" for index in itertools.count())
    idle = [next(names) for _ in range(workers)]
    while True:
        while idle:
            job = engine.next_job(idle[0])
            if job in ("wait", "finished"):
                if job == "finished" and not live:
                    engine.finish()
                    return jobs
                break
            jobs.append(job)
            live[idle.pop(0)] = (job, job.start)
            if job.state is not None and job.start:
                assert job.state_file(job.start).exists()
        for key in list(live):
            job, epoch = live[key]
            if clock:
                clock.now += seconds / workers
            reason = fails(jobs.index(job))
            if reason and epoch == job.start:
                engine.failed(key, reason)
                del live[key]
                idle.append(next(names))
                continue
            epoch += 1
            if epoch in job.rungs:
                job.state_file(epoch).parent.mkdir(parents=True, exist_ok=True)
                job.state_file(epoch).touch()
            goes_on = engine.reported(key, epoch, accuracy_of(job, epoch), seconds)
            if not goes_on or epoch == job.fidelity.epochs:
                engine.ended(key)
                del live[key]
                idle.append(next(names))
            else:
                live[key] = (job, epoch)
        if stop_after is not None and engine.counts.done + engine.counts.pruned + engine.counts.failed >= stop_after:
            engine.abandon()
            return jobs


def test_a_search_trains_prunes_and_confirms(tmp_path: Path, space: Space):
    engine = make(tmp_path, space)
    jobs = play(engine)
    counts = engine.study.counts()
    assert counts["complete"] + counts["pruned"] == 12
    assert counts["pruned"] > 0
    assert counts["final"] == 6
    finals = [job for job in jobs if job.purpose is Purpose.FINAL]
    assert {job.seed for job in finals} == {1, 2}
    assert {job.fidelity.epochs for job in finals} == {2 * EPOCHS}
    best = sorted((point.accuracy for point in engine.study.front()), reverse=True)[:3]
    finalists = {point.candidate.spec: point.accuracy for point in engine.study.front()}
    for seed in (1, 2):
        assert sorted((finalists[job.candidate] for job in finals if job.seed == seed), reverse=True) == best


def test_optunas_front_is_ours(tmp_path: Path, space: Space):
    engine = make(tmp_path, space)
    play(engine)
    theirs = optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/s.db").best_trials
    assert sorted(tuple(trial.values) for trial in theirs) == sorted(
        (point.accuracy, float(point.macs)) for point in engine.study.front()
    )


def test_a_pruned_ones_partial_accuracy_is_not_on_the_front(tmp_path: Path, space: Space):
    engine = make(tmp_path, space)
    play(engine)
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
    with pytest.raises(AutomlError, match="the first 8 evaluations all failed, the last one so: died"):
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


@pytest.mark.parametrize("seconds", [40, 90, 300])
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


class Hearing(Proposer):
    """Notes the hints that it is given, and when."""

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.heard: dict[str, list] = {}

    def hint(self, name, rows) -> None:
        self.heard[name] = list(rows)
        super().hint(name, rows)


def hinted(folder: Path, space: Space, *, fails: bool = False) -> tuple[Hearing, list[Job], Engine]:
    study, budget = open_study(folder, space), parse_budget("200k")
    proposer = Hearing(space, budget, census(space, budget), sampler="predictor", seed=0, trials=20, **so_far(study))
    hinting = Hinting(study, proposer, ["naswot", "zen"], size=16, seed=0)
    engine = Engine(
        study,
        proposer,
        trials=trials_in(folder),
        limits=Limits(trials=20, seconds=None, finals=0),
        hinting=hinting,
    )
    jobs: list[Job] = []
    scored = engine.next_job

    def next_job(key: str):
        while isinstance(job := scored(key), Job) and job.scores:
            jobs.append(job)
            if fails and len(jobs) % 2:
                engine.failed(key, "no score")
                continue
            assert not engine.has_reported(key, 1)
            engine.scored(key, {"naswot": float(job.params), "zen": 1.0})
            assert engine.reported(key, 1, float(job.params), 0.1)
            assert engine.has_reported(key, 1)
            engine.ended(key)
        if isinstance(job, Job):
            jobs.append(job)
        return job

    engine.next_job = next_job  # type: ignore[method-assign]
    play(engine)
    return proposer, jobs, engine


def test_hints_are_computed_after_the_random_part_and_cost_no_trial(tmp_path: Path, space: Space):
    proposer, jobs, engine = hinted(tmp_path, space)
    begun = [job for job in jobs if not job.start]
    count = sum(bool(job.scores) for job in begun)
    assert 20 < count <= HINTS
    assert [bool(job.scores) for job in begun] == [False] * 3 + [True] * count + [False] * 17
    assert {name: len(rows) for name, rows in proposer.heard.items()} == {"naswot": count, "zen": count}
    assert len({job.candidate for job in begun if job.scores}) == count
    counts = engine.study.counts()
    assert counts["complete"] + counts["pruned"] == 20
    assert len(engine.study.candidates()) == 20


def test_what_has_been_scored_is_not_scored_again_when_the_search_goes_on(tmp_path: Path, space: Space):
    first, _, _ = hinted(tmp_path, space)
    second, jobs, _ = hinted(tmp_path, space)
    assert not [job for job in jobs if job.scores]
    assert {name: sorted(value for _, value in rows) for name, rows in second.heard.items()} == {
        name: sorted(value for _, value in rows) for name, rows in first.heard.items()
    }


def test_what_has_no_score_is_left_out_of_the_hints(tmp_path: Path, space: Space):
    proposer, _, engine = hinted(tmp_path, space, fails=True)
    assert 0 < len(proposer.heard["naswot"]) < HINTS
    assert engine.study.counts()["fail"] == 0
