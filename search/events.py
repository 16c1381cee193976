"""What a search tells whoever watches it: the live view, a log, a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from ..studies.evaluation import Evaluation
from .job import Job


@dataclass(kw_only=True)
class Running:
    """An evaluation in a worker."""

    job: Job
    """What it was asked to do."""
    id: str
    """Of the candidate."""
    macs: int
    """At the deployment size."""
    curve: list[tuple[int, float]] = field(default_factory=list)
    """(epoch, validation accuracy) so far."""


@dataclass(kw_only=True)
class Counts:
    """How many of what so far, earlier runs of the study included."""

    done: int = 0
    """Trained to full fidelity."""
    pruned: int = 0
    """Stopped early."""
    failed: int = 0
    """Ended without a usable accuracy."""
    refused: int = 0
    """Proposals that the gate refused before any worker (this run's)."""
    duplicates: int = 0
    """Proposals that had been made before (this run's)."""
    waiting: int = 0
    """Waiting at a rung."""
    finals: int = 0
    """Chosen networks trained to confirm them."""
    target: int | None = None
    """Trials asked for; None where only time ends the search."""


class Listener(Protocol):
    """Told of everything, in the driver's thread; must return soon."""

    def said(self, text: str) -> None:
        """A line for the reader."""

    def phase(self, text: str) -> None:
        """What the search does from now on."""

    def reported(self, running: Running, counts: Counts) -> None:
        """A worker has finished an epoch."""

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None:
        """An evaluation is over and in the database; `best` is (accuracy, MACs) of the most accurate one so far."""

    def tick(self, running: list[Running], counts: Counts, seconds_left: float | None) -> None:
        """Called several times a second."""


class Silent:
    """Listens and says nothing."""

    def said(self, text: str) -> None: ...

    def phase(self, text: str) -> None: ...

    def reported(self, running: Running, counts: Counts) -> None: ...

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None: ...

    def tick(self, running: list[Running], counts: Counts, seconds_left: float | None) -> None: ...
