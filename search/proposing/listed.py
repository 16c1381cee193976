"""Proposes the networks of a list, each with several seeds: used by a grid instead of a sampler."""

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
    """Its cost at the deployment size."""
    settings: dict[str, Any]
    """The values of the parameters of its space."""
    stoppable: bool
    """Whether its training may be stopped early. A control is trained to the end, since other
    networks are compared with its accuracy."""

    @cached_property
    def id(self) -> str:
        """Id of the candidate."""
        return self.candidate.id


class Points:
    """Proposes every network once for each seed: first all networks with the first seed, then all
    with the second, and so on.

    A network that is pruned gets no further seeds: successive halving applies to seeds as it does
    to epochs.
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
        """Begin, or continue.

        Args:
            listed: the networks.
            seeds: seeds of their trainings.
            distributions: Optuna's distribution of each setting.
            known: evaluations of earlier runs, which are not repeated.
        """
        self._waiting = [(seed, each) for seed in seeds for each in listed]
        self._distributions = distributions
        known = list(known)
        self._done = {(evaluation.candidate_id, evaluation.seed) for evaluation in known}
        # versions before this one recorded what the clock had cut, which says nothing of a network
        self._stopped = {each.candidate_id for each in known if each.state is State.PRUNED and not each.cut}

    @property
    def left(self) -> int:
        """Number of trainings that are still to be proposed."""
        return sum(self._wanted(seed, each) for seed, each in self._waiting)

    def propose(self, *, random: bool = False) -> Proposal | None:
        """The next training, or None if all have been proposed. `random` has no effect."""
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
        """Has no effect: the list does not depend on results."""

    def pruned(self, proposal: Proposal, curve: Curve = ()) -> None:
        """Drop the further seeds of this network."""
        self._stopped.add(proposal.candidate.id)

    def failed(self, proposal: Proposal) -> None:
        """Has no effect: another seed of this network may not fail."""

    def believed(self) -> None:
        """Nothing: all networks of the list are compared by their trainings alone."""

    def _wanted(self, seed: int, each: Listed) -> bool:
        return (each.id, seed) not in self._done and each.id not in self._stopped
