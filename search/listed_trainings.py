"""Trains a list of networks from several seeds as one study, which the same call continues.

A grid of compound scaling and a comparison of the rules of scaling are such lists.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..spaces import Space
from ..studies import Purpose, State, Study
from .course.clock import Clock
from .course.engine import Engine
from .course.events import Listener
from .course.limits import Limits, Trials
from .course.outages import created, driven, find, require_free
from .course.rungs import Rungs
from .data import ImageData, described, remarks
from .earlier_studies import continued
from .grid_options import GridOptions
from .options import SearchOptions
from .plan import Plan, arrays, settle
from .pretrained.begun import Begun
from .proposing.listed import Listed, Points
from .workers import cluster

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, kw_only=True)
class ListedTrainings:
    """A study of listed networks after a run."""

    study: Study
    """The study, in its database."""
    plan: Plan
    """Data, sizes and recipe."""
    seeds: tuple[int, ...]
    """Seeds of the trainings."""
    left: int
    """Trainings that are missing; the same call again trains them."""

    def accuracies(self) -> tuple[dict[str, dict[int, float]], dict[str, dict[int, float]]]:
        """Id of each network → seed → validation accuracy: of complete trainings, and of those that
        were stopped early."""
        complete: dict[str, dict[int, float]] = {}
        stopped: dict[str, dict[int, float]] = {}
        for evaluation in self.study.evaluations(Purpose.SEARCH):
            if evaluation.accuracy is not None and evaluation.state is not State.FAIL:
                kept = complete if evaluation.state is State.COMPLETE else stopped
                kept.setdefault(evaluation.candidate_id, {})[evaluation.seed] = evaluation.accuracy
        return complete, stopped


def train_listed(
    options: GridOptions,
    listed: Sequence[Listed],
    *,
    asked: SearchOptions,
    space: Space,
    data: ImageData,
    settings: Mapping[str, Any],
    controls: str,
    listener: Listener,
    command: str,
    began: float,
) -> ListedTrainings:
    """Train every network of a list from every seed; what a study of the same settings holds is not
    trained again.

    Args:
        options: seeds, time and workers.
        listed: the networks.
        asked: the options of a search on the same data.
        space: the space that contains the networks.
        data: the images.
        settings: what makes the list this list; kept with the study under `grid`.
        controls: which of the networks are controls, for the listener: "4 controls".
        listener: is told what happens.
        command: the command that is kept with a new study.
        began: when the run began, by `time.monotonic`.

    Raises:
        InputError: a study of the same name has other settings.
        KeyboardInterrupt: stopped by the user; finished trainings are in the database.
    """
    plan = settle(replace(asked, space=space), space, data)
    begun = Begun.of(asked.pretrained, plan.space)
    spec = replace(plan.spec, settings={**plan.spec.settings, "grid": dict(settings)})
    plan = replace(plan, spec=continued(asked.storage, spec, [spec.name]), seconds=options.seconds, trials=None)
    said = remarks(plan.data, plan.split, mirrored=plan.recipe.flip and asked.flip is None)
    for line in (*described(data), *said, *([] if begun is None else [str(begun)])):
        listener.said(line)
    seeds = [options.seed + index for index in range(options.seeds)]
    listener.said(
        f"{len(listed)} networks ({controls}) x {len(seeds)} seeds; trained at {plan.sized}, {plan.epochs} epochs"
    )

    def waiting(study: Study | None) -> Points:
        known = [] if study is None else study.evaluations(Purpose.SEARCH)
        return Points(listed, seeds=seeds, distributions=_distributions(space), known=known)

    study = find(plan.spec, options, listener)
    if study is None or waiting(study).left:
        require_free(study, options)
        listener.phase("starting the workers")
        with cluster.session(asked) as resources, ExitStack() as held:
            listener.phase(f"training the grid with {resources}")
            study = created(plan.spec, options, listener, command=command)
            held.enter_context(driven(study, options, listener))
            if begun is not None:
                begun.keep(study)
            engine = listed_engine(
                study,
                waiting(study),
                Trials(fidelity=plan.fidelity, epochs=plan.epochs, seed=options.seed, pauses=False),
                target=len(listed) * len(seeds),
                seconds=plan.seconds,
                listener=listener,
                began=began,
            )
            from .workers.ray_tune import run

            source = None if begun is None else begun.source
            run(engine, arrays(plan), plan.recipe.to_dict(), resources, source=source)
    return ListedTrainings(study=study, plan=plan, seeds=tuple(seeds), left=waiting(study).left)


def listed_engine(
    study: Study,
    points: Points,
    trials: Trials,
    *,
    target: int,
    seconds: float | None,
    listener: Listener,
    began: float,
) -> Engine:
    """What trains the listed networks that a study lacks, without confirming any.

    Args:
        study: where they are recorded.
        points: the trainings that are missing.
        trials: how they are trained.
        target: number of all trainings, those that the study holds included.
        seconds: wall time of the run; None until all are trained.
        listener: is told what happens.
        began: when the run began, by `time.monotonic`.
    """
    limits = Limits(trials=None, seconds=seconds, finals=0)
    engine = Engine(
        study,
        points,
        trials=trials,
        limits=limits,
        listener=listener,
        clock=Clock(limits, began=began),
        rungs=Rungs(trials.epochs, by_cost=False),
    )
    engine.counts.target = target
    return engine


def _distributions(space: Space) -> dict[str, BaseDistribution]:
    """A distribution for each setting; the same in all trials of a grid and when it continues."""
    from optuna.distributions import CategoricalDistribution

    return {parameter.name: CategoricalDistribution(list(parameter.values)) for parameter in space.parameters}
