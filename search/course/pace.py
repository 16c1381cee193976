"""Expects how long the trainings of a study take, by a model that their epochs refine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from ...studies import CandidateRow, Fidelity
from .time_model import FORWARD, TimeModel
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
    tested: int = 0
    """Images on which the network chosen is tested in the end."""

    def seconds(self, network: CandidateRow, fidelity: Fidelity, *, begin: int = 0, end: int | None = None) -> float:
        """Expected seconds of the epochs after `begin`, up to and with `end` (all if None)."""
        work = self.trainings.epochs(candidate_of(network.spec), fidelity)
        return self.start + self.model.seconds(network.id, work[begin:end])

    def epochs(self, network: CandidateRow, fidelity: Fidelity) -> list[float]:
        """Expected seconds of each epoch."""
        return self.model.each(network.id, self.trainings.epochs(candidate_of(network.spec), fidelity))

    def testing(self, network: CandidateRow, fidelity: Fidelity) -> float:
        """Expected seconds of testing a trained network."""
        update = self.trainings.update(candidate_of(network.spec), fidelity, 1)
        return self.model.seconds(network.id, [replace(update, images=0, updates=0, validated=self.tested)])

    def note(
        self, network: CandidateRow, fidelity: Fidelity, seconds: float, *, begin: int = 0, end: int | None = None
    ) -> None:
        """Learn that these epochs took `seconds`."""
        self.model.note(network.id, self.trainings.epochs(candidate_of(network.spec), fidelity)[begin:end], seconds)

    def began(self, seconds: float) -> None:
        """Learn that a worker needed `seconds` to begin a training."""
        self.start += 0.2 * (min(max(seconds, 0.0), 10 * START) - self.start)


class Forecast:
    """Expects the seconds of trainings of the same networks for any number of epochs and any share
    of the images, many of them in little time."""

    def __init__(
        self, pace: Pace, networks: Sequence[CandidateRow], fidelity: Callable[[CandidateRow], Fidelity]
    ) -> None:
        """Of a `fidelity`, the size and the strides matter."""
        self._pace = pace
        self._networks = [(row, fidelity(row)) for row in networks]
        self._rates: list[dict[int, tuple[float, float]]] = [{} for _ in networks]

    def ends(self, epochs: int, fraction: float) -> list[list[float]]:
        """Seconds of the training of each network up to the end of each epoch."""
        found: list[list[float]] = []
        plans = {
            size: self._pace.trainings.plans(Fidelity(epochs=epochs, size=size, fraction=fraction))
            for size in {fidelity.size for _, fidelity in self._networks}
        }
        validated = FORWARD * self._pace.trainings.validated
        for index, (_, fidelity) in enumerate(self._networks):
            each = [(self._rate(index, plan.size), plan) for plan in plans[fidelity.size]]
            seconds = [image * (plan.images + validated) + update * plan.updates for (image, update), plan in each]
            found.append(list(accumulate(seconds, initial=self._pace.start))[1:])
        return found

    def _rate(self, index: int, side: int) -> tuple[float, float]:
        """Seconds for each image of `side` pixels, and for each update."""
        if side not in self._rates[index]:
            row, fidelity = self._networks[index]
            candidate, update = candidate_of(row.spec), self._pace.trainings.update
            full, smaller = update(candidate, fidelity, 1), update(candidate, fidelity, 1, side=side)
            self._rates[index][side] = self._pace.model.rates(row.id, full, smaller)
        return self._rates[index][side]
