"""Lets a run wait for its database while that cannot be had, and says so to the reader."""

from __future__ import annotations

from ...studies import Study
from . import stopping
from .events import Listener


def wait_patiently(study: Study, seconds: float, listener: Listener) -> None:
    """From now on each transaction of `study` waits up to `seconds` until it can begin. Each wait
    is told to `listener`, and ends when the process is told to stop."""

    def told(text: str) -> None:
        stopping.check_latest()
        listener.said(text)

    study.patience.seconds, study.patience.told = seconds, told
