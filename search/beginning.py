"""Begins the run of a search: opens the study, and makes the proposer and the engine."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from ..blocks import AutomlError
from ..spaces import Census
from ..spaces.values.parameters import in_words
from ..studies import Study
from ..studies.listing import names
from ..studies.trained.artifacts import begin_at
from .background import Background
from .course.clock import Clock
from .course.engine import Engine
from .course.events import Listener
from .course.fidelity_plan import NOTE
from .course.hinting import Hinting
from .course.limits import Trials
from .course.outages import created, driven
from .course.pace import Pace
from .course.rungs import Rungs, gathered
from .course.sharing import Sharing
from .course.time_model import TimeModel
from .evaluators.protocol import Evaluator
from .evaluators.training import Training
from .options import SearchOptions
from .proposing.earlier_trials import so_far
from .proposing.proposal import Proposes
from .proposing.proposer import Proposer
from .proposing.references_first import ReferencesFirst, references_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

FEWEST_TRIALS, FEWEST_SECONDS = 16, 120.0
"""Shorter searches compute no hints: they end before hints have paid for their time."""
PACE = "pace"
"""Note of the study that keeps how long trainings take, for each kind of worker."""
IMPORTING = 0.5
"""Part of the time left at the beginning after which is imported what the last test needs."""
STUDIES = 8
"""Newest studies of a database in which such a note is looked for."""


@dataclass(kw_only=True)
class Run:
    """One run of a search; `begin` opens its study."""

    options: SearchOptions
    """The options of the search."""
    found: Census
    """What the space holds within the budget."""
    earlier: list[list[FrozenTrial]]
    """Trials of other studies, for samplers that learn from them."""
    listener: Listener
    """Is told of everything that happens."""
    command: str
    """The command as typed, kept with a new study."""
    clock: Clock
    """The time of the run."""
    held: ExitStack = field(default_factory=ExitStack, init=False)
    """Holds the study, from `begin` until it is closed."""
    engine: Engine | None = field(default=None, init=False)
    """The engine; None before the run has begun."""
    proposer: Proposer | None = field(default=None, init=False)
    """The proposer of the space's networks; None before the run has begun."""

    def begin(self, evaluator: Evaluator) -> Engine:
        """Open the study of `evaluator`'s plan, or create it, and make the engine."""
        options = self.options
        if self.clock.left is not None and trains(evaluator):
            over = threading.Event()
            self.held.callback(over.set)
            Background(partial(_import_for_the_test, over, IMPORTING * self.clock.left), ends_first=True)
        study = created(evaluator.plan.spec, options, self.listener, command=self.command)
        self.held.enter_context(driven(study, options, self.listener))
        begun = so_far(study)
        self.proposer = _proposer(study, evaluator, options, self.found, begun, self.earlier)
        proposes = _references_first(
            study, evaluator, evaluator.proposes(self.proposer), options, self.listener, known=begun["known"]
        )
        if self.proposer.starts and not begun["known"]:
            named = "; ".join(in_words(one) for one in self.proposer.starts)
            self.listener.said(f"then what has paid before, at this budget: {named}")
        self.engine = _engine(study, self.proposer, proposes, evaluator, options, self.listener, self.clock)
        if isinstance(evaluator, Training) and evaluator.begun is not None:
            evaluator.begun.keep(study)
        return self.engine

    def quality(self) -> dict[str, Any] | None:
        """How well the sampler's model ranks unseen candidates; None if it cannot be told."""
        return None if self.proposer is None else self.proposer.quality()

    def note(self) -> None:
        """Keep with the study what the run has refused, which sampler it had, and how long
        trainings take."""
        if self.engine is None:
            return
        _note_gate(self.engine.study, self.engine)
        _note_sampler(self.engine.study, self.options.sampler)
        note_pace(self.engine.study, self.clock)


