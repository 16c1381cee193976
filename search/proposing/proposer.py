"""Proposes candidates: asks a sampler, costs, and lets through what is new and within the budget.

Samplers of ours know the region of the space and propose nothing else; Optuna's are examined. The
study that they are asked through lives in memory; what ends is written to the database elsewhere,
in one piece. What the gate refuses costs no worker and no row: it is counted, and told to the
sampler as infeasible with its distance from the budget, so that a sampler which can learn the
feasible region does.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...blocks import InvalidBlock
from ...spaces import Budget, Candidate, Census, Space
from ...spaces.bulk import settings
from ...spaces.distinct import feasible
from ...spaces.parameters import Parameter, Value
from ...studies.database.optuna_tables import quietly
from ..sampling import CURVE
from .proposal import Curve, Hints, Proposal
from .samplers import SAMPLERS, Objective, check_sampler, make_sampler, startup

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna import Trial
    from optuna.trial import FrozenTrial

    from ...studies import Study


class Proposer:
    """Candidates of one search, each at most once."""

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
        earlier: Sequence[Sequence[FrozenTrial]] = (),
        hints: Mapping[str, Hints] | None = None,
    ) -> None:
        """Begin, or go on.

        Args:
            space: what is searched.
            budget: what a candidate may cost.
            census: what was found when the space was counted.
            sampler: its name.
            seed: of all draws.
            trials: about so many evaluations.
            history: the trials of earlier runs of the same study, with accuracy and MACs as their
                values.
            known: the ids of the candidates evaluated there.
            objective: "best": the sampler is told accuracies alone; "front": MACs, to be minimised,
                as well.
            earlier: the trials of other studies of the same space; for the predictor.
            hints: as `hint` takes them.

        Raises:
            InputError: unknown sampler; the nearest is named.
        """
        check_sampler(sampler)
        import optuna

        from ..sampling.space_region import SpaceRegion

        self._space, self._budget, self._census, self._name, self._objective = space, budget, census, sampler, objective
        self._known = set(known)
        self._patience, self._startup = SAMPLERS[sampler].patience, startup(sampler, trials)
        self._drawn = SAMPLERS[sampler].make is None
        self._running = self._infeasible = 0
        self._ended: set[int] = set()
        self.refused = 0
        """Proposals outside the budget, against a constraint, or impossible to build."""
        self.duplicates = 0
        """Proposals that had been made before."""
        past = [_converted(trial, objective) for trial in history]
        self._told = len(past)
        self._sampler = make_sampler(
            sampler,
            seed=seed + len(self._known),
            trials=trials,
            objective=objective,
            region=SpaceRegion(space, budget),
            earlier=[[_converted(trial, objective) for trial in trials_] for trials_ in earlier],
            hints=hints,
        )
        with quietly():
            directions = [optuna.study.StudyDirection.MAXIMIZE, optuna.study.StudyDirection.MINIMIZE][
                : 2 if objective == "front" else 1
            ]
            self._study: OptunaStudy = optuna.create_study(directions=directions, sampler=self._sampler)
            self._study.add_trials(past)
        self._pool = _pool(space, budget, census, np.random.default_rng(seed))

    def hint(self, name: str, rows: Hints) -> None:
        """Values of some candidates, known without training, from which the predictor may learn;
        others do not look at them."""
        from ..sampling.predictor import PredictorSampler

        if isinstance(self._sampler, PredictorSampler):
            self._sampler.hint(name, rows)

    def some(self, count: int, seed: int) -> list[tuple[Mapping[str, Value], Candidate]]:
        """Settings and candidates drawn at random within the budget, none twice; they are not
        proposed by that."""
        found: dict[str, tuple[Mapping[str, Value], Candidate]] = {}
        for chosen in _pool(self._space, self._budget, self._census, np.random.default_rng([seed, 1])):
            candidate = self._space.candidate(chosen)
            found.setdefault(candidate.id, (dict(chosen), candidate))
            if len(found) == count:
                break
        return list(found.values())

    def quality(self) -> dict[str, Any] | None:
        """How well the sampler's model ranks what it has not seen, as plain data; None where there
        is none, or too little to say."""
        from ..sampling.predictor import PredictorSampler

        found = self._sampler.quality(self._study) if isinstance(self._sampler, PredictorSampler) else None
        return (
            None
            if found is None
            else {"rank_correlation": found.rank_correlation, "n": found.n, "weights": found.weights}
        )

    def propose(self, *, random: bool = False) -> Proposal | None:
        """The next candidate, or None when nothing new is left within the budget; with `random` a
        uniform draw, which the sampler is told of like any other."""
        with quietly():
            if not random and not self._drawn and self._told + self._running >= self._startup:
                for _ in range(self._patience):
                    proposal = self._examined(self._study.ask(), self._name)
                    if proposal is not None:
                        return proposal
                    if getattr(self._sampler, "exhausted", False):
                        break
            for chosen in self._pool:
                if self._space.candidate(chosen).id not in self._known:
                    self._study.enqueue_trial(dict(chosen))
                    proposal = self._examined(self._study.ask(), "random" if random else self._name)
                    if proposal is not None:
                        return proposal
        return None

    def completed(self, proposal: Proposal, accuracy: float, curve: Curve = ()) -> None:
        """Tell the sampler what a proposal reached; of an accuracy that is no number, that it
        failed."""
        if not math.isfinite(accuracy):
            return self.failed(proposal)
        self._tell(proposal, "COMPLETE", curve, [accuracy, float(proposal.cost.macs)][: len(self._study.directions)])

    def pruned(self, proposal: Proposal, curve: Curve = ()) -> None:
        """Tell the sampler that a proposal was stopped at a rung: its partial accuracies are told
        as what they are. It may go on, and be told of again."""
        self._tell(proposal, "PRUNED", curve)

    def failed(self, proposal: Proposal) -> None:
        """Tell the sampler that a proposal failed."""
        self._tell(proposal, "FAIL")

    def _tell(self, proposal: Proposal, state: str, curve: Curve = (), values: list[float] | None = None) -> None:
        from optuna.trial import TrialState, create_trial

        attributes = {CURVE: [list(point) for point in curve]} if curve else {}
        trial = proposal.trial
        with quietly():
            if trial is not None and trial.number not in self._ended:
                self._ended.add(trial.number)
                self._running -= 1
                self._told += state != "FAIL"
                for name, value in attributes.items():
                    trial.set_user_attr(name, value)
                self._study.tell(trial, values, state=TrialState[state])
            elif (
                state != "FAIL"
            ):  # it has waited at a rung and was told of then: what has come of it since is a trial of its own
                params, distributions = proposal.params, proposal.distributions
                self._study.add_trial(
                    create_trial(
                        state=TrialState[state],
                        values=values,
                        params=params,
                        distributions=distributions,
                        user_attrs=attributes,
                    )
                )

    def _examined(self, trial: Trial, origin: str) -> Proposal | None:
        chosen = choose(self._space, trial)
        try:
            candidate = self._space.candidate(chosen)
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
        if (
            self._infeasible < self._told
        ):  # more of them would make TPE's "good" share, a tenth of all, larger than that of what was trained
            self._infeasible += 1
            trial.set_constraint("budget", violation)
            self._end(trial, "PRUNED")
        else:
            self._end(trial, "FAIL")

    def _end(self, trial: Trial | None, state: str) -> None:
        assert trial is not None  # of every proposal made here
        from optuna.trial import TrialState

        with quietly():
            self._study.tell(trial, state=TrialState[state])


def so_far(study: Study) -> dict[str, Any]:
    """`history` and `known` of a study of ours, with what waits at a rung there."""
    paused = study.paused()
    return {
        "history": [*study.optuna_trials(), *(one.trial() for one in paused)],
        "known": [
            *(evaluation.candidate_id for evaluation in study.evaluations()),
            *(one.candidate.id for one in paused),
        ],
    }


def _converted(trial: FrozenTrial, objective: Objective) -> FrozenTrial:
    """A trial of a study of ours as the sampler is to see it: with its curve, and without its cost
    where only the best is looked for."""
    from optuna.trial import create_trial

    values = trial.values if trial.values is None or objective == "front" else trial.values[:1]
    attributes = dict(trial.user_attrs)
    if attributes.get("curve"):
        attributes[CURVE] = attributes["curve"]
    return create_trial(
        state=trial.state,
        values=values,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs=attributes,
        system_attrs=trial.system_attrs,
    )


def choose(space: Space, trial: Trial) -> dict[str, Value]:
    """Settings suggested by `trial`, parameter by parameter; inactive ones are not asked for."""
    chosen: dict[str, Value] = {}
    for parameter in space.parameters:
        if space.active(parameter, chosen):
            chosen[parameter.name] = _suggest(trial, parameter)
    return chosen


def _suggest(trial: Trial, parameter: Parameter) -> Value:
    if parameter.step is None or len(parameter.values) == 1:
        return parameter.values[
            parameter.values.index(trial.suggest_categorical(parameter.name, list(parameter.values)))
        ]  # type: ignore[arg-type]
    low, high = parameter.values[0], parameter.values[-1]
    if isinstance(low, int) and isinstance(high, int):
        return trial.suggest_int(parameter.name, low, high, step=int(parameter.step))
    return parameter.snap(trial.suggest_float(parameter.name, float(low), float(high), step=parameter.step))


def _pool(space: Space, budget: Budget, census: Census, rng: np.random.Generator) -> Iterator[Mapping[str, Value]]:
    """Settings of distinct candidates within the budget, in random order; at last what the census
    came upon, which a rare draw may miss."""
    for rows in feasible(space, budget, rng):
        for row in rows:
            yield settings(space, row)
    for row in census.rows:
        yield settings(space, row)
