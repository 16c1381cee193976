"""Scores that the predictor is given beside the trials."""

from pathlib import Path

from automl.search.course.engine import Engine
from automl.search.course.hinting import COUNT as HINTS
from automl.search.course.hinting import Hinting
from automl.search.course.job import Job
from automl.search.course.limits import Limits
from automl.search.proposing.earlier_trials import so_far
from automl.search.proposing.proposer import Proposer
from automl.spaces import Space, census, parse_budget

from .played_workers import open_study, play, trials_in


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
        study, proposer, trials=trials_in(folder), limits=Limits(trials=20, seconds=None, finals=0), hinting=hinting
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
