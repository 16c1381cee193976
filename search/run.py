"""Runs a search: the function behind `automl search`."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from ..blocks import AutomlError, InputError
from ..blocks.documented import documented
from ..spaces import Census, census, require_feasible
from ..spaces.surveys.auto import share
from ..spaces.surveys.census_lines import describe
from ..studies import FrontPoint, Study
from ..studies.choosing.chosen import Best, best
from ..studies.trained.artifacts import require_place
from .background import Background
from .beginning import Run, noted_pace
from .course.belief_notes import note_believed
from .course.clock import Clock
from .course.events import Counts, Listener, Silent
from .course.outages import await_database, clear, find, is_last_driver, require_free
from .course.work_left import counts_of, has_work
from .evaluators.protocol import Evaluator
from .evaluators.registry import check_options, find_evaluator
from .options import SearchOptions
from .planning import measured_first, pace_of
from .warm_start import trials_of
from .workers.tune_folder import remove_abandoned

SLOWEST = 4.0
"""Most times slower than alone that the machine is taken to be while the run ends."""
LOOKS = 100
"""Random settings of the space; if none is within the budget, the workers are started only once it
is known that others are."""


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
        InputError: an option has a value that cannot be used; nothing has been written.
        AutomlError: the time ended before any network was trained.
        KeyboardInterrupt: the user stopped it; what ended is in the database, and the same call
            continues from there.
    """
    began = time.monotonic() if began is None else began
    listener = listener or Silent()
    kind, argument = find_evaluator(options.evaluator)
    check_options(kind, options)
    await_database(options.storage, options.db_patience, listener.said)
    if kind.reads_images:
        listener.phase(f"loading the images of {options.data}")
    evaluator = kind.prepare(options, argument, began, gpus)
    if options.join and evaluator.simulated is not None:
        raise InputError("--join brings further workers, but a table is looked up by one process, in simulated time")
    plan, limits = evaluator.plan, evaluator.limits(options)
    examining = Background(lambda: census(plan.space, plan.budget, seed=options.seed))
    earlier = [trials_of(options.storage, name, plan) for name in options.warm_start]
    study = find(plan.spec, options, listener)
    pace = pace_of(evaluator)
    clock = Clock(limits, now=evaluator.now, began=evaluator.began, pace=pace, ends_early=pace is not None)
    works = study is None or has_work(study, limits, elapsed=evaluator.now() - evaluator.began)
    if works:
        require_free(study, options)
        if evaluator.keeps_weights:
            require_place(study, options.artifacts)
    elif study is not None:
        clear(study, listener)
        remove_abandoned()
    doubtful = works and share(plan.space, plan.budget, LOOKS) == 0
    found = _examined(examining, evaluator, listener) if doubtful else None
    with ExitStack() as held:
        runs = held.enter_context(evaluator.workers(listener)) if works else None
        found = found or _examined(examining, evaluator, listener)
        clock.slowed = min(examining.slowed, SLOWEST)
        run = Run(options=options, found=found, earlier=earlier, listener=listener, command=command, clock=clock)
        if runs is not None:
            held.enter_context(run.held)
            if study is not None and pace is not None:
                noted_pace(study, pace)
            first = measured_first(run, evaluator) if study is None and plan.plans else None
            try:
                runs(first or run.begin(evaluator))
            except BaseException:
                with suppress(AutomlError):  # a write that was interrupted may still lock the database
                    run.note()
                raise
            run.note()
            if run.engine is None:
                raise AutomlError("the time ended before any network was trained: give more --time")
            study = run.engine.study
            study.note("surrogate", run.quality())
            if run.proposer is not None:
                note_believed(study, run.proposer)
    assert study is not None  # without one there is work, which makes it
    chosen = best(study)
    if chosen is not None and (evaluator.simulated is not None or is_last_driver(study, listener)):
        chosen = evaluator.tested(study, chosen, listener)
    return SearchResult(
        study=study,
        front=study.front(),
        best=chosen,
        census=found,
        counts=counts_of(study, limits.trials) if run.engine is None else run.engine.counts,
        seconds=time.monotonic() - began,
        simulated=evaluator.simulated,
        exhausted=run.engine is not None and run.engine.exhausted,
    )


def _examined(examining: Background[Census], evaluator: Evaluator, listener: Listener) -> Census:
    """What the space holds within the budget, once that is known; it is told to `listener`."""
    found, plan = examining.result(), evaluator.plan
    for line in (*plan.remarks, *describe(plan.space, plan.budget, found)):
        listener.said(line)
    require_feasible(found, plan.space, plan.budget)
    for line in evaluator.described(found):
        listener.said(line)
    return found
