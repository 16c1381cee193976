"""Expects how long the trainings of a study take, by a model that their epochs refine."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...studies import CandidateRow, Fidelity
from .time_model import TimeModel
from .training_work import Trainings, candidate_of

START = 0.5
"""Seconds in which a worker begins a training, before anything was seen of it."""


@dataclass(kw_only=True)
class Pace:
    """The time of the trainings of one study on one kind of worker."""

    trainings: Trainings
    """What all trainings share."""
    model: TimeModel = field(default_factory=TimeModel)
    """The model of their time."""
    start: float = START
    """Seconds between two trainings of a worker: the network is built, the first batch is read."""

    def seconds(self, network: CandidateRow, fidelity: Fidelity, *, begin: int = 0, end: int | None = None) -> float:
        """Expected seconds of the epochs after `begin`, up to and with `end` (all if None)."""
        work = self.trainings.epochs(candidate_of(network.spec), fidelity)
        return self.start + self.model.seconds(network.id, work[begin:end])

    def epochs(self, network: CandidateRow, fidelity: Fidelity) -> list[float]:
        """Expected seconds of each epoch."""
        return self.model.each(network.id, self.trainings.epochs(candidate_of(network.spec), fidelity))

    def note(
        self, network: CandidateRow, fidelity: Fidelity, seconds: float, *, begin: int = 0, end: int | None = None
    ) -> None:
        """Learn that these epochs took `seconds`."""
        self.model.note(network.id, self.trainings.epochs(candidate_of(network.spec), fidelity)[begin:end], seconds)

    def began(self, seconds: float) -> None:
        """Learn that a worker needed `seconds` to begin a training."""
        self.start += 0.2 * (min(max(seconds, 0.0), 10 * START) - self.start)
