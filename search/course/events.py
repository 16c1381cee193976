"""The events of a search, and listeners that print them or print nothing.

`search(options, listener=Printing())` prints in a script or a notebook what `automl search` prints.
Any object with the methods of `Listener` is a listener.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ...blocks.documented import documented
from ...spaces import human
from ...studies.records.evaluation import Evaluation
from ...studies.records.measure import SCORE, as_text, measured, words
from .running import Running


@documented
@dataclass(kw_only=True)
class Counts:
    """Numbers of evaluations of a study by how they ended, in all runs unless said otherwise."""

    done: int = 0
    """Trials evaluated in full: trained to full fidelity, scored, or looked up."""
    pruned: int = 0
    """Trials stopped early."""
    failed: int = 0
    """Trials that ended without a usable accuracy; each has its reason in the study."""
    refused: int = 0
    """Proposals of this run over the budget; no worker has seen them."""
    duplicates: int = 0
    """Proposals of this run that had been made before."""
    waiting: int = 0
    """Trials that are paused at a rung and may resume."""
    finals: int = 0
    """Final trainings, which confirm the leading networks; they are no trials."""
    target: int | None = None
    """Trials asked for in all runs; None if only time ends the search."""


def counts_text(counts: Counts) -> str:
    """The counts in one line."""
    ended = counts.done + counts.pruned + counts.failed
    of = f"/{counts.target}" if counts.target else ""
    waiting = f"{counts.waiting} wait, " if counts.waiting else ""
    return (
        f"{ended}{of} trials: {counts.done} done, {waiting}{counts.pruned} pruned, {counts.failed} failed;"
        f" {counts.refused} refused by the gate"
    )


def ended_text(evaluation: Evaluation, macs: int) -> str:
    """One line about an evaluation that has ended; `macs` are those of its candidate."""
    epochs = evaluation.curve[-1][0] if evaluation.curve else 0
    kind = (
        "confirmed"
        if evaluation.purpose == "final" and evaluation.state == "COMPLETE"
        else str(evaluation.state).lower()
    )
    reason = f" ({evaluation.reason})" if evaluation.reason else ""
    trained = "" if measured(evaluation) == SCORE else f"{epochs}/{evaluation.fidelity.epochs} epochs  "
    value = value_text(measured(evaluation), evaluation.accuracy)
    return (
        f"{kind:9} {evaluation.candidate_id[:12]}  {value}  {human(macs)}FLOPs "
        f" {trained}{duration(evaluation.seconds)}{reason}"
    )


def running_text(running: Running, counts: Counts) -> str:
    """One line about an evaluation that is running, and the counts."""
    epoch, value = running.curve[-1] if running.curve else (0, None)
    trained = "" if running.job.scores else f"  {epoch}/{running.job.fidelity.epochs} epochs"
    left = "" if running.left is None or running.complete else f", about {duration(running.left)} to go"
    return f"running   {running.id[:12]}  {value_text(running.measure, value)}{trained}{left}; {counts_text(counts)}"


def value_text(measure: str, value: float | None) -> str:
    """ "accuracy 0.9123" or "score 14.28"; "-" stands for a missing number."""
    digits = f"{value:.4g}" if measure == SCORE and value is not None else as_text(measure, value)
    return f"{words(measure)} {digits}"


def duration(seconds: float) -> str:
    """Seconds for a reader: "8 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Listener(Protocol):
    """Is called by a search for each event, from the thread that called `search`.

    While a call lasts, no worker gets its next job.
    """

    def said(self, text: str) -> None:
        """A line of text for the reader: about the space, the data, what was skipped."""

    def phase(self, text: str) -> None:
        """A new phase has begun, e.g. "starting the workers"."""

    def reported(self, running: Running, counts: Counts) -> None:
        """A worker has finished an epoch of `running`; its curve holds the result."""

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None:
        """An evaluation has ended and is in the database.

        `macs` are its candidate's; `best` is (accuracy, MACs) of the most accurate one of the
        search so far, None before the first.
        """

    def tick(self, running: list[Running], counts: Counts, seconds_left: float | None) -> None:
        """Called several times a second with all running evaluations; `seconds_left` is None if
        only trials end the search."""


class Silent:
    """Prints nothing; the default of `search`."""

    def said(self, text: str) -> None: ...

    def phase(self, text: str) -> None: ...

    def reported(self, running: Running, counts: Counts) -> None: ...

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None: ...

    def tick(self, running: list[Running], counts: Counts, seconds_left: float | None) -> None: ...


class Printing:
    """Prints a line for each evaluation that ends, and now and then one for those that run.

    >>> result = search(options, listener=Printing())  # doctest: +SKIP
    """

    def __init__(self, say: Callable[[str], object] = print, *, every: float = 10.0) -> None:
        """Lines are given to `say`, `print` for example; between two of them about running
        evaluations lie at least `every` seconds."""
        self._say, self._every = say, every
        self._last = -math.inf

    def said(self, text: str) -> None:
        self._say(text)

    def phase(self, text: str) -> None:
        self._say(f"{text} …")

    def reported(self, running: Running, counts: Counts) -> None:
        if time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self._say(running_text(running, counts))

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None:
        self._say(ended_text(evaluation, macs))

    def tick(self, running: list[Running], counts: Counts, seconds_left: float | None) -> None: ...
