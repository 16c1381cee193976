"""Filters the messages of a search with thousands of evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..search.course.events import Counts, Listener, Running
    from ..studies import Evaluation


class Quiet:
    """Passes on finished evaluations only if they are a new best, a final training or a failure.

    All other calls are passed on unchanged.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._best: tuple[float, int] | None = None

    def said(self, text: str) -> None:
        self._listener.said(text)

    def phase(self, text: str) -> None:
        self._listener.phase(text)

    def reported(self, running: Running, counts: Counts) -> None:
        self._listener.reported(running, counts)

    def ended(self, evaluation: Evaluation, macs: int, counts: Counts, best: tuple[float, int] | None) -> None:
        if best != self._best or evaluation.purpose == "final" or evaluation.state == "FAIL":
            self._listener.ended(evaluation, macs, counts, best)
        self._best = best

    def tick(self, running: list[Running], counts: Counts, seconds_left: float | None) -> None:
        self._listener.tick(running, counts, seconds_left)
