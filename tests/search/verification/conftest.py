"""A search of a tiny space that is over, recorded by hand, and workers that are played."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from automl.search import SearchOptions
from automl.search.course.engine import Engine
from automl.search.course.job import Job
from automl.search.plan import Plan, prepare
from automl.search.proposing.references_first import references_of
from automl.search.verification import verifying
from automl.search.verification.networks import Compared, networks_to_compare
from automl.search.workers import ray_tune
from automl.search.workers.cluster import Resources
from automl.spaces import Candidate, Space
from automl.spaces.draws.bulk import settings
from automl.spaces.draws.distinct import feasible
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study
from automl.studies.choosing.chosen import best
from automl.studies.choosing.reference_trials import ORIGIN, noted_references
from automl.studies.quality import measure
from PIL import Image

from ..conftest import SPACE, write_images
from ..course.played_workers import play

EPOCHS = 3
BUDGET = "400kFLOPs"
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Searched:
    """A search that is over: its study, and the ids of its networks and references."""

    def __init__(self, plan: Plan, references: int, storage: str) -> None:
        self.plan, self.storage = plan, storage
        self.lowered = 10.0 if measure(plan.spec.metric).smaller_is_better else 0.0
        self.study = Study.create_or_continue(storage, plan.spec, command="automl search", versions={"torch": "2"})
        rows = next(feasible(plan.space, plan.budget, np.random.default_rng(0)))
        self.networks = [plan.space.candidate(settings(plan.space, row)) for row in rows[:3]]
        trials = 4 * max(references, 1)
        found = references_of(self.study, plan.space, plan.budget, trials=trials, wanted=references)
        self.references = [one.candidate for one in found]
        for index, one in enumerate(self.networks):
            self.trial(one, 0.7 + index / 100)
        for index, one in enumerate(self.references):
            self.trial(one, 0.6 - index / 100, origin=ORIGIN)

    def copied(self, folder: Path) -> Searched:
        """The same search in a database of its own."""
        shutil.copy(self.storage.removeprefix("sqlite:///"), folder / "s.db")
        other = copy(self)
        other.storage = f"sqlite:///{folder}/s.db"
        other.study = Study.open(other.storage, self.study.spec.name)
        return other

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
                curve=((epochs, accuracy - self.lowered),),
                accuracy=accuracy - self.lowered,
                seconds=1.0,
                started=BEGAN,
                finished=BEGAN + timedelta(seconds=1),
                origin="" if final else origin,
            ),
            row,
            params={},
            distributions={},
            values=None if final else (accuracy - self.lowered, row.macs),
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
    return id_of(job.candidate)


@cache
def id_of(spec: str) -> str:
    return Candidate.from_dict(json.loads(spec)).id


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
    monkeypatch.setattr(verifying, "networks_to_compare", once)
    return found


_networks: dict[tuple[object, ...], tuple[list[Compared], list[str]]] = {}


def once(study: Study, **which: Any) -> tuple[list[Compared], list[str]]:
    """The networks that are compared, scaled once for all tests of the same search and choice."""
    chosen = best(study)
    own = "" if chosen is None else chosen.candidate.id
    key = study.spec.budget, *noted_references(study), own, *which.values()
    if key not in _networks:
        _networks[key] = networks_to_compare(study, **which)
    return _networks[key]


def write_table(folder: Path, task: str) -> Path:
    """A table of labels or of numbers of images of noise."""
    random = np.random.default_rng(0)
    lines = ["image,label"]
    for number in range(60):
        Image.fromarray(random.integers(0, 256, (18, 18), dtype=np.uint8)).save(folder / f"{task}{number}.png")
        cell = number if task == "regression" else ("cat;dog", "cat", "dog")[number % 3]
        lines.append(f"{task}{number}.png,{cell}")
    (folder / f"{task}.csv").write_text("\n".join(lines))
    return folder / f"{task}.csv"


@pytest.fixture(scope="session")
def searches(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Searched]:
    """Makes a search of a number of references once; the making takes longer than most tests."""
    folder = tmp_path_factory.mktemp("searches")
    data, space = write_images(folder / "images.npz", size=18), Space.from_dict(SPACE)

    @cache
    def make(references: int, budget: str, seed: int, study: str, task: str) -> Searched:
        storage = f"sqlite:///{folder}/{references}-{budget}-{seed}-{study}-{task}.db"
        plan = prepare(
            SearchOptions(
                data=str(write_table(folder, task) if task else data),
                task=task or None,  # type: ignore[arg-type]
                space=space,
                storage=storage,
                study=study,
                epochs=EPOCHS,
                budget=[budget] if budget else [],
                seed=seed,
            )
        )
        return Searched(plan, references, storage)

    return make


@pytest.fixture
def search(tmp_path: Path, searches: Callable[..., Searched]) -> Callable[..., Searched]:
    """A search of a number of references, in a database of its own."""

    def make(references: int = 2, *, budget: str = BUDGET, seed: int = 0, study: str = "s", task: str = "") -> Searched:
        return searches(references, budget, seed, study, task).copied(tmp_path)

    return make


@pytest.fixture
def searched(search: Callable[..., Searched]) -> Searched:
    return search()
