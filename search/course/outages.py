"""Holds the study of a run, and waits for its database while that cannot be had.

What an earlier run could not write to the database is taken over first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ...blocks.errors import AutomlError
from ...studies import Study, StudySpec
from ...studies.database.connection import Database
from ...studies.records.versions import versions
from ...studies.storage_url import open_study, storage_url
from ...studies.upkeep.recovered import take_over, tidy
from . import stop_signals
from .events import Listener

if TYPE_CHECKING:
    from ..options import ClusterOptions

FIRST_TOLD = 5.0
"""Seconds of waiting before a beginning after which it is told again; then after twice as many."""


def await_database(storage: str, seconds: float, said: Callable[[str], None]) -> None:
    """Before a run begins, wait up to `seconds` until the server of its database answers. Waiting
    is told to `said`, less and less often.

    Raises:
        InputError: it has not answered in time, or refuses this user or database; `storage` is no
            URL of a database.
    """
    stop_signals.forget()
    _waiting(storage, seconds, said).await_server()


def find(spec: StudySpec, options: ClusterOptions, listener: Listener) -> Study | None:
    """The study of this description, None if there is none. A database that cannot be had is waited
    for, also when the study is read later. Raises as `Study.find`."""
    database = _waiting(options.storage, options.db_patience, listener.said)
    study = database.patiently(lambda: Study.find(options.storage, spec))
    if study is not None:
        wait_patiently(study, options.db_patience, listener.said)
    return study


def created(spec: StudySpec, options: ClusterOptions, listener: Listener, *, command: str) -> Study:
    """The study of this description, created if there is none. A database that cannot be had is
    waited for. Raises as `Study.create_or_continue`."""
    database = _waiting(options.storage, options.db_patience, listener.said)
    return database.patiently(
        lambda: Study.create_or_continue(options.storage, spec, command=command, versions=versions())
    )


def opened(study: Study | str, storage: str | None, seconds: float, said: Callable[[str], None]) -> Study:
    """The study, opened anew for a run that waits up to `seconds` for its database, now and later;
    a `Study` that is given stays as it is. Raises as `open_study`."""
    known = study if isinstance(study, Study) else None
    url = storage_url(storage) if known is None else open_study(known, storage).storage_url
    stop_signals.forget()
    found = _waiting(url, seconds, said).patiently(lambda: open_study(known.spec.name if known else study, url))
    wait_patiently(found, seconds, said)
    return found


def _waiting(storage: str, seconds: float, said: Callable[[str], None]) -> Database:
    """A database whose patience tells the first wait, then one after `FIRST_TOLD`, then each time
    that waiting has taken twice as long, and ends when the process is told to stop."""
    began = time.monotonic()
    latest: float | None = None

    def told(text: str) -> None:
        nonlocal latest
        stop_signals.check_latest()
        passed = time.monotonic() - began
        if latest is None or passed >= 2 * latest:
            latest = max(passed, FIRST_TOLD / 2)
            said(text)

    database = Database(storage)
    database.patience.seconds, database.patience.told = seconds, told
    return database


@contextmanager
def driven(study: Study, options: ClusterOptions, listener: Listener) -> Iterator[None]:
    """Within it this process holds `study`; whom it has joined is told to `listener`.

    Raises:
        Held: another process runs the study, and the options do not say `join`.
    """
    wait_patiently(study, options.db_patience, listener.said)
    beside = study.drivers()
    with study.driven(join=options.join):
        for one in beside:
            listener.said(f"joined: {one}")
        tidy(study)
        for line in take_over(study):
            listener.said(line)
        yield


def clear(study: Study, listener: Listener) -> None:
    """Remove what the last run of a study left that died as it ended, and take over what it could
    not write: for a study on which nothing is left to do."""
    with suppress(AutomlError), study.driven(join=True):
        tidy(study)
        for line in take_over(study):
            listener.said(line)


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


def wait_patiently(study: Study, seconds: float, said: Callable[[str], None]) -> None:
    """From now on each transaction of `study` waits up to `seconds` until it can begin. Each wait
    is told to `said`, and ends when the process is told to stop."""

    def told(text: str) -> None:
        try:
            stop_signals.check_latest()
        except KeyboardInterrupt:
            study.patience.seconds = 0.0  # what the end of the run has to write is tried once
            raise
        said(text)

    study.patience.seconds, study.patience.told = seconds, told
