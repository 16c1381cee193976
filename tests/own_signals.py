"""A fixture for tests that send signals to their own process."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from automl.search.course.stop_signals import kept_handlers


@pytest.fixture(autouse=True)
def own_signals() -> Iterator[None]:
    """Python's own handler for Ctrl-C, and the system's for a closed terminal, also where the tests
    run in the background of a shell or under `nohup`, where both are ignored. Applies to all tests
    of a module that imports it."""
    with kept_handlers():
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
        yield
        signal.signal(signal.SIGHUP, hangup)
        signal.signal(signal.SIGINT, before)
