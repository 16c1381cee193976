"""The time of a run: what has passed, what is left, and what is kept for confirming."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ...studies import CandidateRow, Fidelity, FrontPoint, State
from .confirmation import (
    CERTIFIED_SHARE,
    FILLED,
    FIRST_SEEDS,
    FIRST_SHARE,
    STRAGGLERS,
    at,
    certified,
    lengths,
    seconds_for,
)
from .fidelity_plan import FEW
from .limits import Limits
from .pace import Pace
from .running import Running

RESERVE_SHARE = 0.35
"""The largest part of the time that is kept for confirming, where it was not planned."""
LATE = 0.85
"""Part of the time kept for confirming that trainings of the search leave, if they end late."""
ENDING, LONGEST_ENDING = 0.02, 6.0
"""Part of the time given, and seconds, that stopping the workers and choosing a network take at
most, on a machine that does nothing else."""
MOST_ENDING = 0.1
"""Part of the time given that the end of the run takes at most, with the last test."""
EARLY = 0.4
"""Part of the time for searching in which trainings may wait for each other at the first rung."""
HOPE = 0.7
"""Part of the expected seconds in which an epoch may end: one that would not end in time even so is
not begun."""


class Clock:
    """The time of one run, and how long trainings take in it."""

    def __init__(
        self,
        limits: Limits,
        *,
        now: Callable[[], float] = time.monotonic,
        began: float | None = None,
        pace: Pace | None = None,
        ends_early: bool = False,
    ) -> None:
        """Start the clock.

        Args:
            limits: the time given, and how networks are confirmed.
            now: the current time in seconds.
            began: when the time given began to count, by `now`; now if None.
            pace: expects how long trainings take; None goes by the epochs noted alone.
            ends_early: whether the run is to end so early that workers can be stopped and the
                network chosen be tested within the time given.
        """
        self._limits, self._now = limits, now
        self.pace: Pace | None = pace
        self._began = now() if began is None else began
        self._epoch_seconds: dict[str, float] = {}
        self._complete = 0
        self._testing = 0.0
        self._first: float | None = None
        self._ends_early = ends_early
        self.slowed: float = 1.0
        """Seconds that work takes on this machine, for each second that it would take alone."""
        self.confirming: float | None = None
        """Seconds that the plan of the search keeps for confirming; None without a plan."""
        self.workers = 1
        """Workers that train at once."""
        self.on_gpus = False
        """Whether they train on GPUs."""

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._now() - self._began

    @property
    def left(self) -> float | None:
        """Seconds until the run must end; None if there is no limit of time."""
        seconds = self._seconds
        return None if seconds is None else max(0.0, seconds - self.elapsed)

    @property
    def over(self) -> bool:
        """Whether the run must end now."""
        return self.left == 0.0

    @property
    def _expects(self) -> Pace | None:
        """What tells how long trainings take; None while nothing is known."""
        return self.pace if self.pace is not None and self.pace.model.known else None

    def timed(self, network: CandidateRow, fidelity: Fidelity, seconds: float, *, begin: int, end: int) -> None:
        """Note that the epochs after `begin`, up to `end`, took a network `seconds`."""
        self._epoch_seconds[network.id] = seconds / (end - begin)
        self._complete += end == fidelity.epochs
        if self.pace is not None:
            self.pace.note(network, fidelity, seconds, begin=begin, end=end)
            self._testing = max(self._testing, self.pace.testing(network, fidelity))

    def expect(self, live: Running) -> None:
        """Tell a training that has begun or reported how long its further epochs are expected to
        take."""
        live.since = time.monotonic()
        if self._first is None:
            self._first = self.elapsed
        if (pace := self._expects) is not None and not live.job.scores:
            live.expected = tuple(pace.epochs(live.network, live.job.fidelity)[live.epoch :])

    def longest_epoch(self) -> float:
        """Seconds of the longest epoch noted so far; 0 before the first."""
        return max(self._epoch_seconds.values(), default=0.0)

    @property
    def early(self) -> bool:
        """Whether less than `EARLY` of the time for searching has passed; always without a limit of
        time."""
        return self._seconds is None or self.elapsed < EARLY * (self._seconds - (self.confirming or 0.0))

    def may_search(self, leaders: Callable[[], list[FrontPoint]], share: float = 1.0, *, needs: float = 0.0) -> bool:
        """Whether what takes `needs` seconds ends before the time kept for confirming `leaders`
        begins; with a `share` below 1, before less than that part of it is left."""
        seconds = self._seconds
        return seconds is None or self.elapsed + needs < seconds - share * self._reserve(leaders(), seconds)

    def may_begin(self, leaders: Callable[[], list[FrontPoint]]) -> bool:
        """Whether a further training may begin: there is time to search for as long as the shortest
        epoch took."""
        return self.may_search(leaders, needs=HOPE * min(self._epoch_seconds.values(), default=0.0))

    def may_go_on(self, live: Running, leaders: Callable[[], list[FrontPoint]]) -> bool:
        """Whether a training of the search may go on: its next epoch ends before the time kept for
        confirming `leaders` begins, or its last one so soon after that little of that time is
        lost."""
        if (pace := self._expects) is None:
            return self.may_search(leaders) or self.may_search(leaders, LATE)
        each = pace.epochs(live.network, live.job.fidelity)[live.epoch :]
        return self.may_search(leaders, needs=HOPE * each[0]) or self.may_search(leaders, LATE, needs=sum(each))

    def ends_in_time(self, live: Running) -> bool:
        """Whether a final training that goes on may end in the time left."""
        left, pace = self.left, self._expects
        if left is None or pace is None:
            return True
        return HOPE * sum(pace.epochs(live.network, live.job.fidelity)[live.epoch :]) <= left

    def too_slow(self, live: Running) -> bool:
        """Whether a training of the search would not end in its time even if it had begun first:
        that says something about the network, unlike a training that begins too late. What is
        expected may be wrong by `HOPE`. False before a training is complete: where the time
        suffices for none, each is as good as another."""
        seconds, pace = self._seconds, self._expects
        if seconds is None or pace is None or not self._complete:
            return False
        whole = seconds - (self._first or 0.0) - (self.confirming or 0.0)
        return HOPE * pace.seconds(live.network, live.job.fidelity, begin=live.job.start) > whole

    def takes(self, point: FrontPoint, fidelity: Fidelity) -> float | None:
        """Seconds of a final training of `point`; None if they are not known."""
        if (pace := self._expects) is not None:
            return pace.seconds(point.candidate, fidelity)
        if point.id not in self._epoch_seconds:
            return None
        each = self._epoch_seconds[point.id] / point.evaluation.fidelity.fraction
        return self._limits.epoch_scale * each * fidelity.passes

    def _all(self, points: Sequence[FrontPoint], seeds: int, length: Fidelity) -> float | None:
        """Seconds in which all workers train each of `points` from `seeds` seeds, as long as
        `length`; None if that of one of them is not known."""
        each = [self.takes(point, at(point, length)) for point in points]
        known = [seconds for seconds in each if seconds is not None]
        return seconds_for(known * seeds, self.workers) if len(known) == len(each) else None

    @property
    def ending(self) -> float:
        """Seconds that the end of the run is expected to take: workers are stopped, and the network
        chosen is tested."""
        seconds = self._limits.seconds
        if seconds is None or not self._ends_early:
            return 0.0
        return min(min(ENDING * seconds, LONGEST_ENDING) * self.slowed + self._testing, MOST_ENDING * seconds)

    @property
    def _seconds(self) -> float | None:
        """The time given, without what the end of the run takes."""
        return None if self._limits.seconds is None else self._limits.seconds - self.ending

    def _reserve(self, leaders: list[FrontPoint], seconds: float) -> float:
        """Seconds to keep for confirming: what it is expected to take, with a margin.

        It is at most what was planned, or `RESERVE_SHARE` of the time given, unless the shortest
        comparison of the certificate needs more, up to `CERTIFIED_SHARE`, or one network alone, up
        to `FIRST_SHARE`. Nothing is kept while no training is complete, and where the time left
        would not suffice for one network: then all of it is spent on searching. A plan that keeps
        nothing had too little time for it; where a few trainings are complete and there is time
        after all, it is kept.
        """
        limits = self._limits
        share = RESERVE_SHARE * seconds if self.confirming is None else self.confirming
        if self._complete >= FEW:
            share = share or RESERVE_SHARE * seconds
        if not share or not limits.finals or not any(one.evaluation.state is State.COMPLETE for one in leaders):
            return 0.0
        possible = lengths(leaders[0].evaluation.fidelity, limits.factor)
        expected = self._all(leaders, limits.seeds, possible[0])
        if expected is None:
            return share
        alone = self._all(leaders[:1], 1, possible[-1]) or 0.0
        if alone > FILLED * (seconds - self.elapsed):
            return 0.0
        usual = min(share, 1.25 * expected + 5.0)
        pair = certified(leaders)
        for networks, seeds, most in (
            (pair, min(FIRST_SEEDS, limits.seeds), CERTIFIED_SHARE),
            (pair, 1, CERTIFIED_SHARE),
            (leaders[:1], 1, FIRST_SHARE),
        ):
            needed = self._all(networks, seeds, possible[-1]) or 0.0
            least = needed / (FILLED * STRAGGLERS)
            if networks and least <= most * seconds:
                return max(least, usual)
        return 0.0
