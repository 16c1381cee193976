"""Ends a search in which nothing works, rather than let every candidate fail."""

from __future__ import annotations

from ...blocks.errors import AutomlError
from .events import Counts

GIVE_UP_AFTER = 8
"""Failures and lost workers without a single accuracy after which the search ends: no candidate is
at fault."""


class Troubles:
    """Failures and lost workers of one run since its last report."""

    def __init__(self, counts: Counts) -> None:
        """Begin with none; `counts` are the run's numbers of evaluations."""
        self._counts, self._number = counts, 0

    def add(self, reason: str) -> None:
        """Note one.

        Raises:
            AutomlError: it is the `GIVE_UP_AFTER`th, and no evaluation has an accuracy.
        """
        self._number += 1
        if self._number >= GIVE_UP_AFTER and not self._counts.done + self._counts.pruned:
            raise AutomlError(f"the first {GIVE_UP_AFTER} evaluations all failed; the reason of the last one: {reason}")

    def clear(self) -> None:
        """Forget them: a worker has reported."""
        self._number = 0
