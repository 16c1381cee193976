"""Proposes the candidates of a search: asks the sampler, and lets through what is new and feasible.

A sampler is asked through an Optuna study in memory; results are written to the database elsewhere,
in one transaction. A proposal that is over budget, violates a constraint or cannot be built is
refused: it costs no worker and no database row, it is counted, and the sampler is told that it is
infeasible and by how much, so that the sampler can learn the feasible region.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...blocks import InvalidBlock
from ...spaces import Budget, Candidate, Census, Settings, Space, Union
from ...spaces.metrics import DEFAULT_AXIS, value
from ...spaces.surveys.starts import starts
from ...spaces.values.parameters import Value
from ...studies.choosing.belief import Belief
from ...studies.database.optuna_tables import quietly
from ...studies.statistics.posterior import Normal
from ..sampling import CURVE, NO_EVIDENCE
from .earlier_trials import for_sampler
from .proposal import Curve, Hints, Proposal
from .random_order import families_in_turn, uniform
from .sampler_kind import KnowsQuality, Objective, TakesHints
from .samplers import check_sampler, make_sampler, samplers
from .suggest import suggest

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna import Trial
    from optuna.trial import FrozenTrial

RANDOM = "random"
"""The origin of a proposal that is a uniform draw."""


class Proposer:
    """Proposes candidates for one search, each at most once."""

    def __init__(
        self,
        space: Space,
        budget: Budget,
        census: Census,
        *,
        sampler: str,
        seed: int,
        trials: int,
        history: Iterable[FrozenTrial] = (),
        known: Iterable[str] = (),
        objective: Objective = "best",
        cost: str = DEFAULT_AXIS,
        earlier: Sequence[Sequence[FrozenTrial]] = (),
        hints: Mapping[str, Hints] | None = None,
    ) -> None:
        """Begin a search, or continue one.

        Args:
            space: the space that is searched.
            budget: bounds on the cost of a candidate.
            census: the census of `space` under `budget`.
            sampler: name of the sampler.
            seed: seed of all draws.
            trials: approximate number of trials in the study.
            history: trials of earlier runs of this study, with accuracy and cost as their values.
            known: ids of the candidates evaluated there.
            objective: "best": the sampler maximises accuracy; "front": it minimises cost as well.
            cost: the metric that is the cost: the second value of trials, and what the sampler's
                model takes as the cost of a candidate.
            earlier: trials of other studies of the same space, for samplers that learn from them.
            hints: values of some candidates by the name of the hint, as in `hint`.

        Raises:
            InputError: unknown sampler (the nearest is given), or one that cannot look for
                `objective`.
        """
        check_sampler(sampler, objective)
        import optuna

        from ..sampling.space_region import SpaceRegion

        self._space, self._budget, self._census, self._name, self._cost = space, budget, census, sampler, cost
        self._known = set(known)
        kind = samplers.get(sampler)
        self._patience, self._startup = kind.patience, kind.startup(trials)
        self._always_random = kind.factory is None
        self._running = self._infeasible = 0
        self._ended: set[int] = set()
        self._ids: dict[int, str] = {}
        self.refused: int = 0
        """Number of proposals that were over budget, violated a constraint, or could not be built.
        """
        self.duplicates: int = 0
        """Number of proposals that had been made before."""
        past = [for_sampler(trial, objective) for trial in history]
        self._told = len(past)
        self._sampler = make_sampler(
            sampler,
            seed=seed if kind.steady else seed + len(self._known),
            trials=trials,
            objective=objective,
            region=SpaceRegion(space, budget, cost=cost),
            earlier=[[for_sampler(trial, objective) for trial in trials_] for trials_ in earlier],
            hints=hints,
        )
        with quietly():
            self._study: OptunaStudy = optuna.create_study(
                directions=["maximize", "minimize"] if objective == "front" else ["maximize"], sampler=self._sampler
            )
            self._study.add_trials(past)
        self._pool = uniform(space, budget, census, np.random.default_rng(seed))
        drawn = self._pool
        if isinstance(space, Union):
            drawn = families_in_turn(space, budget, census, np.random.default_rng([seed, 2]))
        self.starts: list[Settings] = [] if self._always_random else starts(space, budget)
        """Settings that the space names to begin with (`spaces.surveys.starts`)."""
        self._left, self._first = iter(self.starts), drawn

    @property
    def takes_hints(self) -> bool:
        """Whether the sampler makes use of hints."""
        return isinstance(self._sampler, TakesHints)

    def hint(self, name: str, rows: Hints) -> None:
        """Give the sampler values of some candidates that are known without training. Has no effect
        if the sampler takes no hints."""
        if isinstance(self._sampler, TakesHints):
            self._sampler.hint(name, rows)

    def learn(self, trial: FrozenTrial, candidate: str) -> None:
        """Take over a trial that another process has added to the study, and never propose its
        candidate."""
        self._known.add(candidate)
        self._told += 1
        with quietly():
            objective = "front" if len(self._study.directions) > 1 else "best"
            self._study.add_trial(for_sampler(trial, objective))

    def some(self, count: int, seed: int) -> list[tuple[Mapping[str, Value], Candidate]]:
        """Settings and candidates of `count` distinct random networks within the budget, of the
        families of a union in turn. They do not count as proposed."""
        found: dict[str, tuple[Mapping[str, Value], Candidate]] = {}
        for chosen in families_in_turn(self._space, self._budget, self._census, np.random.default_rng([seed, 1])):
            candidate = self._space.candidate(chosen)
            found.setdefault(candidate.id, (dict(chosen), candidate))
            if len(found) == count:
                break
        return list(found.values())

    def quality(self) -> dict[str, Any] | None:
        """How well the sampler's model ranks unseen candidates, as plain data; None if it has no
        model, or too few trials to tell."""
        found = self._sampler.quality(self._study) if isinstance(self._sampler, KnowsQuality) else None
        return None if found is None else dict(found)

    def propose(self, *, random: bool = False) -> Proposal | None:
        """The next candidate, or None if nothing new is left within the budget: first those that
        the space names; then, with `random`, a uniform draw, which the sampler learns from like
        from its own proposals."""
        with quietly():
            if (proposal := self._new(self._left, self._name)) is not None:
                return proposal
            if not random and not self._always_random and self._told + self._running >= self._startup:
                for _ in range(self._patience):
                    proposal = self._examined(self._study.ask(), self._name)
                    if proposal is not None:
                        return proposal
                    if getattr(self._sampler, "exhausted", False):
                        break
            drawn = self._pool if random or self._always_random else self._first
            return self._new(drawn, RANDOM if random else self._name)

    def completed(self, proposal: Proposal, accuracy: float, curve: Curve = ()) -> None:
        """Tell the sampler what a proposal reached; an accuracy that is not finite counts as a
        failure."""
        if not math.isfinite(accuracy):
            return self.failed(proposal)
        values = [accuracy, float(value(self._cost, proposal.cost))][: len(self._study.directions)]
        self._tell(proposal, "COMPLETE", curve, values)

    def pruned(self, proposal: Proposal, curve: Curve = ()) -> None:
        """Tell the sampler that a proposal was paused or pruned, with its curve so far. If the
        training resumes, its end is told as well."""
        self._tell(proposal, "PRUNED", curve)

    def failed(self, proposal: Proposal) -> None:
        """Tell the sampler that a proposal failed."""
        self._tell(proposal, "FAIL")

    def believed(self) -> Belief | None:
        """What all trials but its own say of each candidate that was completed, by the sampler's
        own model if it has one, and else by their mean; None before the first."""
        from optuna.trial import FixedTrial, TrialState

        from ..sampling.recommendation import by_values

        recommend = getattr(self._sampler, "recommend", by_values)
        found = [one for one in recommend(self._study) if one.trial.state == TrialState.COMPLETE]
        expected = {}
        for one in found:
            candidate = self._ids.get(one.trial.number)
            if candidate is None:  # an earlier run has proposed it
                candidate = self._space.candidate(suggest(self._space, FixedTrial(one.trial.params))).id
            expected[candidate] = Normal(float(one.expected), float(one.doubt))
        return Belief(expected=expected, scatter=float(found[0].scatter)) if found else None

    def _tell(self, proposal: Proposal, state: str, curve: Curve = (), values: list[float] | None = None) -> None:
        from optuna.trial import TrialState, create_trial

        attributes = {CURVE: [list(point) for point in curve]} if curve else {}
        trial = proposal.trial
        with quietly():
            if trial is not None and trial.number not in self._ended:
                self._ended.add(trial.number)
                self._running -= 1
                self._told += state != "FAIL"
                for name, attribute in attributes.items():
                    trial.set_user_attr(name, attribute)
                self._study.tell(trial, values, state=TrialState[state])
            elif state != "FAIL":
                # the training was paused, which ended its trial, and has resumed: its end is a
                # trial of its own
                self._study.add_trial(
                    create_trial(
                        state=TrialState[state],
                        values=values,
                        params=proposal.params,
                        distributions=proposal.distributions,
                        user_attrs=attributes,
                    )
                )

    def _new(self, several: Iterator[Mapping[str, Value]], origin: str) -> Proposal | None:
        """The proposal of the next settings that are new; None if none are left."""
        for chosen in several:
            if (candidate := self._space.candidate(chosen)).id not in self._known:
                self._study.enqueue_trial(dict(chosen))
                proposal = self._examined(self._study.ask(), origin, candidate)
                if proposal is not None:
                    return proposal
        return None

    def _examined(self, trial: Trial, origin: str, candidate: Candidate | None = None) -> Proposal | None:
        """The proposal that `trial` makes; None if it is refused or a duplicate. `candidate` is its
        network, if that has been made."""
        chosen = suggest(self._space, trial)
        try:
            candidate = candidate or self._space.candidate(chosen)
        except InvalidBlock:
            return self._refuse(trial, 1.0)
        cost = candidate.cost()
        if not self._budget.admits(cost) or not self._space.allows(chosen):
            return self._refuse(trial, float(self._budget.distance(cost)) or 1.0)
        if candidate.id in self._known:
            self.duplicates += 1
            self._end(trial, "FAIL")
            return None
        self._known.add(candidate.id)
        self._ids[trial.number] = candidate.id
        self._running += 1
        return Proposal(
            candidate=candidate,
            cost=cost,
            settings=chosen,
            params=trial.params,
            distributions=trial.distributions,
            origin=origin,
            trial=trial,
        )

    def _refuse(self, trial: Trial, violation: float) -> None:
        self.refused += 1
        if self._infeasible < self._told:
            self._infeasible += 1
            trial.set_constraint("budget", violation)
            self._end(trial, "PRUNED")
        else:
            # TPE takes a tenth of all trials as its "good" ones: with more infeasible than trained
            # trials, that tenth would exceed a tenth of the trained ones by far
            self._end(trial, "FAIL")

    def _end(self, trial: Trial, state: str) -> None:
        from optuna.trial import TrialState

        with quietly():
            trial.set_user_attr(NO_EVIDENCE, True)  # it is not evaluated
            self._study.tell(trial, state=TrialState[state])
