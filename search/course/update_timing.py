"""Has a few updates of a cheap, a middling and a costly network timed on the workers.

It is done before anything is trained, on all workers at once, so that each is timed under the load
that it will have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...studies import CandidateRow, Fidelity, Purpose
from .job import Job
from .pace import Pace
from .training_work import candidate_of

SHARE, MOST = 0.04, 15.0
"""Part of the time given, and seconds, that measuring takes at most, once the workers have
started."""
LEAST, ENOUGH = 1.0, 2.0
"""Seconds without which no network is timed, and those with which each worker times a further one:
it is built first, and its first update is slow."""
NETWORKS = 3
"""Networks that are timed, or as many as there are workers."""


class Measuring:
    """Hands out networks to be timed, and notes their times."""

    def __init__(
        self,
        networks: Sequence[CandidateRow],
        pace: Pace,
        *,
        fidelity: Callable[[CandidateRow], Fidelity],
        seconds: float,
        seed: int = 0,
    ) -> None:
        """Begin with nothing timed.

        Args:
            networks: those to choose from.
            pace: learns the times.
            fidelity: the fidelity of a network; only the size matters.
            seconds: the time given for the whole search.
            seed: seed of the updates.
        """
        self._pace, self._fidelity, self._seed = pace, fidelity, seed
        self.budget: float = min(SHARE * seconds, MOST)
        """Seconds that measuring takes at most."""
        self._rows = sorted(networks, key=lambda row: pace.seconds(row, fidelity(row)))
        self._left: list[CandidateRow] | None = None
        self._rounds, self._longest = 0, 0.0
        self._live: dict[str, tuple[CandidateRow, bool]] = {}

    @property
    def done(self) -> bool:
        """Whether all have been timed."""
        return self._left is not None and not self._left and not self._live

    def next(self, key: str, workers: int) -> Job | None:
        """The next network for worker `key`, one of `workers`; None if all have been handed out, or
        no time is left for another one."""
        if self._left is None:
            rounds = math.ceil(min(NETWORKS, max(1, len(self._rows))) / workers)
            self._rounds = min(rounds, max(1, int(self.budget / ENOUGH)))
            self._left = _spread(self._rows, min(self._rounds * workers, len(self._rows)))
        rounds = math.ceil(len(self._left) / workers)
        left = self.budget - (self._rounds - rounds) * self._longest
        seconds = min(left / max(rounds, 1), self.budget / self._rounds)
        if seconds < LEAST:
            self._left.clear()
        if not self._left:
            return None
        row = self._left.pop()
        self._live[key] = row, False
        return Job(
            candidate=row.spec,
            params=row.params,
            fidelity=self._fidelity(row),
            seed=self._seed,
            purpose=Purpose.SEARCH,
            timed=seconds,
        )

    def owns(self, key: str) -> bool:
        """Whether worker `key` times a network."""
        return key in self._live

    def timed(self, key: str, timings: Sequence[Sequence[Any]]) -> None:
        """Note the updates that worker `key` has timed: (images, seconds) of each."""
        row, _ = self._live[key]
        self._live[key] = row, True
        model, trainings = self._pace.model, self._pace.trainings
        if timings:
            images = int(timings[0][0])
            seconds = sorted(float(each[1]) for each in timings)
            work = trainings.update(candidate_of(row.spec), self._fidelity(row), images)
            model.note(row.id, [work], seconds[len(seconds) // 2])

    def took(self, seconds: float) -> None:
        """Note that timing a network took `seconds`, all included."""
        self._longest = max(self._longest, seconds)

    def has_reported(self, key: str) -> bool:
        """Whether worker `key` has reported."""
        return self._live[key][1]

    def ended(self, key: str) -> None:
        """End the job of worker `key`; one that failed is left out."""
        del self._live[key]


def _spread(rows: Sequence[CandidateRow], count: int) -> list[CandidateRow]:
    """`count` of the rows from the cheapest to the costliest, which come in order of cost."""
    if count == 1:
        return [rows[len(rows) // 2]]
    return [rows[round(place * (len(rows) - 1) / (count - 1))] for place in range(count)]
