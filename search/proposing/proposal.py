"""A proposal: the candidate to evaluate next, and the interface of whatever makes proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ...blocks import Cost
from ...spaces import Candidate
from ...spaces.values.parameters import Value
from ...studies import Paused
from ...studies.choosing.belief import Belief
from ...studies.choosing.reference_trials import ORIGIN
from ..sampling import NO_EVIDENCE, TOO_SLOW

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution


Curve = Sequence[tuple[int, float]]
"""(epoch, accuracy), in order."""
Hints = Sequence[tuple[Mapping[str, Any], float]]
"""(settings, value) of some candidates."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A candidate to evaluate."""

    candidate: Candidate
    """The network."""
    cost: Cost
    """Its cost at the deployment size."""
    settings: dict[str, Value]
    """The values chosen for the parameters of the space."""
    params: dict[str, Any]
    """The same values as Optuna stores them."""
    distributions: dict[str, BaseDistribution]
    """Optuna's distribution of each of `params`."""
    seed: int | None = None
    """Seed of its training; None for the seed of the search."""
    stoppable: bool = True
    """Whether its training may be stopped early."""
    origin: str = ""
    """The sampler's name, "random" for a uniform draw, "reference" for a published network; "" if
    the candidate was listed."""
    trial: Trial | None = field(default=None, repr=False)
    """The trial of the sampler's study in memory, if a sampler proposed it."""

    @property
    def reference(self) -> bool:
        """Whether it is a published network, with which the search is compared."""
        return self.origin == ORIGIN

    def say_nothing(self) -> None:
        """Mark it before it is told as failed: the failure says nothing about the network."""
        self._mark(NO_EVIDENCE)

    def say_too_slow(self) -> None:
        """Mark it before it is told as pruned: it would not end in all the time of the search."""
        self._mark(TOO_SLOW)

    def _mark(self, attribute: str) -> None:
        if self.trial is not None:
            with suppress(RuntimeError):  # it was paused, which has ended its trial
                self.trial.set_user_attr(attribute, True)

    @classmethod
    def again(cls, paused: Paused) -> Proposal:
        """The proposal whose training an earlier run has paused."""
        candidate = Candidate.from_spec(paused.candidate.spec)
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
    """Makes proposals, and is told their results."""

    refused: int
    """Number of proposals that were over budget, violated a constraint, or could not be built."""
    duplicates: int
    """Number of proposals that had been made before."""

    def propose(self, *, random: bool = False) -> Proposal | None:
        """The next proposal, or None if nothing is left; with `random` a uniform draw from what is
        left."""
        ...

    def completed(self, proposal: Proposal, accuracy: float, curve: Curve = ()) -> None:
        """The proposal reached `accuracy` at full fidelity."""

    def pruned(self, proposal: Proposal, curve: Curve = ()) -> None:
        """The proposal was paused or pruned at a rung."""

    def failed(self, proposal: Proposal) -> None:
        """The proposal failed, or its training was not finished."""

    def believed(self) -> Belief | None:
        """What all trials but its own say of each candidate that was completed; None if they are
        not compared."""
        ...
