"""The evaluations of a search in the form that statistics ask for: who proposed, what was trained,
what was reached."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..evaluation import Evaluation, Fidelity, Purpose, State

if TYPE_CHECKING:
    from ..paused import Paused

RANDOM = "random"
"""The origin of what was drawn at random."""
WAITING = "WAITING"
"""The state of a training that waits at a rung."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One candidate of a search with the training it has had."""

    id: str
    """Of the candidate."""
    origin: str
    """Who proposed it; empty where that was not kept."""
    state: str
    """COMPLETE, PRUNED, FAIL or WAITING."""
    epochs: int
    """Trained."""
    full: int
    """Epochs of a complete training."""
    seconds: float
    """Of training."""
    curve: tuple[tuple[int, float], ...]
    """(epoch, accuracy) as reported."""
    reached: float | None
    """Accuracy at full fidelity; None for all that did not get there."""

    @property
    def complete(self) -> bool:
        """Whether it was trained to the end."""
        return self.reached is not None


def rows(evaluations: Iterable[Evaluation], waiting: Iterable[Paused] = ()) -> list[Row]:
    """The search's evaluations in the order in which they ended, then those that wait; final
    trainings are left out."""
    ended = [_ended(each) for each in evaluations if each.purpose is Purpose.SEARCH]
    return ended + [_waiting(each) for each in waiting]


def images(fidelity: Fidelity) -> float:
    """How much training a fidelity is, in passes over all training images."""
    return fidelity.epochs * fidelity.fraction


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
