"""`automl search` as a function."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..spaces import Budget, Census, Space, census, human, require_feasible
from ..spaces.parameters import in_words
from ..spaces.survey import Costed
from ..studies import FrontPoint, Study
from . import cluster
from .engine import Engine, Limits
from .events import Counts, Listener, Silent
from .finals import Best, best, test, weights_folder
from .plan import Plan, SearchOptions, arrays, prepare
from .proposer import Proposer


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
    exhausted: bool
    """Whether everything within the budget has been evaluated."""


def search(options: SearchOptions, *, listener: Listener | None = None, command: str = "", began: float | None = None, gpus: int | None = None) -> SearchResult:
    """Search, confirm the best, test the one chosen.

    `began` is when the wall time began to count (`time.monotonic`); `gpus` is how many a private Ray is to count, instead of looking.

    Raises:
        InputError: something in the options cannot be; nothing has been started or written.
        KeyboardInterrupt: stopped by the user; what ended is in the database and the same call goes on from there.
    """
    began = time.monotonic() if began is None else began
    listener = listener or Silent()
    plan = prepare(options)
    for skipped in plan.data.skipped[:5]:
        listener.said(f"skipped: {skipped}")
    found = census(plan.space, plan.budget, seed=options.seed)
    for line in describe(plan.space, plan.budget, found):
        listener.said(line)
    require_feasible(found, plan.space, plan.budget)
    part = f"{plan.fraction:.0%} of " if plan.fraction < 1 else ""
    listener.said(
        f"trained at {plan.proxy_size} px (times γ), {plan.epochs} epochs, on {part}{len(plan.split.train):,} images of {Path(plan.data.name).name} "
        f"({len(plan.split.validation):,} validate, {len(plan.split.test):,} are kept for the network chosen)"
    )
    study = Study.find(options.storage, plan.spec)
    engine = None if study is None else _engine(study, plan, options, found, listener, began)
    if study is None or engine is None or engine.has_work():
        listener.phase("starting the workers")
        with ray_for(options, gpus) as resources:  # refuses what cannot be given; only then is anything written
            listener.phase(f"searching with {resources}")
            study = Study.create_or_continue(options.storage, plan.spec, command=command, versions=versions())
            engine = _engine(study, plan, options, found, listener, began)
            from .tuning import run

            try:
                run(engine, arrays(plan), plan.recipe.to_dict(), workers=resources.workers, cpus=resources.cpus, gpus=resources.gpus)
            finally:
                _note_gate(study, engine)
    chosen = best(study)
    if chosen is not None and chosen.evaluation.checkpoint is not None and chosen.evaluation.test_accuracy is None:
        listener.phase("testing the network chosen")
        chosen = test(study, chosen, plan.data, plan.split)
    return SearchResult(
        study=study, front=study.front(), best=chosen, census=found, counts=engine.counts, seconds=time.monotonic() - began, exhausted=engine.exhausted
    )


def describe(space: Space, budget: Budget, found: Census) -> list[str]:
    """What a space holds under a budget, in lines for the reader."""
    _, height, width = space.image
    seen = f"{found.feasible:,} of {found.valid:,}" if found.exact else f"about {found.share:.1%}, from {found.examined:,} draws"
    within = f"; within {budget}: {seen} ({found.share:.1%})" if budget.bounds and found.exact else (f"; within {budget}: {seen}" if budget.bounds else "")
    distinct = "" if found.distinct is None else f", {found.distinct:,} different networks"
    excluded = f"; {found.examined - found.valid:,} of {found.examined:,} against a constraint or impossible" if found.valid < found.examined else ""
    return [
        f"space {space.name}: {found.size:,} settings{distinct}{within}{excluded}",
        f"cost is counted at {width}x{height} px, one FLOP is one multiply-add",
        f"cheapest:  {_costed(found.cheapest)}",
        f"costliest: {_costed(found.costliest)}",
    ]


def _costed(one: Costed) -> str:
    settings = in_words(one.settings)
    return f"{human(one.cost.macs)}FLOPs, {human(one.cost.params)} params ({settings})"


def versions() -> dict[str, str]:
    """Versions of what a result depends on."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("automl", "torch", "timm", "optuna", "ray", "numpy", "sqlalchemy"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _engine(study: Study, plan: Plan, options: SearchOptions, found: Census, listener: Listener, began: float) -> Engine:
    proposer = Proposer(
        plan.space, plan.budget, found, sampler=options.sampler, seed=options.seed, trials=plan.trials or 100,
        history=study.optuna_trials(), known=[evaluation.candidate_id for evaluation in study.evaluations()],
    )  # fmt: skip
    return Engine(
        study, proposer, fidelity=plan.fidelity, epochs=plan.epochs, seed=options.seed,
        limits=Limits(trials=plan.trials, seconds=plan.seconds, finals=options.finals),
        weights=weights_folder(options.storage, study.spec.name), listener=listener, began=began,
    )  # fmt: skip


def _note_gate(study: Study, engine: Engine) -> None:
    """Add what the gate refused in this run to what it refused before: such candidates have no rows."""
    kept = study.notes().get("gate")
    before = kept if isinstance(kept, dict) else {}
    added = {"refused": engine.counts.refused, "duplicates": engine.counts.duplicates}
    study.note("gate", {key: int(before.get(key, 0) or 0) + value for key, value in added.items()})  # type: ignore[arg-type]


@contextlib.contextmanager
def ray_for(options: SearchOptions, gpus: int | None) -> Iterator[cluster.Resources]:
    """Ray as `options` ask for it, started and stopped; `gpus` as in `search`."""
    # a private Ray may count more CPUs than there are, so that as many workers as asked for fit
    cpus = options.workers if options.address is None and options.workers else None
    cluster.start(options.address, cpus=cpus, gpus=gpus)
    try:
        yield cluster.allot(workers=options.workers, gpus_per_trial=options.gpus_per_trial)
    finally:
        cluster.stop()
