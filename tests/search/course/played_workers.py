"""A search whose workers are played by the test: no Ray and no training."""

import itertools
from collections.abc import Callable
from pathlib import Path

from automl.search.course.clock import Clock
from automl.search.course.engine import Engine
from automl.search.course.job import Job
from automl.search.course.limits import Limits, Trials
from automl.search.course.rungs import Rungs
from automl.search.proposing.earlier_trials import so_far
from automl.search.proposing.proposal import Proposes
from automl.search.proposing.proposer import Proposer
from automl.spaces import Space, census, parse_budget
from automl.studies import Fidelity, Study, StudySpec
from automl.studies.store import Folder

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
        store=Folder(folder / "weights"),
        pauses=pauses,
    )


def make(
    folder: Path,
    space: Space,
    *,
    clock: Time | None = None,
    workers: int = 2,
    behind: Callable[[Study, Proposes], Proposes] = lambda study, proposer: proposer,
    rungs: Rungs | None = None,
    **limits,
) -> Engine:
    """An engine; `behind` may put something before the proposer."""
    study, budget = open_study(folder, space), parse_budget("200k")
    proposer = Proposer(space, budget, census(space, budget), sampler="random", seed=0, trials=20, **so_far(study))
    given = Limits(**{"trials": 12, "seconds": None, **limits})
    proposes = behind(study, proposer)
    parts = {"limits": given, "clock": Clock(given, now=clock or Time()), "rungs": rungs}
    engine = Engine(study, proposes, trials=trials_in(folder), **parts)
    engine.clock.workers = workers
    return engine


def path_of(job: Job, name: str) -> Path:
    """Where a file of a job lies."""
    return Path(str(job.store), name)


def keep(job: Job, name: str) -> None:
    """Write a file of a job, as a worker does."""
    path_of(job, name).parent.mkdir(parents=True, exist_ok=True)
    path_of(job, name).touch()


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
    by_time: bool = False,
    accuracy: Callable[[Job, int], float] = accuracy_of,
) -> list[Job]:
    """Workers take turns, an epoch each, until the engine has nothing more; returns all jobs.

    After `stop_after` evaluations the run ends as if it were killed, or `by_time`.
    """
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
                assert path_of(job, job.state_file(job.start)).exists()
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
                keep(job, job.state_file(epoch))
            if job.kept and (epoch == job.fidelity.epochs or accuracy(job, epoch) > job.above):
                keep(job, job.kept_file(epoch))
            goes_on = engine.reported(key, epoch, accuracy(job, epoch), seconds)
            if not goes_on or epoch == job.fidelity.epochs:
                engine.ended(key)
                del live[key]
                idle.append(next(names))
            else:
                live[key] = (job, epoch)
        if stop_after is not None and engine.counts.done + engine.counts.pruned + engine.counts.failed >= stop_after:
            if by_time:
                engine.finish()
            engine.abandon()
            return jobs
