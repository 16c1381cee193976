"""Plans the fidelity of a search from the time it has, once its workers have been measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, zip_longest

import numpy as np

from ..spaces import Candidate, Census, Union
from ..spaces.draws.bulk import settings
from ..studies import CandidateRow, Fidelity
from ..studies.writing.json_values import JSON
from .beginning import Run, earlier_model
from .course.engine import Engine
from .course.events import duration
from .course.fidelity_option import Given, Times
from .course.fidelity_plan import COMPLETE, FEWEST, NOTE, FidelityPlan, plan
from .course.measured_first import MeasuredFirst
from .course.pace import Forecast, Pace
from .course.training_work import Trainings, candidate_of
from .course.update_timing import Measuring
from .evaluators.protocol import Evaluator
from .evaluators.training import Training
from .options import SearchOptions
from .plan import PROXY_MAP, SMALLEST_PROXY, Plan, first_rung_of
from .proposing.references_first import default_count, references_for

SAMPLE = 24
"""Random networks whose expected times stand for those of all candidates."""
PROXY_STEPS = (64, 48, 40, 32)
"""Proxy sizes that are tried, the largest first, where the usual one leaves too few trainings."""
MOST_FOR_REFERENCES = 0.4
"""Part of the time for searching that references may take: they lie at the very budget and take
longest of all. By default fewer are tried where they would take more, but at least one."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Networks that are timed to estimate how long training any candidate takes."""

    networks: Sequence[CandidateRow]
    """Random networks within the budget, of all families in turn."""
    references: Sequence[CandidateRow]
    """The references that the search begins with."""

    @classmethod
    def of(cls, settled: Plan, found: Census, wanted: int | None) -> Sample:
        """The sample for a search with `wanted` references; None stands for their usual number."""
        space, budget = settled.space, settled.budget
        rng = np.random.default_rng([settled.seed, 3])
        families = [one.rows for one in found.families.values()] if isinstance(space, Union) else [found.rows]
        drawn: dict[str, CandidateRow] = {}
        for row in zip_longest(*(rng.permutation(rows)[:SAMPLE] for rows in families if len(rows))):
            for candidate in (space.candidate(settings(space, each)) for each in row if each is not None):
                drawn.setdefault(candidate.id, _row(candidate))
        count = default_count(settled.trials, settled.seconds) if wanted is None else wanted
        first = islice(references_for(space, budget), count)
        return cls(networks=list(drawn.values())[:SAMPLE], references=[_row(one.candidate) for one in first])

    @property
    def candidates(self) -> list[CandidateRow]:
        """The random networks, then the references."""
        return [*self.networks, *self.references]


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A plan, and the search that follows it."""

    evaluator: Training
    """The evaluator with the fidelity that was planned."""
    plan: FidelityPlan
    """What was planned."""
    references: int
    """References that are tried."""
    words: tuple[str, ...]
    """The plan, in lines for the reader."""

    def note(self) -> dict[str, JSON]:
        """What the study keeps of the plan."""
        settled, found = self.evaluator.plan, self.plan
        return {
            "seconds": settled.seconds,
            "trials": found.trials,
            "complete": found.complete,
            "epochs": found.epochs,
            "fraction": found.fraction,
            "proxy_size": settled.proxy_size,
            "shortest": found.shortest,
            "longest": found.longest,
            "confirming": found.confirming,
        }


def pace_of(evaluator: Evaluator) -> Pace | None:
    """The pace of the trainings of an evaluator, before anything is timed; None if it does not
    train as usual."""
    if not isinstance(evaluator, Training) or evaluator.evaluate is not None or evaluator.score is not None:
        return None
    rows = evaluator.plan.split
    return Pace(
        trainings=Trainings(recipe=evaluator.plan.recipe, images=len(rows.train), validated=len(rows.validation)),
        tested=len(rows.test) + len(rows.validation),
    )


def measured_first(run: Run, evaluator: Evaluator) -> MeasuredFirst | None:
    """The course of a new search that measures its workers and plans before it begins; None if
    there is nothing to plan."""
    clock, pace = run.clock, run.clock.pace
    if pace is None or not isinstance(evaluator, Training) or clock.left is None:
        return None
    settled = evaluator.plan
    sample = Sample.of(settled, run.found, run.options.references)

    def begin() -> Engine:
        if not pace.model.known:
            earlier = earlier_model(run.options.storage, on_gpus=clock.on_gpus)
            pace.model = earlier or pace.model
            source = "a typical machine" if earlier is None else "an earlier study of this database"
            run.listener.said(f"no network was timed: the plan is made from the times of {source}")
        made = planned(evaluator, run.options, run.found, sample, pace, left=clock.left or 0.0, workers=clock.workers)
        clock.confirming = made.plan.confirming
        if made.references < len(sample.references):
            run.options = replace(run.options, references=made.references)
        engine = run.begin(made.evaluator)
        engine.study.note(NOTE, made.note())
        for line in made.words:
            run.listener.said(line)
        return engine

    measuring = Measuring(
        sample.candidates,
        pace,
        fidelity=lambda row: fidelity_of(settled, row, epochs=settled.epochs, fraction=settled.fraction),
        seconds=settled.seconds or 0.0,
        seed=settled.seed,
    )
    return MeasuredFirst(measuring, clock, begin, listener=run.listener)


def planned(
    evaluator: Training, options: SearchOptions, found: Census, sample: Sample, pace: Pace, *, left: float, workers: int
) -> Planned:
    """The plan of a search that has `left` seconds on `workers`.

    The proxy size is made smaller only where otherwise too few trainings would fit, and where that
    saves time: with strides fitted to the smaller size a network may cost as much as before.
    """
    usual = evaluator.plan
    every = len(sample.references)
    while True:
        chosen = _plan(usual, options, found, sample, pace, left=left, workers=workers)
        few = options.references is not None or len(sample.references) <= 1
        if few or chosen.references <= MOST_FOR_REFERENCES:
            break
        sample = replace(sample, references=sample.references[:-1])
    smaller = [size for size in PROXY_STEPS if SMALLEST_PROXY <= size < usual.proxy_size]
    settled, better = usual, None
    for size in smaller if not chosen.enough else ():
        other = _at(usual, size)
        tried = _plan(other, options, found, sample, pace, left=left, workers=workers)
        if (tried.needed or 0.0) < (chosen.needed or 0.0):
            if options.proxy_size is not None:
                better = size
                break
            settled, chosen = other, tried
        if chosen.enough:
            break
    fixed = _with(settled, chosen)
    count = len(sample.references)
    fewer = (
        f"{count} of {every} references tried: more would take over {MOST_FOR_REFERENCES:.0%} of the time for searching"
    )
    return Planned(
        evaluator=replace(evaluator, plan=fixed),
        plan=chosen,
        references=count,
        words=(
            *([fewer] if count < every else []),
            *_words(fixed, chosen, options, better=better, elapsed=(usual.seconds or left) - left),
        ),
    )


def fidelity_of(settled: Plan, row: CandidateRow, *, epochs: int, fraction: float) -> Fidelity:
    """The fidelity at which a network of the sample would be trained."""
    return replace(settled.fidelity(candidate_of(row.spec)), epochs=epochs, fraction=fraction)


def _row(candidate: Candidate) -> CandidateRow:
    return CandidateRow.of(candidate, candidate.cost())


def _plan(
    settled: Plan, options: SearchOptions, found: Census, sample: Sample, pace: Pace, *, left: float, workers: int
) -> FidelityPlan:
    images, size = len(settled.split.train), settled.proxy_size

    usual = partial(fidelity_of, settled, epochs=settled.epochs, fraction=settled.fraction)
    networks, references = (Forecast(pace, rows, usual) for rows in (sample.networks, sample.references))

    def takes(epochs: int, fraction: float) -> Times:
        return Times(
            first=first_rung_of(settled.recipe, epochs=epochs, size=size, fraction=fraction, images=images),
            networks=networks.ends(epochs, fraction),
            references=references.ends(epochs, fraction),
        )

    given = Given(
        seconds=left,
        workers=workers,
        images=images,
        batch=settled.recipe.batch_size,
        epochs=settled.epochs,
        fraction=settled.fraction,
        networks=len(found.rows) if found.exact else None,
        trials=settled.trials,
        fixed_epochs=options.epochs,
        fixed_fraction=options.fraction,
        confirms=options.finals > 0,
    )
    return plan(given, takes)


def _at(settled: Plan, size: int) -> Plan:
    """The plan with another proxy size, below the deployment size."""
    settings = {**settled.spec.settings, "proxy_size": size, "proxy_map": PROXY_MAP}
    return replace(settled, proxy_size=size, spec=replace(settled.spec, settings=settings))


def _with(settled: Plan, chosen: FidelityPlan) -> Plan:
    """The plan of a search with the fidelity chosen."""
    settings = {**settled.spec.settings, "epochs": chosen.epochs, "fraction": chosen.fraction}
    return replace(
        settled,
        epochs=chosen.epochs,
        fraction=chosen.fraction,
        first_rung=chosen.first,
        expected=chosen.trials,
        plans=False,
        spec=replace(settled.spec, settings=settings),
    )


def _words(
    settled: Plan, chosen: FidelityPlan, options: SearchOptions, *, better: int | None, elapsed: float
) -> list[str]:
    """The plan, and what would make it enough; `better` is a proxy size with which more would
    fit."""
    part = "all" if chosen.fraction == 1 else f"{chosen.fraction:.2g}" if chosen.fraction < 0.01 else ""
    share = f"{part or f'{chosen.fraction:.0%}'} of the images"
    confirming = f"; {duration(chosen.confirming)} kept for confirming" if chosen.confirming else ""
    trials = f"about {chosen.trials} trial{'s' * (chosen.trials > 1)}"
    said = [
        f"plan: {trials}, {chosen.complete} of them to the end: {chosen.epochs} epochs of {share} at"
        f" {settled.proxy_size} px; {duration(chosen.shortest)} to {duration(chosen.longest)} each{confirming}"
    ]
    if chosen.needed is not None and settled.trials is None:
        minutes = _round(elapsed + chosen.needed)
        other = [f"--time {minutes}"]
        if better is not None:
            other.append(f"--proxy-size {better}")
        fixed = [f"--{name}" for name in ("epochs", "fraction") if getattr(options, name) is not None]
        other += [f"no {name}" for name in fixed]
        said.append(
            f"the time is short: {FEWEST} trials with {COMPLETE} trained to the end need about {', or '.join(other)},"
            " or a smaller budget"
        )
    return said


def _round(seconds: float) -> str:
    """A time for `--time` that is no shorter: 3min, 25min, 4h."""
    if not math.isfinite(seconds):
        return "1h"
    minutes = seconds / 60
    step = 1 if minutes <= 10 else 5 if minutes <= 60 else 30
    whole = math.ceil(minutes / step) * step
    return f"{whole}min" if whole < 120 else f"{math.ceil(whole / 60)}h"
