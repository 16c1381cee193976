"""The evaluations of a search in the form that the statistics of its report need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..choosing.reference_trials import ORIGIN as REFERENCE
from ..records.evaluation import Evaluation, Purpose, State

if TYPE_CHECKING:
    from ..records.paused import Paused

__all__ = ["RANDOM", "REFERENCE", "WAITING", "Row", "rows"]

RANDOM = "random"
"""Origin of candidates that were drawn at random."""
WAITING = "WAITING"
"""State of a training that is paused at a rung."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate of a search and the training it received."""

    id: str
    """Id of the candidate."""
    origin: str
    """Name of the sampler that proposed it, `RANDOM` for a random draw, `REFERENCE` for a published
    network; empty if not recorded."""
    state: str
    """COMPLETE, PRUNED, FAIL or WAITING."""
    epochs: int
    """Epochs trained."""
    full: int
    """Epochs of a complete training."""
    seconds: float
    """Seconds of training."""
    curve: tuple[tuple[int, float], ...]
    """Pairs of (epoch, accuracy) as reported, epochs rising."""
    reached: float | None
    """Accuracy at full fidelity; None unless the training is complete."""
    cut: bool = False
    """Whether the time of the search ended it, and not its accuracy."""

    @property
    def complete(self) -> bool:
        """Whether the candidate was trained at full fidelity."""
        return self.reached is not None


def rows(evaluations: Iterable[Evaluation], waiting: Iterable[Paused] = ()) -> list[Row]:
    """The evaluations of the search in the order in which they ended, then the paused trainings.

    Final trainings are left out.
    """
    ended = [_ended(each) for each in evaluations if each.purpose is Purpose.SEARCH]
    return ended + [_waiting(each) for each in waiting]


def _ended(each: Evaluation) -> Row:
    complete = each.state is State.COMPLETE
    trained = each.fidelity.epochs if complete else min(each.curve[-1][0] if each.curve else 0, each.fidelity.epochs)
    return Row(
        id=each.candidate_id,
        origin=each.origin,
        state=str(each.state),
        epochs=trained,
        full=each.fidelity.epochs,
        seconds=each.seconds,
        curve=each.curve,
        reached=each.accuracy if complete else None,
        cut=each.cut,
    )


def _waiting(each: Paused) -> Row:
    return Row(
        id=each.candidate.id,
        origin=each.origin,
        state=WAITING,
        epochs=each.curve[-1][0] if each.curve else 0,
        full=each.fidelity.epochs,
        seconds=each.seconds,
        curve=each.curve,
        reached=None,
    )
