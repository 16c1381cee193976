"""When a search ends, and how its best networks are confirmed."""

from __future__ import annotations

from dataclasses import dataclass

from .confirmation import FINAL_FACTOR


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a search ends."""

    trials: int | None
    """Trials in the study altogether, those of earlier runs included; None: only time ends it."""
    seconds: float | None
    """Wall time of this run, confirmation included; None: only trials end it."""
    finals: int = 3
    """How many networks of the front are confirmed."""
    seeds: int = 2
    """From how many further seeds each."""
    factor: int = FINAL_FACTOR
    """For how many times the epochs of a trial."""
    epoch_scale: float = 1.0
    """How much longer an epoch of that takes than what trials report as one."""
