"""A proposal: the candidate to evaluate next, and what proposes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ...blocks import Cost
from ...spaces import Candidate
from ...spaces.parameters import Value
from ...studies import CandidateRow, Paused

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution


Curve = Sequence[tuple[int, float]]
"""(epoch, accuracy) in their order."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A candidate to evaluate."""

    candidate: Candidate
    """The network."""
    cost: Cost
    """At the deployment size."""
    settings: dict[str, Value]
    """What was chosen."""
    params: dict[str, Any]
    """What Optuna keeps of it."""
    distributions: dict[str, BaseDistribution]
    """And from what it was chosen."""
    seed: int | None = None
    """Of its training; None for the search's own."""
    stoppable: bool = True
    """Whether it may be stopped early."""
    origin: str = ""
    """"random" where it was drawn at random, else the sampler's name; "" where nobody proposed it.
    """
    trial: Trial | None = field(default=None, repr=False)
    """Optuna's trial in memory, where a sampler proposed it."""

    @property
    def network(self) -> CandidateRow:
        """The network and its cost, as a study keeps them."""
        cost = self.cost
        return CandidateRow(
            id=self.candidate.id,
            spec=self.candidate.spec,
            macs=int(cost.macs),
            params=int(cost.params),
            activations=int(cost.activations),
        )

    @classmethod
    def again(cls, paused: Paused) -> Proposal:
        """The proposal of a training that an earlier run has left waiting."""
        candidate = Candidate.from_dict(json.loads(paused.candidate.spec))
        return cls(
            candidate=candidate,
            cost=candidate.cost(),
            settings=dict(paused.settings),  # type: ignore[arg-type]
            params=dict(paused.params),
            distributions=dict(paused.distributions),
            seed=paused.seed,
            origin=paused.origin,
        )


class Proposes(Protocol):
    """Whoever decides what is evaluated next, and is told what came of it."""

    refused: int
    """Proposals outside the budget, against a constraint, or impossible to build."""
    duplicates: int
    """Proposals that had been made before."""

    def propose(self, *, random: bool = False) -> Proposal | None:
        """The next candidate, or None when nothing is left; with `random` a uniform draw of what is
        left, whatever the sampler."""
        ...

    def completed(self, proposal: Proposal, accuracy: float, curve: Curve = ()) -> None:
        """It reached `accuracy` at full fidelity."""

    def pruned(self, proposal: Proposal, curve: Curve = ()) -> None:
        """It was stopped at a rung, perhaps for good."""

    def failed(self, proposal: Proposal) -> None:
        """It failed, or was not finished."""


Hints = Sequence[tuple[Mapping[str, Any], float]]
"""(settings, value) of some candidates."""
