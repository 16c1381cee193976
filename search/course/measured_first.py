"""Measures the workers of a search before it begins, so that it can plan from their speed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from ...studies import Fault
from .clock import Clock
from .engine import Engine
from .events import Listener, Silent
from .job import Job
from .update_timing import Measuring


class Course(Protocol):
    """What workers are run by: an `Engine`, or one that is measured first."""

    error: Exception | None
    """What ended the run before its time; set by whatever runs the course."""

    @property
    def clock(self) -> Clock:
        """The time of the run."""
        ...

    def next_job(self, key: str) -> Job | Literal["wait", "finished"]:
        """The job of worker `key`."""
        ...

    def reported(self, key: str, epoch: int, accuracy: float, seconds: float) -> bool:
        """Note an epoch of worker `key`; False if the worker is to stop."""
        ...

    def scored(self, key: str, scores: dict[str, float]) -> None:
        """Note the zero-cost scores of the network of worker `key`."""
        ...

    def has_reported(self, key: str, epoch: int) -> bool:
        """Whether this epoch of worker `key` has been noted."""
        ...

    def ended(self, key: str, *, worker: str = "", device: str = "cpu") -> None:
        """End the job of worker `key`."""
        ...

    def failed(
        self, key: str, reason: str, fault: Fault = Fault.CANDIDATE, *, worker: str = "", device: str = "cpu"
    ) -> None:
        """Record that the evaluation of worker `key` cannot be used."""
        ...

    def lost(self, key: str, reason: str, fault: Fault = Fault.MACHINE) -> None:
        """Take back the job of worker `key`, which has died or is silent."""
        ...

    @property
    def silent(self) -> list[str]:
        """Workers that have not reported for so long that they must be taken for lost."""
        ...

    def said(self, text: str) -> None:
        """Tell the listener of something that happened to the workers."""
        ...

    def abandon(self) -> None:
        """Drop what is still running."""
        ...

    def finish(self) -> None:
        """End the run by its trials or its time."""
        ...

    def tick(self) -> None:
        """Let the listener redraw."""
        ...


class MeasuredFirst:
    """Has networks timed, then begins a search and passes everything on to its engine."""

    def __init__(
        self, measuring: Measuring, clock: Clock, begin: Callable[[], Engine], *, listener: Listener | None = None
    ) -> None:
        """`begin` plans the search and makes its engine, with the same clock and listener."""
        self._measuring, self._begin, self._listener = measuring, begin, listener or Silent()
        self.clock = clock
        """The time of the run."""
        self.engine: Engine | None = None
        """The engine of the search; None while the workers are measured."""
        self.error: Exception | None = None
        """What ended the run before its time; set by whatever runs it."""
        self._since: float | None = None

    def next_job(self, key: str) -> Job | Literal["wait", "finished"]:
        """The next network to be timed, then the jobs of the engine."""
        if self.engine is not None:
            return self.engine.next_job(key)
        job = self._measuring.next(key, self.clock.workers)
        if job is not None:
            return job
        if not self._measuring.done and not self._late:
            return "wait"
        self.engine = self._begin()
        return self.engine.next_job(key)

    def reported(self, key: str, epoch: int, accuracy: float, seconds: float) -> bool:
        """Pass an epoch on to the engine; of a network that is timed, note the `seconds`."""
        if not self._measuring.owns(key):
            return self._engine.reported(key, epoch, accuracy, seconds)
        self._measuring.took(seconds)
        if self._since is None:
            self._since = self.clock.elapsed
        return True

    def scored(self, key: str, scores: dict[str, float]) -> None:
        """Pass scores on to the engine."""
        self._engine.scored(key, scores)

    def timed(self, key: str, timings: Sequence[Sequence[Any]]) -> None:
        """Note the updates that worker `key` has timed."""
        self._measuring.timed(key, timings)

    def has_reported(self, key: str, epoch: int) -> bool:
        """Whether this epoch, or the times, of worker `key` have been noted."""
        if self._measuring.owns(key):
            return self._measuring.has_reported(key)
        return self._engine.has_reported(key, epoch)

    def ended(self, key: str, *, worker: str = "", device: str = "cpu") -> None:
        """End the job of worker `key`."""
        if self._measuring.owns(key):
            self._measuring.ended(key)
        else:
            self._engine.ended(key, worker=worker, device=device)

    def failed(
        self, key: str, reason: str, fault: Fault = Fault.CANDIDATE, *, worker: str = "", device: str = "cpu"
    ) -> None:
        """End the job of worker `key`; a network that could not be timed is no failure of the
        search."""
        if self._measuring.owns(key):
            self._measuring.ended(key)
        else:
            self._engine.failed(key, reason, fault, worker=worker, device=device)

    def lost(self, key: str, reason: str, fault: Fault = Fault.MACHINE) -> None:
        """Take back the job of worker `key`; a network that was being timed is left out."""
        if self._measuring.owns(key):
            self._measuring.ended(key)
        elif self.engine is not None:
            self.engine.lost(key, reason, fault)

    @property
    def silent(self) -> list[str]:
        """Workers that must be taken for lost; none while the workers are measured."""
        return [] if self.engine is None else self.engine.silent

    def said(self, text: str) -> None:
        """Tell the listener of something that happened to the workers."""
        self._listener.said(text)

    def abandon(self) -> None:
        """Drop what is still running."""
        if self.engine is not None:
            self.engine.abandon()

    def finish(self) -> None:
        """End the run, as its time is over."""
        if self.engine is not None:
            self.engine.finish()

    def tick(self) -> None:
        """Let the listener redraw."""
        if self.engine is not None:
            self.engine.tick()

    @property
    def _late(self) -> bool:
        """Whether a network takes so long that the search begins before it has been timed."""
        return self._since is not None and self.clock.elapsed - self._since > self._measuring.budget

    @property
    def _engine(self) -> Engine:
        assert self.engine is not None  # only the engine has handed out what is not measured
        return self.engine
