"""Candidates are evaluated by training them, on Ray Tune workers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...spaces import Census
from ...studies import Study
from ...studies.chosen import Best
from ..course.engine import Engine
from ..course.events import Listener
from ..course.limits import Limits
from ..data import remarks
from ..handover.weights import test
from ..options import SearchOptions
from ..plan import Plan, arrays, prepare
from ..proposing.proposal import Proposes
from ..scores.sending import packed
from ..workers import cluster


@dataclass(frozen=True, kw_only=True)
class Trained:
    """The evaluator called `train`."""

    options: SearchOptions
    """As given."""
    plan: Plan
    """With the data."""
    began: float
    """By the wall clock: loading the data counts."""
    gpus: int | None = None
    """How many a private Ray is to count; looks without."""
    keeps_weights: bool = True
    score: str | None = None
    """Of a candidate, computed in place of training."""

    @property
    def clock(self) -> Callable[[], float]:
        """That of the wall."""
        return time.monotonic

    @classmethod
    def prepared(cls, options: SearchOptions, began: float, gpus: int | None) -> Trained:
        """With data loaded and sizes settled. Raises: InputError; what workers could not be given
        is refused before the images are read."""
        cluster.require_gpus(options.gpus_per_trial, address=options.address, gpus=gpus)
        require_sendable(options, options.hints)
        return cls(options=options, plan=prepare(options), began=began, gpus=gpus)

    def limits(self, options: SearchOptions) -> Limits:
        """As the options say."""
        return Limits(trials=self.plan.trials, seconds=self.plan.seconds, finals=options.finals, seeds=options.seeds)

    def described(self, found: Census) -> list[str]:
        """What was skipped of the data, and how candidates are trained."""
        plan = self.plan
        part = f"{plan.fraction:.0%} of " if plan.fraction < 1 else ""
        return [
            *self.data_lines(),
            (
                f"trained at {plan.proxy_size} px (times γ), {plan.epochs} epochs, on {part}{len(plan.split.train):,}"
                f" images of {Path(plan.data.name).name} ({len(plan.split.validation):,} validate,"
                f" {len(plan.split.test):,} are kept for the network chosen)"
            ),
        ]

    def data_lines(self) -> list[str]:
        """What the images are, what each part of them is used for, and what is wrong with them."""
        from ...studies.preprocessing import Preprocessing

        data = self.plan.data
        steps = Preprocessing.to(data.size, self.plan.proxy_size, channels=data.channels, levels=data.levels)
        return [*data.described, *remarks(data, self.plan.split), f"images are prepared so: {steps}"]

    def proposes(self, proposer: Proposes) -> Proposes:
        """Every candidate can be trained."""
        return proposer

    @contextlib.contextmanager
    def workers(self, listener: Listener) -> Iterator[Callable[[Engine], None]]:
        """Ray and its workers."""
        listener.phase("starting the workers")
        with ray_for(
            self.options, self.gpus
        ) as resources:  # refuses what cannot be given; only then is anything written
            listener.phase(f"searching with {resources}")

            def run(engine: Engine) -> None:
                from ..workers.ray_tune import run

                run(
                    engine,
                    arrays(self.plan),
                    self.plan.recipe.to_dict(),
                    workers=resources.workers,
                    cpus=resources.cpus,
                    gpus=resources.gpus,
                )

            yield run

    def tested(self, study: Study, chosen: Best, listener: Listener) -> Best:
        """Its one look at the test data, if it has weights and has not had it."""
        if chosen.evaluation.checkpoint is None or chosen.evaluation.test_accuracy is not None:
            return chosen
        listener.phase("testing the network chosen")
        return test(study, chosen, self.plan.data, self.plan.split)


def require_sendable(options: SearchOptions, names: Sequence[str]) -> None:
    """InputError unless the user's own scores of these `names` can be sent to workers: told before
    anything starts."""
    cluster.set_environment(
        local=options.address is None
    )  # what packs them is Ray's, and it reads these settings when it is imported
    packed(names)


@contextlib.contextmanager
def ray_for(options: SearchOptions, gpus: int | None) -> Iterator[cluster.Resources]:
    """Ray as `options` ask for it, started and stopped; `gpus` is how many a private Ray is to
    count."""
    # a private Ray may count more CPUs than there are, so that as many workers as asked for fit
    cpus = options.workers if options.address is None and options.workers else None
    cluster.start(options.address, cpus=cpus, gpus=gpus)
    try:
        yield cluster.allot(workers=options.workers, gpus_per_trial=options.gpus_per_trial)
    finally:
        cluster.stop()
