"""What limits a search: the number of trials, the time, and how its best networks are confirmed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...spaces import Candidate
from ...studies import Fidelity
from ...studies.store import Store
from .confirmation import FINAL_FACTOR, MOST_SEEDS


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a search ends."""

    trials: int | None
    """Trials of the study, those of earlier runs included; None if only time ends the search."""
    seconds: float | None
    """Wall time of this run, confirmation included; None if only trials end the search."""
    finals: int = 3
    """Networks of the front that are confirmed."""
    seeds: int = 2
    """Further seeds from which each of them is trained."""
    most_seeds: int = MOST_SEEDS
    """Further seeds from which a network is trained at most, where a race needs them."""
    race: int = 0
    """Further trainings of a race, where trials end the search; where time does, it ends the
    race."""
    factor: int = FINAL_FACTOR
    """Epochs of a final training, as a multiple of those of a trial."""
    epoch_scale: float = 1.0
    """Seconds of an epoch of a final training, as a multiple of those of a trial's epoch on all
    images."""


@dataclass(frozen=True, kw_only=True)
class Trials:
    """How the trials of a search are evaluated."""

    fidelity: Callable[[Candidate], Fidelity]
    """The full fidelity of a candidate."""
    epochs: int
    """Epochs of full fidelity, the same for all candidates."""
    seed: int
    """Seed of the trials; final trainings take the seeds that follow."""
    score: str | None = None
    """The zero-cost score by which candidates are evaluated; None trains them."""
    pauses: bool = True
    """If True, trainings that are not promoted at a rung are paused and may resume later; if False
    they are pruned."""
    store: Store | None = None
    """Store of the weights of confirmed networks and the states of paused trainings; None keeps
    none."""
