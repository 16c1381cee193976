"""A search of a tiny space that is over, recorded by hand, and workers that are played."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from automl.search import SearchOptions
from automl.search.course.engine import Engine
from automl.search.course.job import Job
from automl.search.plan import Plan, prepare
from automl.search.proposing.references_first import references_of
from automl.search.verification import run as verifying
from automl.search.workers import ray_tune
from automl.search.workers.cluster import Resources
from automl.spaces import Candidate, Space
from automl.spaces.bulk import settings
from automl.spaces.distinct import feasible
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study
from automl.studies.reference_trials import ORIGIN

from ..conftest import write_images
from ..course.played_workers import play

EPOCHS = 3
BUDGET = "400kFLOPs"
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Searched:
    """A search that is over: its study, and the ids of its networks and references."""

    def __init__(self, plan: Plan, references: int) -> None:
        spec = plan.spec
        self.plan = plan
        self.storage = f"sqlite:///{Path(plan.data.name).parent}/s.db"
        self.study = Study.create_or_continue(self.storage, spec, command="automl search", versions={"torch": "2"})
        rows = next(feasible(plan.space, plan.budget, np.random.default_rng(0)))
        self.networks = [plan.space.candidate(settings(plan.space, row)) for row in rows[:3]]
        trials = 4 * max(references, 1)
        found = references_of(self.study, plan.space, plan.budget, trials=trials, wanted=references)
        self.references = [one.candidate for one in found]
        for index, one in enumerate(self.networks):
            self.trial(one, 0.7 + index / 100)
        for index, one in enumerate(self.references):
            self.trial(one, 0.6 - index / 100, origin=ORIGIN)

    def trial(self, network: Candidate, accuracy: float, *, origin: str = "random", final: int = 0) -> None:
        """Record a trial of the search, or a final training from the seed `final`."""
        row = CandidateRow.of(network, network.cost())
        epochs = 2 * EPOCHS if final else EPOCHS
        fidelity = self.plan.fidelity(network)
        self.study.record(
            Evaluation(
                candidate_id=row.id,
                fidelity=Fidelity(epochs=epochs, size=fidelity.size, smallest_map=fidelity.smallest_map),
                seed=final,
                purpose=Purpose.FINAL if final else Purpose.SEARCH,
                state=State.COMPLETE,
                settings={},
                curve=((epochs, accuracy),),
                accuracy=accuracy,
                seconds=1.0,
                started=BEGAN,
                finished=BEGAN + timedelta(seconds=1),
                origin="" if final else origin,
            ),
            row,
            params={},
            distributions={},
            values=None if final else (accuracy, row.macs),
        )


class Workers:
    """In place of Ray: every job is played, up to a number of trainings that end."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.stop_after: int | None = None
        self.accuracy: Callable[[str, int], float] = lambda key, seed: 0.5 + int(key[:4], 16) / 2**18 + seed % 7 / 100
        self.fails: Callable[[str, int], str | None] = lambda key, seed: None
        self.runs = 0

    def __call__(self, engine: Engine, arrays: dict, *rest: object, **more: object) -> None:
        self.runs += 1
        self.arrays = arrays
        self.jobs = played(engine, self)

    @property
    def pairs(self) -> list[tuple[str, int]]:
        """(candidate id, seed) of the jobs of the last run."""
        return [(of(job), job.seed) for job in self.jobs]


def of(job: Job) -> str:
    """The id of the network of a job."""
    return Candidate.from_dict(json.loads(job.candidate)).id


def played(engine: Engine, workers: Workers) -> list[Job]:
    """`play`, which tells a failure from the number of a job."""
    handed: list[Job] = []
    next_job = engine.next_job

    def noted(key: str):
        job = next_job(key)
        if isinstance(job, Job):
            handed.append(job)
        return job

    engine.next_job = noted  # type: ignore[method-assign]
    return play(
        engine,
        workers=1,
        stop_after=workers.stop_after,
        fails=lambda index: workers.fails(of(handed[index]), handed[index].seed),
        accuracy=lambda job, epoch: workers.accuracy(of(job), job.seed),
    )


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    found = Workers()
    resources = Resources(workers=1, cpus=1.0, gpus=0.0, total_gpus=0.0)
    cluster = SimpleNamespace(session=lambda asked: nullcontext(resources), require_gpus=lambda *given, **more: None)
    monkeypatch.setattr(verifying, "cluster", cluster)
    monkeypatch.setattr(ray_tune, "run", found)
    return found


@pytest.fixture
def search(tmp_path: Path, space: Space) -> Callable[..., Searched]:
    """Makes a search with a number of references."""

    def make(references: int = 2, budget: Sequence[str] = (BUDGET,), **options: object) -> Searched:
        data = write_images(tmp_path / "images.npz", size=18)
        asked = {"storage": f"sqlite:///{tmp_path}/s.db", "study": "s", "epochs": EPOCHS, "budget": budget, **options}
        return Searched(prepare(SearchOptions(data=str(data), space=space, **asked)), references)  # type: ignore[arg-type]

    return make


@pytest.fixture
def searched(search: Callable[..., Searched]) -> Searched:
    return search()
