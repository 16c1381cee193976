"""Holds the study of a run, and waits for its database while that cannot be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ...studies import Study
from . import stopping
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
        yield


def require_free(study: Study | None, options: ClusterOptions) -> None:
    """Refuse before anything is started what `driven` would refuse; None is a new study.

    Raises:
        Held: another process runs the study, and the options do not say `join`.
    """
    from ...studies.lease import held

    if study is not None and not options.join and (others := study.drivers()):
        raise held(study.spec.name, others[0])


def wait_patiently(study: Study, seconds: float, listener: Listener) -> None:
    """From now on each transaction of `study` waits up to `seconds` until it can begin. Each wait
    is told to `listener`, and ends when the process is told to stop."""

    def told(text: str) -> None:
        stopping.check_latest()
        listener.said(text)

    study.patience.seconds, study.patience.told = seconds, told
