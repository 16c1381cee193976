"""A list of networks, each to be trained from several seeds: what a grid has in place of a sampler."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...blocks import Cost
from ...spaces import Candidate
from ...studies import Evaluation, State
from .proposal import Curve, Proposal

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A network of the list."""

    candidate: Candidate
    """The network."""
    cost: Cost
    """At the deployment size."""
    settings: dict[str, Any]
    """As its space spells it."""
    stoppable: bool
    """Whether it may be stopped early: a control is not, its accuracy is what others are measured
    by."""

    @cached_property
    def id(self) -> str:
        """Of the candidate."""
        return self.candidate.id


class Points:
    """Hands out every network once for each seed: all with the first seed, then all with the
    second.

    A network that was stopped early is not trained from further seeds: successive halving goes over
    seeds as it goes over epochs.
    """

    refused = 0
    duplicates = 0

    def __init__(
        self,
        listed: Sequence[Listed],
        *,
        seeds: Sequence[int],
        distributions: dict[str, BaseDistribution],
        known: Iterable[Evaluation] = (),
    ) -> None:
        """`known` are the evaluations of earlier runs: none of them is done again."""
        self._waiting = [(seed, each) for seed in seeds for each in listed]
        self._distributions = distributions
        known = list(known)
        self._done = {(evaluation.candidate_id, evaluation.seed) for evaluation in known}
        self._stopped = {evaluation.candidate_id for evaluation in known if evaluation.state is State.PRUNED}

    @property
    def left(self) -> int:
        """Trainings still to be handed out."""
        return sum(self._wanted(seed, each) for seed, each in self._waiting)

    def propose(self, *, random: bool = False) -> Proposal | None:
        """The next training, or None when all have been handed out."""
        while self._waiting:
            seed, each = self._waiting.pop(0)
            if self._wanted(seed, each):
                return Proposal(
                    candidate=each.candidate,
                    cost=each.cost,
                    settings=dict(each.settings),
                    params=dict(each.settings),
                    distributions=self._distributions,
                    seed=seed,
                    stoppable=each.stoppable,
                )
        return None

    def completed(self, proposal: Proposal, accuracy: float, curve: Curve = ()) -> None:
        """Nothing is learned from it here."""

    def pruned(self, proposal: Proposal, curve: Curve = ()) -> None:
        """Further seeds of it are left out."""
        self._stopped.add(proposal.candidate.id)

    def failed(self, proposal: Proposal) -> None:
        """Its other seeds are still tried: a divergence may be the seed's."""

    def _wanted(self, seed: int, each: Listed) -> bool:
        return (each.id, seed) not in self._done and each.id not in self._stopped