def _import_for_the_test(over: threading.Event, seconds: float) -> None:
    """Import what the last test needs after `seconds`, unless the run is `over` before: a
    search ends seconds later if it does so only then."""
    if over.wait(seconds):
        return
    with warnings.catch_warnings():  # torch tells of kernels that it replaces itself
        warnings.filterwarnings("ignore", message="Warning only once for all operators")
        from torchmetrics.functional import classification  # noqa: F401

        from ..studies.trained import weights  # noqa: F401
        from .training import measures, pixels  # noqa: F401


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
        trials=plan.trials or plan.expected or 100,
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
    if not trains(evaluator):
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
    clock: Clock,
) -> Engine:
    plan = evaluator.plan
    store = begin_at(study, options.artifacts) if evaluator.keeps_weights else None
    hinting = None
    if _pays(evaluator) and options.hints and proposer.takes_hints:
        hinting = Hinting(
            study, proposer, options.hints, size=plan.proxy_size, seed=options.seed, smallest_map=plan.smallest_map
        )
    return Engine(
        study,
        proposes,
        trials=Trials(
            fidelity=plan.fidelity, epochs=plan.epochs, seed=options.seed, score=evaluator.score, store=store
        ),
        limits=evaluator.limits(options),
        listener=listener,
        clock=clock,
        rungs=Rungs(
            plan.epochs, first=plan.first_rung, together=gathered(plan.expected or _noted_trials(study) or plan.trials)
        ),
        hinting=hinting,
        sharing=Sharing(study, proposer.learn, alone=evaluator.simulated is not None),
    )


def _noted_trials(study: Study) -> int | None:
    """The trials that the plan of a study expected, whose search is continued; None if it had
    none."""
    noted = study.notes().get(NOTE)
    trials = noted.get("trials") if isinstance(noted, Mapping) else None
    return trials if isinstance(trials, int) else None


def _pays(evaluator: Evaluator) -> bool:
    """Whether hints pay: only for trainings, and in searches that are long enough."""
    plan = evaluator.plan
    trials = plan.trials or plan.expected
    long = trials is None or trials >= FEWEST_TRIALS
    slow = plan.seconds is None or plan.seconds >= FEWEST_SECONDS
    return trains(evaluator) and long and slow


def trains(evaluator: Evaluator) -> bool:
    """Whether the candidates are trained, not scored or looked up."""
    return evaluator.keeps_weights and evaluator.score is None


def noted_pace(study: Study, pace: Pace) -> Pace:
    """`pace` with what earlier runs of a study have learnt of its workers."""
    pace.model = _noted_model(study) or pace.model
    return pace


def earlier_model(storage: str, *, on_gpus: bool) -> TimeModel | None:
    """What the newest study of a database has learnt of the time of trainings on GPUs, or on CPUs;
    None if none of the last `STUDIES` has learnt anything of it."""
    with suppress(AutomlError):
        found = (_noted_model(Study.open(storage, name), on_gpus) for name in names(storage)[: -STUDIES - 1 : -1])
        return next((model for model in found if model is not None), None)
    return None


def _noted_model(study: Study, on_gpus: bool | None = None) -> TimeModel | None:
    """The model of the device on which a study trained last, of those that are GPUs or CPUs as
    asked; None if there is none, or another version wrote it otherwise."""
    kept = study.notes().get(PACE)
    if not isinstance(kept, dict) or not isinstance(models := kept.get("models"), dict):
        return None
    device = str(kept.get("device"))
    for name in (device, *(each for each in reversed(models) if each != device and on_gpus is not None)):
        model = models.get(name)
        if isinstance(model, dict) and on_gpus in (None, name.startswith("cuda")):
            with suppress(KeyError, TypeError, ValueError):
                return TimeModel.from_dict(model)
    return None


def note_pace(study: Study, clock: Clock) -> None:
    """Keep what was learnt of the time of trainings, for the device on which they ran."""
    pace, last = clock.pace, study.evaluations()[-1:]
    if pace is None or not pace.model.known or not last:
        return
    device = last[0].device
    kept = study.notes().get(PACE)
    models = kept.get("models") if isinstance(kept, dict) else None
    others = models if isinstance(models, dict) else {}
    study.note(PACE, {"device": device, "models": {**others, device: pace.model.to_dict()}, "error": pace.model.error})


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
