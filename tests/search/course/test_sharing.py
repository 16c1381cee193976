"""Two drivers on one study train nothing twice, and together what was asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from automl.search.course import sharing
from automl.search.course.engine import Engine
from automl.search.course.events import Silent
from automl.search.course.job import Job
from automl.search.course.outages import is_last_driver
from automl.search.proposing.listed import Listed, Points
from automl.spaces import Space
from automl.studies import DuplicateEvaluation, Lost, Purpose, State, Study
from automl.studies.lease import Lease

from .played_workers import accuracy_of, digest, keep, make, open_study

TRIALS = 6


@pytest.fixture(autouse=True)
def looks_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "PAUSE", 0.0)


@pytest.fixture
def drivers() -> Iterator[ExitStack]:
    """Holds the studies of all drivers."""
    with ExitStack() as stack:
        yield stack


def driver(folder: Path, space: Space, held: ExitStack, **limits: object) -> Engine:
    """An engine whose study is held by a driver of its own."""

    def behind(study: Study, proposer):
        held.enter_context(study.driven(join=True))
        return proposer

    engine = make(folder, space, workers=1, behind=behind, **{"trials": TRIALS, "finals": 2, "seeds": 2, **limits})
    engine._sharing._learn = engine._proposer.learn  # as a search has it
    return engine


def turns(engine: Engine, name: str) -> Iterator[Job]:
    """One worker of a driver: an epoch each turn; yields the job that it is at."""
    number = 0
    while (job := engine.next_job(f"{name}{number}")) != "finished":
        if not isinstance(job, Job):
            yield job  # type: ignore[misc]
            continue
        for epoch in range(job.start + 1, job.fidelity.epochs + 1):
            if epoch in job.rungs:
                keep(job, job.state_file(epoch))
            yield job
            if not engine.reported(f"{name}{number}", epoch, accuracy_of(job, epoch), 1.0):
                break
        engine.ended(f"{name}{number}")
        number += 1
    engine.finish()


def played(*engines: Engine) -> list[list[tuple[str, int, int]]]:
    """All drivers in turn to their ends: (candidate, seed, first epoch) of the jobs of each."""
    workers = {number: turns(engine, "ab"[number]) for number, engine in enumerate(engines)}
    jobs: list[list[Job]] = [[] for _ in engines]
    for _ in range(10_000):
        for number, worker in list(workers.items()):
            job = next(worker, None)
            if job is None:
                del workers[number]
            elif isinstance(job, Job) and (not jobs[number] or jobs[number][-1] is not job):
                jobs[number].append(job)
        if not workers:
            break
    return [[(digest(job), job.seed, job.start) for job in of] for of in jobs]


def test_two_drivers_share_a_study_and_begin_nothing_twice(tmp_path: Path, space: Space, drivers: ExitStack) -> None:
    one, two = driver(tmp_path, space, drivers), driver(tmp_path, space, drivers)
    first, second = played(one, two)
    assert len({*first, *second}) == len(first) + len(second)
    assert min(len(first), len(second)) >= 2  # both have worked
    study = one.study
    assert len(study.evaluations(Purpose.SEARCH)) == TRIALS
    finals = study.evaluations(Purpose.FINAL)
    assert len({(each.candidate_id, each.seed) for each in finals}) == len(finals) >= 4
    assert study.paused() == []
    # each has heard what the other has ended
    assert one.counts.done + one.counts.pruned == two.counts.done + two.counts.pruned == TRIALS
    complete = sum(each.state is State.COMPLETE for each in study.evaluations(Purpose.SEARCH))
    for engine in (one, two):
        trials = engine._proposer._study.trials
        assert sum(trial.state.name == "COMPLETE" for trial in trials) == complete


def test_control_without_claims_both_train_the_same_and_one_dies_of_it(
    tmp_path: Path, space: Space, drivers: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Lease, "claim", lambda *_, **__: "mine")
    with pytest.raises(DuplicateEvaluation):
        played(driver(tmp_path, space, drivers), driver(tmp_path, space, drivers))


def test_what_a_dead_driver_had_begun_and_paused_is_gone_on_with(
    tmp_path: Path, space: Space, drivers: ExitStack
) -> None:
    one = driver(tmp_path, space, drivers)
    two = driver(tmp_path, space, drivers)
    worker = turns(one, "a")
    while not (one._live and one._waiting):
        next(worker)
    paused, live = set(one._waiting), {each.key for each in one._live.values()}
    with sqlite3.connect(tmp_path / "s.db") as database:  # it dies
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("UPDATE automl_drivers SET seen = '2026-01-01 00:00:00.000000' WHERE id = ?", (_id(one),))
    played(two)
    ended = {(each.candidate_id, each.fidelity.key, each.seed) for each in two.study.evaluations()}
    assert paused <= ended
    assert len(two.study.evaluations(Purpose.SEARCH)) == TRIALS
    assert live <= ended
    with pytest.raises(Lost):
        list(worker)


def test_the_paused_trainings_of_a_living_driver_are_its_own(tmp_path: Path, space: Space, drivers: ExitStack) -> None:
    one = driver(tmp_path, space, drivers)
    worker = turns(one, "a")
    while not one._waiting:
        next(worker)
    two = driver(tmp_path, space, drivers)
    assert len(two._waiting) == 0
    assert two.next_job("b") != "finished"
    two.abandon()
    assert set(one._waiting) == {each.key for each in one.study.paused()}


def listing(folder: Path, space: Space, held: ExitStack) -> Engine:
    """A driver of its own that trains a list of four networks, as a grid does."""

    def behind(study: Study, proposer):
        held.enter_context(study.driven(join=True))
        found = [proposer.propose() for _ in range(4)]
        listed = [Listed(candidate=one.candidate, cost=one.cost, settings={}, stoppable=False) for one in found]
        return Points(listed, seeds=[0], distributions={}, known=study.evaluations())

    return make(folder, space, workers=1, behind=behind, trials=None, finals=0)


def test_what_a_dead_driver_had_begun_of_a_list_is_trained_by_the_other(
    tmp_path: Path, space: Space, drivers: ExitStack
) -> None:
    one, two = listing(tmp_path, space, drivers), listing(tmp_path, space, drivers)
    begun, other = next(turns(one, "a")), turns(two, "b")
    jobs = [job for job, _ in zip(other, range(40), strict=False)]
    assert jobs[-1] == "wait"  # control: it waits for the one that lives
    assert len(two.study.evaluations()) == 3
    with sqlite3.connect(tmp_path / "s.db") as database:  # which dies
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("UPDATE automl_drivers SET seen = '2026-01-01 00:00:00.000000' WHERE id = ?", (_id(one),))
    last = {digest(job) for job in other if isinstance(job, Job)}
    assert last == {digest(begun)}
    assert len(two.study.evaluations()) == 4


def test_the_last_driver_tests_the_network_chosen(tmp_path: Path, space: Space) -> None:
    class Told(Silent):
        def said(self, text: str) -> None:
            lines.append(text)

    lines: list[str] = []
    one, two = open_study(tmp_path, space), open_study(tmp_path, space)
    with two.driven():
        with one.driven(join=True):
            pass
        assert not is_last_driver(one, Told())
    assert lines == [line for line in lines if line.startswith("not tested yet: the last process of the study")]
    assert len(lines) == 1
    assert is_last_driver(two, Told())  # control
    assert len(lines) == 1


def _id(engine: Engine) -> str:
    assert engine.study.lease is not None
    return engine.study.lease.driver.id
