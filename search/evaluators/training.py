"""Candidates are evaluated by training them, on Ray Tune workers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...spaces import Census
from ...studies import Study
from ...studies.choosing.chosen import Best
from ...studies.quality import ACCURACY
from ...studies.records.measure import words
from ...studies.tasks.task import unit_in_words
from ...studies.trained.artifacts import weights_file
from ..course.events import Listener
from ..course.limits import Limits
from ..course.measured_first import Course
from ..data import described, remarks
from ..handover.weights_loading import test
from ..options import SearchOptions
from ..own_parts import packed_measures
from ..plan import Plan, arrays, prepare
from ..pretrained.begun import Begun
from ..pretrained.kept import NONE
from ..pretrained.source_weights import read_source
from ..proposing.proposal import Proposes
from ..scores.sending import packed
from ..workers import cluster
from ..workers.place import Evaluate


@dataclass(frozen=True, kw_only=True)
class Training:
    """Trains candidates on Ray workers: `train`, and every evaluator made by `on_workers`."""

    options: SearchOptions
    """The options of the search."""
    plan: Plan
    """What is searched, with the data."""
    began: float
    """When the time given began to count, by `now`: loading the data counts."""
    gpus: int | None = None
    """GPUs that a private Ray is to count; None looks."""
    evaluate: Evaluate | None = None
    """Evaluates a trial on a worker in place of the usual training."""
    keeps_weights: bool = True
    """Confirmed networks leave weights behind."""
    score: str | None = None
    """The zero-cost score that is computed in place of training; None trains."""
    begun: Begun | None = None
    """From which weights candidates begin; None begins from noise."""

    @property
    def now(self) -> Callable[[], float]:
        """Wall time in seconds."""
        return time.monotonic

    @property
    def simulated(self) -> float | None:
        """None: the time is real."""
        return None

    @classmethod
    def prepared(
        cls,
        options: SearchOptions,
        began: float,
        gpus: int | None,
        *,
        evaluator: str | None = None,
        evaluate: Evaluate | None = None,
    ) -> Training:
        """The evaluator with its data loaded and sizes settled; `evaluator` is the name that the
        study keeps, None for `train`.

        Raises:
            InputError: something in the options cannot be. What workers could not be given is
                refused before the images are read.
        """
        cluster.require_gpus(options.gpus_per_trial, address=options.address, gpus=gpus)
        require_sendable(options, options.hints)
        if options.pretrained is not None and options.pretrained != NONE:
            read_source(options.pretrained)  # which raises the error, if there is one
        plan = prepare(options, evaluator)
        begun = Begun.of(options.pretrained, plan.space)
        return cls(options=options, plan=plan, began=began, gpus=gpus, evaluate=evaluate, begun=begun)

    def limits(self, options: SearchOptions) -> Limits:
        """The limits that the options give."""
        return Limits(trials=self.plan.trials, seconds=self.plan.seconds, finals=options.finals, seeds=options.seeds)

    def described(self, found: Census) -> list[str]:
        """What was skipped of the data, and how candidates are trained, in lines for the reader."""
        plan = self.plan
        part = f"{plan.fraction:.0%} of " if plan.fraction < 1 and not plan.plans else ""
        how = "trained" if self.evaluate is None else f"evaluated by {plan.spec.settings['evaluator']}"
        long = "" if plan.plans else f"{plan.epochs} epochs, "
        return [
            *self.data_lines(),
            f"{how} at {plan.sized}, {long}on {part}{len(plan.split.train):,}"
            f" images of {Path(plan.data.name).name} ({len(plan.split.validation):,} validate,"
            f" {len(plan.split.test):,} are kept for the network chosen)",
            *([] if self.begun is None else [str(self.begun)]),
        ]

    def data_lines(self) -> list[str]:
        """What the images are, what each part of them is used for, and what is wrong with them."""
        from ...studies.tasks.preprocessing import Preprocessing

        data = self.plan.data
        how = {"channels": data.channels, "levels": data.levels, "fit": data.fit}
        steps = Preprocessing.to(data.size, self.plan.proxy_size, **how)
        hint = if_unequal(self.plan.spec.metric, self.plan.recipe.balance)
        mirrored = self.plan.recipe.flip and self.options.flip is None
        lines = remarks(data, self.plan.split, if_unequal=hint, mirrored=mirrored)
        unit = unit_in_words(data.task, data.classes)
        measured = [f"{words(self.plan.spec.metric)} is {unit}"] if unit else []
        return [*described(data), *lines, *measured, f"images are prepared so: {steps}"]

    def proposes(self, proposer: Proposes) -> Proposes:
        """The proposer as it is: every candidate can be trained."""
        return proposer

    @contextlib.contextmanager
    def workers(self, listener: Listener) -> Iterator[Callable[[Course], None]]:
        """Start Ray; yields a function that runs a course on Ray workers.

        Raises:
            InputError: Ray cannot give such workers; nothing has been written.
        """
        listener.phase("starting the workers")
        with cluster.session(self.options, gpus=self.gpus) as resources:
            listener.phase(f"searching with {resources}")

            def run(course: Course) -> None:
                from ..workers.ray_tune import run

                taken, recipe = arrays(self.plan), self.plan.recipe.to_dict()
                source = None if self.begun is None else self.begun.source
                run(course, taken, recipe, resources, evaluate=self.evaluate, source=source)

            yield run

    def tested(self, study: Study, chosen: Best, listener: Listener) -> Best:
        """`chosen` with its accuracy on the test data; measured once, if it has weights."""
        if weights_file(study, chosen.evaluation) is None or chosen.evaluation.test_accuracy is not None:
            return chosen
        listener.phase("testing the network chosen")
        return test(study, chosen, self.plan.data, self.plan.split)


def if_unequal(metric: str, balance: str) -> str:
    """The options of a search that help where classes are unequal, to follow a remark; empty if all
    are given."""
    asked = ["--metric balanced-accuracy"] if metric == ACCURACY else []
    asked += ["--balance weights or sampling"] if balance == "none" else []
    return f" ({', '.join(asked)})" if asked else ""


def require_sendable(options: SearchOptions, names: Sequence[str]) -> None:
    """Check that the user's own scores of these names, and the measure that is asked for, can be
    sent to the workers.

    Raises:
        InputError: one cannot; nothing has been started.
    """
    # they are packed by Ray, which reads these settings when it is imported
    cluster.set_environment(local=options.address is None)
    packed(names)
    if options.metric is not None:
        packed_measures(options.metric)
