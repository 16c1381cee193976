"""`automl search` as a function."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..blocks.documented import documented
from ..spaces import Census, census, require_feasible
from ..spaces.describe import describe
from ..studies import FrontPoint, Study
from ..studies.artifacts import weights_folder
from ..studies.chosen import Best, best
from ..studies.versions import versions
from .course.engine import Engine
from .course.events import Counts, Listener, Silent
from .course.hinting import Hinting
from .course.rungs import Rungs
from .evaluators.protocol import Evaluator
from .evaluators.table import Simulated
from .evaluators.training import Trained, ray_for
from .evaluators.zero_cost import Scored
from .options import SearchOptions
from .plan import Settled
from .proposing.proposer import Proposer, so_far
from .proposing.samplers import SAMPLERS
from .warm_start import trials_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FEWEST_TRIALS, FEWEST_SECONDS = 16, 120.0
"""Searches shorter than this are over before hints have paid for their time."""

__all__ = ["SearchResult", "describe", "evaluator_of", "ray_for", "search", "trials_of", "versions"]


@documented
@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search found."""

    study: Study
    """In its database."""
    front: list[FrontPoint]
    """Cheapest first."""
    best: Best | None
    """The network chosen; None when no trial finished."""
    census: Census
    """Of the space."""
    counts: Counts
    """Of the evaluations."""
    seconds: float
    """Wall time."""
    simulated: float | None = None
    """Simulated time of this run, where candidates were looked up in a table."""
    exhausted: bool
    """Whether everything within the budget has been evaluated."""


def search(
    options: SearchOptions,
    *,
    listener: Listener | None = None,
    command: str = "",
    began: float | None = None,
    gpus: int | None = None,
) -> SearchResult:
    """Search, confirm the best, test the one chosen.

    `began` is when the wall time began to count (`time.monotonic`); `gpus` is how many a private
    Ray is to count, instead of looking.

    Raises:
        InputError: something in the options cannot be; nothing has been started or written.
        KeyboardInterrupt: stopped by the user; what ended is in the database and the same call goes
            on from there.
    """
    began = time.monotonic() if began is None else began
    listener = listener or Silent()
    if options.evaluated[0] != "table":
        listener.phase(f"loading the images of {options.data}")
    evaluator = evaluator_of(options, began=began, gpus=gpus)
    plan = evaluator.plan
    found = census(plan.space, plan.budget, seed=options.seed)
    for line in describe(plan.space, plan.budget, found):
        listener.said(line)
    require_feasible(found, plan.space, plan.budget)
    for line in evaluator.described(found):
        listener.said(line)
    earlier = [trials_of(options.storage, name, plan) for name in options.warm_start]
    study = Study.find(options.storage, plan.spec)
    engine = (
        None
        if study is None
        else _engine(study, _proposer(study, plan, options, found, earlier), evaluator, options, listener)
    )
    if study is None or engine is None or engine.has_work():
        with evaluator.workers(listener) as run:
            study = Study.create_or_continue(options.storage, plan.spec, command=command, versions=versions())
            proposer = _proposer(study, plan, options, found, earlier)
            engine = _engine(study, proposer, evaluator, options, listener)
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
        counts=engine.counts,
        seconds=time.monotonic() - began,
        simulated=evaluator.clock() if isinstance(evaluator, Simulated) else None,
        exhausted=engine.exhausted,
    )


def evaluator_of(options: SearchOptions, *, began: float, gpus: int | None) -> Evaluator:
    """The evaluator that `options` name, with what it needs loaded. A new one is named here and in
    `plan.EVALUATORS`.

    Raises:
        InputError: something in the options cannot be.
    """
    kind, rest = options.evaluated
    if kind == "zero-cost":
        return Scored.named(options, rest, began, gpus)
    return Simulated.prepared(options, rest) if kind == "table" else Trained.prepared(options, began, gpus)


def _proposer(
    study: Study, plan: Settled, options: SearchOptions, found: Census, earlier: list[list[FrozenTrial]]
) -> Proposer:
    return Proposer(
        plan.space,
        plan.budget,
        found,
        sampler=options.sampler,
        seed=options.seed,
        trials=plan.trials or 100,
        **so_far(study),
        objective=options.objective,
        earlier=earlier,
    )


def _engine(
    study: Study, proposer: Proposer, evaluator: Evaluator, options: SearchOptions, listener: Listener
) -> Engine:
    plan = evaluator.plan
    worth_it = (plan.trials is None or plan.trials >= FEWEST_TRIALS) and (
        plan.seconds is None or plan.seconds >= FEWEST_SECONDS
    )
    hinted = (
        options.hints
        and SAMPLERS[options.sampler].hinted
        and evaluator.keeps_weights
        and evaluator.score is None
        and worth_it
    )
    return Engine(
        study,
        evaluator.proposes(proposer),
        fidelity=plan.fidelity,
        epochs=plan.epochs,
        seed=options.seed,
        limits=evaluator.limits(options),
        rungs=Rungs(plan.epochs, first=plan.first_rung),
        weights=weights_folder(options.storage, study.spec.name) if evaluator.keeps_weights else None,
        listener=listener,
        began=evaluator.began,
        clock=evaluator.clock,
        score=evaluator.score,
        hinting=Hinting(study, proposer, options.hints, size=plan.proxy_size, seed=options.seed) if hinted else None,
    )


def _note_sampler(study: Study, name: str) -> None:
    """Add the sampler of this run to those of earlier ones."""
    kept = study.notes().get("samplers")
    before = [str(each) for each in kept] if isinstance(kept, list) else []
    if name not in before:
        study.note("samplers", [*before, name])


def _note_gate(study: Study, engine: Engine) -> None:
    """Add what the gate refused in this run to what it refused before: such candidates have no
    rows."""
    kept = study.notes().get("gate")
    before = kept if isinstance(kept, dict) else {}
    added = {"refused": engine.counts.refused, "duplicates": engine.counts.duplicates}
    study.note("gate", {key: int(before.get(key, 0) or 0) + value for key, value in added.items()})  # type: ignore[arg-type]
