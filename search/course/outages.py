"""Holds the study of a run, and waits for its database while that cannot be had.

What an earlier run could not write to the database is taken over first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...studies import Study
from ...studies.upkeep.recovered import take_over, tidy
from . import stop_signals
from .events import Listener

if TYPE_CHECKING:
    from ..options import ClusterOptions


@contextmanager
def driven(study: Study, options: ClusterOptions, listener: Listener) -> Iterator[None]:
    """Within it this process holds `study`; whom it has joined is told to `listener`.

    Raises:
        Held: another process runs the study, and the options do not say `join`.
    """
    wait_patiently(study, options.db_patience, listener)
    beside = study.drivers()
    with study.driven(join=options.join):
        for one in beside:
            listener.said(f"joined: {one}")
        tidy(study)
        for line in take_over(study):
            listener.said(line)
        yield


def require_free(study: Study | None, options: ClusterOptions) -> None:
    """Refuse before anything is started what `driven` would refuse; None is a new study.

    Raises:
        Held: another process runs the study, and the options do not say `join`.
    """
    from ...studies.lease import held

    if study is not None and not options.join and (others := study.drivers()):
        raise held(study.spec, others[0])


def is_last_driver(study: Study, listener: Listener) -> bool:
    """Whether this process, whose run has ended, tests the network chosen: the last of those that
    share the study does, since the others may still find a better one. `listener` is told who
    does."""
    others = study.drivers()
    if others:
        listener.said(f"not tested yet: the last process of the study tests the network chosen ({others[0]} goes on)")
    return not others


def wait_patiently(study: Study, seconds: float, listener: Listener) -> None:
    """From now on each transaction of `study` waits up to `seconds` until it can begin. Each wait
    is told to `listener`, and ends when the process is told to stop."""

    def told(text: str) -> None:
        try:
            stop_signals.check_latest()
        except KeyboardInterrupt:
            study.patience.seconds = 0.0  # what the end of the run has to write is tried once
            raise
        listener.said(text)

    study.patience.seconds, study.patience.told = seconds, told
