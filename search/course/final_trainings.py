"""The final trainings of a run: planned once when searching ends, then handed out one by one."""

from __future__ import annotations

from collections.abc import Callable

from ...studies import FrontPoint, Purpose, Study
from ...studies.artifacts import weights_name
from .clock import Clock
from .confirmation import Final, described, planned
from .job import Job
from .limits import Limits, Trials
from .running import Running


class FinalTrainings:
    """Confirms the most accurate networks of the front of a study."""

    def __init__(self, study: Study, trials: Trials, limits: Limits, clock: Clock) -> None:
        self._study, self._trials, self._limits, self._clock = study, trials, limits, clock
        self._left: list[Final] | None = None

    @property
    def begun(self) -> bool:
        """Whether they have been planned: nothing is searched any more."""
        return self._left is not None

    def plan(self, leaders: list[FrontPoint], phase: Callable[[str], None]) -> None:
        """Plan the trainings that confirm `leaders` in the time left, and tell `phase` of them."""
        limits = self._limits
        self._left = planned(
            leaders,
            self._study.evaluations(Purpose.FINAL),
            seed=self._trials.seed,
            seeds=limits.seeds,
            factor=limits.factor,
            seconds_left=self._clock.left,
            takes=self._clock.takes,
        )
        if self._left:
            phase(described(self._left))

    def next(self) -> Running | None:
        """The next training; None if all have been handed out."""
        if not self._left:
            return None
        final = self._left.pop(0)
        network, weights = final.point.candidate, self._trials.weights
        job = Job(
            candidate=network.spec,
            params=network.params,
            fidelity=final.fidelity,
            seed=final.seed,
            purpose=Purpose.FINAL,
            checkpoint=str(weights / weights_name(network.id, final.fidelity, final.seed)) if weights else None,
        )
        return Running(job=job, network=network)
