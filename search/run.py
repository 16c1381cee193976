"""`automl search` as a function."""

from __future__ import annotations

import contextlib
import platform
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from ..blocks import InputError
from ..blocks.documented import documented
from ..spaces import Budget, Census, Space, census, human, require_feasible
from ..spaces.parameters import in_words
from ..spaces.survey import Costed
from ..studies import FrontPoint, Study
from .engine import Engine
from .evaluator import Evaluator
from .events import Counts, Listener, Silent
from .finals import Best, best, weights_folder
from .hinting import Hinting
from .plan import SearchOptions, Settled
from .proposer import Proposer, so_far
from .rungs import Rungs
from .samplers import SAMPLERS
from .scored import Scored
from .simulated import Simulated
from .trained import Trained, ray_for

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


def search(options: SearchOptions, *, listener: Listener | None = None, command: str = "", began: float | None = None, gpus: int | None = None) -> SearchResult:
    """Search, confirm the best, test the one chosen.

    `began` is when the wall time began to count (`time.monotonic`); `gpus` is how many a private Ray is to count, instead of looking.

    Raises:
        InputError: something in the options cannot be; nothing has been started or written.
        KeyboardInterrupt: stopped by the user; what ended is in the database and the same call goes on from there.
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
    engine = None if study is None else _engine(study, _proposer(study, plan, options, found, earlier), evaluator, options, listener)
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
        study=study, front=study.front(), best=None if chosen is None else evaluator.tested(study, chosen, listener), census=found, counts=engine.counts,
        seconds=time.monotonic() - began, simulated=evaluator.clock() if isinstance(evaluator, Simulated) else None, exhausted=engine.exhausted,
    )  # fmt: skip


def evaluator_of(options: SearchOptions, *, began: float, gpus: int | None) -> Evaluator:
    """The evaluator that `options` name, with what it needs loaded. A new one is named here and in `plan.EVALUATORS`.

    Raises:
        InputError: something in the options cannot be.
    """
    kind, rest = options.evaluated
    if kind == "zero-cost":
        return Scored.named(options, rest, began, gpus)
    return Simulated.prepared(options, rest) if kind == "table" else Trained.prepared(options, began, gpus)


def trials_of(storage: str, name: str, plan: Settled) -> list[FrozenTrial]:
    """Optuna's trials of an earlier study, for a sampler to learn from.

    Raises:
        InputError: there is no such study, it is this one, or its parameters are others.
    """
    if name == plan.spec.name:
        raise InputError(f"--warm-start names an earlier study, but {name!r} is this search's own")
    study = Study.open(storage, name)
    theirs = {parameter.name: parameter.values for parameter in Space.from_dict(study.spec.space, name).parameters}
    ours = {parameter.name: parameter.values for parameter in plan.space.parameters}
    for parameter in {**ours, **theirs}:
        if ours.get(parameter) != theirs.get(parameter):
            there, here = (_values(of.get(parameter)) for of in (theirs, ours))
            raise InputError(f"a study to start from must have the parameters of this search, but {parameter!r} is {there} in {name!r} and {here} here")
    return study.optuna_trials()


def _values(values: tuple[Any, ...] | None) -> str:
    return "absent" if values is None else ", ".join(map(str, values[:8])) + (", …" if len(values) > 8 else "")


def describe(space: Space, budget: Budget, found: Census) -> list[str]:
    """What a space holds under a budget, in lines for the reader."""
    _, height, width = space.image
    seen = f"{found.feasible:,} of {found.valid:,}" if found.exact else f"about {found.share:.1%}, from {found.examined:,} draws"
    within = f"; within {budget}: {seen} ({found.share:.1%})" if budget.bounds and found.exact else (f"; within {budget}: {seen}" if budget.bounds else "")
    distinct = "" if found.distinct is None else f", {found.distinct:,} different networks"
    excluded = f"; {found.examined - found.valid:,} of {found.examined:,} against a constraint or impossible" if found.valid < found.examined else ""
    return [
        f"space {space.name}: {found.size:,} settings{distinct}{within}{excluded}",
        f"cost is counted at {height}x{width} px, one FLOP is one multiply-add",
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


def _proposer(study: Study, plan: Settled, options: SearchOptions, found: Census, earlier: list[list[FrozenTrial]]) -> Proposer:
    return Proposer(
        plan.space, plan.budget, found, sampler=options.sampler, seed=options.seed, trials=plan.trials or 100,
        **so_far(study),
        objective=options.objective, earlier=earlier,
    )  # fmt: skip


def _engine(study: Study, proposer: Proposer, evaluator: Evaluator, options: SearchOptions, listener: Listener) -> Engine:
    plan = evaluator.plan
    worth_it = (plan.trials is None or plan.trials >= FEWEST_TRIALS) and (plan.seconds is None or plan.seconds >= FEWEST_SECONDS)
    hinted = options.hints and SAMPLERS[options.sampler].hinted and evaluator.keeps_weights and evaluator.score is None and worth_it
    return Engine(
        study, evaluator.proposes(proposer), fidelity=plan.fidelity, epochs=plan.epochs, seed=options.seed,
        limits=evaluator.limits(options), rungs=Rungs(plan.epochs, first=plan.first_rung),
        weights=weights_folder(options.storage, study.spec.name) if evaluator.keeps_weights else None,
        listener=listener, began=evaluator.began, clock=evaluator.clock, score=evaluator.score,
        hinting=Hinting(study, proposer, options.hints, size=plan.proxy_size, seed=options.seed) if hinted else None,
    )  # fmt: skip


def _note_sampler(study: Study, name: str) -> None:
    """Add the sampler of this run to those of earlier ones."""
    kept = study.notes().get("samplers")
    before = [str(each) for each in kept] if isinstance(kept, list) else []
    if name not in before:
        study.note("samplers", [*before, name])


def _note_gate(study: Study, engine: Engine) -> None:
    """Add what the gate refused in this run to what it refused before: such candidates have no rows."""
    kept = study.notes().get("gate")
    before = kept if isinstance(kept, dict) else {}
    added = {"refused": engine.counts.refused, "duplicates": engine.counts.duplicates}
    study.note("gate", {key: int(before.get(key, 0) or 0) + value for key, value in added.items()})  # type: ignore[arg-type]
