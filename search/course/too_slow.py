"""Keeps networks from being trained that the time of a search does not suffice for.

What the sampler learns from depends on whose fault it is that a training does not end:

- It would not end even if it had begun with the search: the network is too slow. It is not begun,
  or stopped after the epoch that shows it, and the sampler takes it for a failure, so that it
  learns which choices are slow. It depends on the time that was given, so that the database holds
  no such failures: a run with more time judges anew.
- It would have ended, but began late, or other trainings or the machine held it up: no evidence.
  The curve so far counts, as that of any pruned training.
- Its workers are silent again and again: `Fault.blames_network`.
"""

from __future__ import annotations

from .clock import Clock
from .events import Listener
from .running import Running

PATIENCE = 20
"""Networks in a row that are not begun; then one is, whatever is expected of it."""


class TooSlow:
    """Judges the trainings of one run."""

    def __init__(self, clock: Clock, listener: Listener) -> None:
        self._clock, self._listener = clock, listener
        self._row, self._said = 0, False

    def refuses(self, live: Running) -> bool:
        """Whether a training is not to begin. References and listed networks always begin: they are
        what others are compared with."""
        if not self._judged(live) or self._row >= PATIENCE:
            self._row = 0
            return False
        self._row += 1
        if not self._said:
            self._said = True
            self._listener.said("networks whose training takes longer than the search has are not begun")
        return True

    def shown(self, live: Running) -> bool:
        """Whether the epochs of a training have shown that it is too slow; notes it there."""
        live.too_slow = self._judged(live)
        return live.too_slow

    def _judged(self, live: Running) -> bool:
        proposal = live.proposal
        return proposal is not None and proposal.trial is not None and proposal.stoppable and self._clock.too_slow(live)
