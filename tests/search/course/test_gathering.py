"""The first trainings wait for each other at the first rung, so that those that come first are not
trained to the end whatever they are."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from automl.search.course.job import Job
from automl.search.course.rungs import GATHERED, Rungs, gathered
from automl.search.proposing.proposal import Proposes
from automl.search.proposing.references_first import ReferencesFirst, references_of
from automl.spaces import Space, parse_budget
from automl.studies import Purpose, Study
from automl.studies.evidence import certificate

from .played_workers import EPOCHS, Time, accuracy_of, make, play

FIRST = Rungs(EPOCHS).levels[0]


def rising() -> Callable[[Job, int], float]:
    """Each network is better than all that came before it: the worst order for early stopping."""
    arrivals: Iterator[int] = count()
    places: dict[str, int] = {}

    def accuracy(job: Job, epoch: int) -> float:
        if job.candidate not in places:
            places[job.candidate] = next(arrivals)
        return 0.3 + 0.02 * places[job.candidate] + 0.01 * epoch

    return accuracy


def promoted_after(jobs: list[Job]) -> int:
    """Number of candidates that had begun when the first was promoted; 0 if none was."""
    places = [place for place, job in enumerate(jobs) if job.start and job.purpose is Purpose.SEARCH]
    return len({job.candidate for job in jobs[: places[0]]}) if places else 0


def complete(folder: Path, space: Space, together: int, **options) -> int:
    engine = make(folder, space, rungs=Rungs(EPOCHS, by_cost=False, together=together), workers=1, finals=0)
    play(engine, workers=1, accuracy=rising(), **options)
    return engine.study.counts()["complete"]


def test_none_is_promoted_before_the_others_have_reached_the_rung(tmp_path: Path, space: Space) -> None:
    engine = make(tmp_path, space, rungs=Rungs(EPOCHS, by_cost=False, together=6), workers=1, finals=0)
    jobs = play(engine, workers=1)
    assert promoted_after(jobs) == 6
    first = [accuracy_of(job, FIRST) for job in jobs[:6]]
    best = max(jobs[:6], key=lambda job: accuracy_of(job, FIRST))
    assert jobs[6].candidate == best.candidate, first  # the best of them goes on first
    assert engine.study.counts()["complete"] > 0


def test_where_each_is_better_than_the_one_before_fewer_are_trained_to_the_end(tmp_path: Path, space: Space) -> None:
    (tmp_path / "alone").mkdir()
    assert complete(tmp_path, space, 6) < complete(tmp_path / "alone", space, 0) == 12


def test_where_no_further_candidate_can_begin_those_that_wait_go_on(tmp_path: Path, space: Space) -> None:
    engine = make(tmp_path, space, rungs=Rungs(EPOCHS, together=6), trials=2)
    play(engine)
    assert engine.study.counts()["complete"] > 0


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("count", [1, 3, 5])
def test_where_there_are_fewer_candidates_than_are_to_wait_some_are_trained(
    tmp_path: Path, space: Space, workers: int, count: int
) -> None:
    def few(study: Study, proposer: Proposes) -> Proposes:
        usual, left = proposer.propose, iter(range(count))
        proposer.propose = lambda **how: usual(**how) if next(left, None) is not None else None
        return proposer

    rungs = Rungs(EPOCHS, by_cost=False, together=GATHERED)
    engine = make(tmp_path, space, rungs=rungs, trials=10_000, workers=workers, finals=0, behind=few)
    play(engine, workers=workers)
    counts = engine.study.counts()
    assert counts["complete"] + counts["pruned"] == count
    assert counts["complete"] > 0


def test_where_the_others_fail_those_that_wait_go_on(tmp_path: Path, space: Space) -> None:
    engine = make(tmp_path, space, rungs=Rungs(EPOCHS, together=6))
    play(engine, fails=lambda index: "died" if index % 4 else None)
    counts = engine.study.counts()
    assert counts["fail"] > 6
    assert counts["complete"] > 0


def test_a_search_that_is_slower_than_expected_does_not_wait_for_long(tmp_path: Path, space: Space) -> None:
    clock = Time()
    rungs = Rungs(EPOCHS, together=GATHERED)
    engine = make(tmp_path, space, clock=clock, rungs=rungs, trials=None, seconds=60, workers=1)
    jobs = play(engine, clock=clock, seconds=4.0, workers=1)
    assert 0 < promoted_after(jobs) < GATHERED
    assert engine.study.counts()["complete"] > 0


@pytest.mark.parametrize("stops", [1, 3])
def test_a_run_that_was_killed_meanwhile_goes_on_as_if_nothing_had_happened(
    tmp_path: Path, space: Space, stops: int
) -> None:
    def ended(folder: Path) -> list[tuple]:
        study = make(folder, space).study
        return sorted((each.candidate_id, each.state, each.curve) for each in study.evaluations(Purpose.SEARCH))

    def engine(folder: Path):
        return make(folder, space, rungs=Rungs(EPOCHS, together=6), workers=1, finals=0)

    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
    for stop in range(stops):
        made, calls = engine(tmp_path / "killed"), count()

        def accuracy(job: Job, epoch: int, made=made, calls=calls, stop=stop) -> float:
            if next(calls) == 2 + stop:
                raise KeyboardInterrupt
            return accuracy_of(job, epoch)

        with pytest.raises(KeyboardInterrupt):
            play(made, workers=1, accuracy=accuracy)
        assert made.study.paused()
    play(engine(tmp_path / "killed"), workers=1)
    play(engine(tmp_path / "whole"), workers=1)
    assert ended(tmp_path / "killed") == ended(tmp_path / "whole")


@pytest.mark.parametrize(("trials", "together"), [(None, GATHERED), (1, 0), (3, 0), (4, 2), (10, 5), (100, GATHERED)])
def test_half_of_the_trials_wait_at_most(trials: int | None, together: int) -> None:
    assert gathered(trials) == together


def test_nothing_gathers_where_there_is_no_rung() -> None:
    assert not Rungs(1, together=8).gathering
    assert Rungs(EPOCHS, together=8).gathering
    assert not Rungs(EPOCHS).gathering


class TestReferences:
    """Of the references the better half goes on: a search is compared with the best at its end."""

    def reached(self, rungs: Rungs, accuracies: dict[str, float]) -> list[str]:
        """Each in turn to the first rung; those that go on at once."""
        return [
            key
            for key, accuracy in accuracies.items()
            if rungs.reached(key, FIRST, accuracy, 1.0, wait=rungs.gathering, reference=key.startswith("r"))
        ]

    def promoted(self, rungs: Rungs) -> list[str]:
        return list(iter(rungs.next, None))

    def test_the_better_half_is_promoted_though_it_is_among_the_worst(self) -> None:
        rungs = Rungs(EPOCHS, by_cost=False, together=7)
        seen = {"r1": 0.1, "r2": 0.3, "r3": 0.2, "r4": 0.15, "a": 0.5, "b": 0.6, "c": 0.7}
        assert self.reached(rungs, seen) == []
        assert self.promoted(rungs) == ["c", "b", "a", "r2", "r3"]
        assert self.promoted(rungs) == []

    def test_those_among_the_best_count(self) -> None:
        rungs = Rungs(EPOCHS, by_cost=False, together=6)
        assert self.reached(rungs, {"r1": 0.1, "r2": 0.9, "r3": 0.2, "a": 0.5, "b": 0.6, "c": 0.7}) == []
        assert self.promoted(rungs) == ["r2", "c", "b", "r3"]

    def test_one_that_arrives_late_goes_on_at_once_if_too_few_have(self) -> None:
        rungs = Rungs(EPOCHS, by_cost=False)
        seen = {"a": 0.5, "b": 0.6, "c": 0.7, "r1": 0.1, "r2": 0.05, "r3": 0.02}
        assert self.reached(rungs, seen) == ["a", "b", "c", "r1"]
        assert self.promoted(rungs) == ["r2"]  # two of three

    def test_after_a_restart_it_is_the_same(self) -> None:
        rungs = Rungs(EPOCHS, by_cost=False, together=4)
        for key, accuracy in {"r1": 0.1, "r2": 0.3, "a": 0.5, "b": 0.6}.items():
            rungs.replay(key, [(FIRST, accuracy)], 1.0, waiting=True, reference=key.startswith("r"))
        assert self.promoted(rungs) == ["b", "a", "r2"]
        again = Rungs(EPOCHS, by_cost=False, together=4)
        for key, accuracy in {"r1": 0.1, "r2": 0.3, "a": 0.5, "b": 0.6}.items():
            again.replay(key, [(FIRST, accuracy)], 1.0, waiting=key != "r2", reference=key.startswith("r"))
        assert self.promoted(again) == ["b", "a"]  # r2 has gone on

    def test_if_one_that_went_on_fails_another_does(self) -> None:
        rungs = Rungs(EPOCHS, by_cost=False, together=4)
        self.reached(rungs, {"r1": 0.1, "r2": 0.3, "a": 0.5, "b": 0.6})
        assert self.promoted(rungs) == ["b", "a", "r2"]
        rungs.leave("r2")
        assert self.promoted(rungs) == ["r1"]

    @pytest.mark.parametrize("together", [0, 6])
    def test_a_search_trains_the_better_half_of_them(self, tmp_path: Path, space: Space, together: int) -> None:
        """Also where all of its own are better."""
        known: set[str] = set()

        def behind(study: Study, proposer: Proposes) -> Proposes:
            first = references_of(study, space, parse_budget("200k"), trials=100, wanted=3)
            known.update(one.candidate.spec for one in first)
            return ReferencesFirst(proposer, first, known=())

        def accuracy(job: Job, epoch: int) -> float:
            return (0.1 if job.candidate in known else 0.8) * accuracy_of(job, epoch)

        rungs = Rungs(EPOCHS, by_cost=False, together=together)
        engine = make(tmp_path, space, rungs=rungs, behind=behind, finals=0)
        play(engine, accuracy=accuracy)
        tried = {one.id: one.state for one in certificate(engine.study).tried}
        assert len(tried) == 3
        assert "COMPLETE" in tried.values()
        if not together:
            return  # they came first, and each might be the best
        at_rung = {
            each.candidate_id: dict(each.curve)[FIRST]
            for each in engine.study.evaluations(Purpose.SEARCH)
            if each.candidate_id in tried
        }
        better = sorted(at_rung, key=lambda key: at_rung[key])[1:]
        assert {key for key, state in tried.items() if state == "COMPLETE"} == set(better)
        assert engine.study.counts()["pruned"] > 0
