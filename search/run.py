"""Runs a search: the function behind `automl search`."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..blocks.documented import documented
from ..spaces import Census, census, require_feasible
from ..spaces.describe import describe
from ..studies import FrontPoint, Study
from ..studies.artifacts import weights_folder
from ..studies.chosen import Best, best
from ..studies.versions import versions
from .course.clock import Clock
from .course.engine import Engine
from .course.events import Counts, Listener, Silent
from .course.hinting import Hinting
from .course.limits import Trials
from .course.rungs import Rungs
from .course.work_left import counts_of, has_work
from .evaluators.protocol import Evaluator
from .evaluators.registry import check_options, find_evaluator
from .options import SearchOptions
from .proposing.earlier_trials import so_far
from .proposing.proposal import Proposes
from .proposing.proposer import Proposer
from .proposing.references_first import ReferencesFirst, references_of
from .warm_start import trials_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FEWEST_TRIALS, FEWEST_SECONDS = 16, 120.0
"""Shorter searches compute no hints: they end before hints have paid for their time."""


@documented
@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found."""

    study: Study
    """The study, in its database."""
    front: list[FrontPoint]
    """The front of accuracy and cost, cheapest network first."""
    best: Best | None
    """The network chosen; None if no trial is complete."""
    census: Census
    """What the space holds within the budget."""
    counts: Counts
    """Numbers of evaluations by how they ended."""
    seconds: float
    """Wall time of this run."""
    simulated: float | None = None
    """Simulated seconds of this run, if candidates were looked up in a table."""
    exhausted: bool
    """Whether no new candidate is left within the budget."""


def search(
    options: SearchOptions,
    *,
    listener: Listener | None = None,
    command: str = "",
    began: float | None = None,
    gpus: int | None = None,
) -> SearchResult:
    """Search, confirm the best networks, and test the one chosen; continues an existing study.

    Args:
        options: what is searched, on which data, for how long.
        listener: is told of everything that happens; silent if None.
        command: the command as typed, kept with a new study.
        began: when the time given began to count (`time.monotonic`); now if None.
        gpus: number of GPUs that a private Ray is to count; None looks.

    Raises:
        InputError: something in the options cannot be; nothing has been started or written.
        KeyboardInterrupt: the user stopped it; what ended is in the database, and the same call
            continues from there.
    """
    began = time.monotonic() if began is None else began
    listener = listener or Silent()
    kind, argument = find_evaluator(options.evaluator)
    check_options(kind, options)
    if kind.reads_images:
        listener.phase(f"loading the images of {options.data}")
    evaluator = kind.prepare(options, argument, began, gpus)
    plan, limits = evaluator.plan, evaluator.limits(options)
    found = census(plan.space, plan.budget, seed=options.seed)
    for line in (*plan.remarks, *describe(plan.space, plan.budget, found)):
        listener.said(line)
    require_feasible(found, plan.space, plan.budget)
    for line in evaluator.described(found):
        listener.said(line)
    earlier = [trials_of(options.storage, name, plan) for name in options.warm_start]
    study = Study.find(options.storage, plan.spec)
    engine = None
    if study is None or has_work(study, limits, elapsed=evaluator.now() - evaluator.began):
        with evaluator.workers(listener) as run:
            study = Study.create_or_continue(options.storage, plan.spec, command=command, versions=versions())
            begun = so_far(study)
            proposer = _proposer(study, evaluator, options, found, begun, earlier)
            proposes = _references_first(
                study, evaluator, evaluator.proposes(proposer), options, listener, known=begun["known"]
            )
            engine = _engine(study, proposer, proposes, evaluator, options, listener)
            try:
                run(engine)
            finally:
                _note_gate(study, engine)
                _note_sampler(study, options.sampler)
            study.note("surrogate", proposer.quality())
    chosen = best(study)
    return SearchResult(
        study=study,
        front=study.front(),
        best=None if chosen is None else evaluator.tested(study, chosen, listener),
        census=found,
        counts=counts_of(study, limits.trials) if engine is None else engine.counts,
        seconds=time.monotonic() - began,
        simulated=evaluator.simulated,
        exhausted=engine is not None and engine.exhausted,
    )


def _proposer(
    study: Study,
    evaluator: Evaluator,
    options: SearchOptions,
    found: Census,
    begun: dict[str, Any],
    earlier: list[list[FrozenTrial]],
) -> Proposer:
    plan = evaluator.plan
    return Proposer(
        plan.space,
        plan.budget,
        found,
        sampler=options.sampler,
        seed=options.seed,
        trials=plan.trials or 100,
        **begun,
        objective=options.objective,
        earlier=earlier,
        cost=study.spec.cost,
    )


def _references_first(
    study: Study,
    evaluator: Evaluator,
    proposes: Proposes,
    options: SearchOptions,
    listener: Listener,
    *,
    known: Iterable[str],
) -> Proposes:
    """`proposes`, behind the references of the study if networks are trained; `known` are the ids
    of the candidates that it has begun."""
    if not _trains(evaluator):
        return proposes
    plan = evaluator.plan
    references = references_of(
        study, plan.space, plan.budget, trials=plan.trials, wanted=options.references, seconds=plan.seconds
    )
    first = ReferencesFirst(proposes, references, known=known)
    if first.left:
        listener.said(f"references first: {', '.join(one.origins[0].words for one in first.left)}")
    return first


def _engine(
    study: Study,
    proposer: Proposer,
    proposes: Proposes,
    evaluator: Evaluator,
    options: SearchOptions,
    listener: Listener,
) -> Engine:
    plan, limits = evaluator.plan, evaluator.limits(options)
    weights = weights_folder(options.storage, study.spec.name) if evaluator.keeps_weights else None
    hinting = None
    if _pays(evaluator) and options.hints and proposer.takes_hints:
        hinting = Hinting(
            study, proposer, options.hints, size=plan.proxy_size, seed=options.seed, smallest_map=plan.smallest_map
        )
    return Engine(
        study,
        proposes,
        trials=Trials(
            fidelity=plan.fidelity, epochs=plan.epochs, seed=options.seed, score=evaluator.score, weights=weights
        ),
        limits=limits,
        listener=listener,
        clock=Clock(limits, now=evaluator.now, began=evaluator.began),
        rungs=Rungs(plan.epochs, first=plan.first_rung),
        hinting=hinting,
    )


def _pays(evaluator: Evaluator) -> bool:
    """Whether hints pay: only for trainings, and in searches that are long enough."""
    plan = evaluator.plan
    long = plan.trials is None or plan.trials >= FEWEST_TRIALS
    slow = plan.seconds is None or plan.seconds >= FEWEST_SECONDS
    return _trains(evaluator) and long and slow


def _trains(evaluator: Evaluator) -> bool:
    """Whether the candidates are trained, not scored or looked up."""
    return evaluator.keeps_weights and evaluator.score is None


def _note_sampler(study: Study, name: str) -> None:
    """Add the sampler of this run to those of earlier runs."""
    kept = study.notes().get("samplers")
    before = [str(each) for each in kept] if isinstance(kept, list) else []
    if name not in before:
        study.note("samplers", [*before, name])


def _note_gate(study: Study, engine: Engine) -> None:
    """Add what the gate refused in this run to what it refused before: refused candidates have no
    rows."""
    kept = study.notes().get("gate")
    before = kept if isinstance(kept, dict) else {}
    added = {"refused": engine.counts.refused, "duplicates": engine.counts.duplicates}
    study.note("gate", {key: int(before.get(key, 0) or 0) + value for key, value in added.items()})  # type: ignore[arg-type]
