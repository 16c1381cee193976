"""A signal stops a run where nothing is half done; a second one stops it at once."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.search.course.outages import opened, wait_patiently
from automl.search.course.stop_signals import SIGNALS, kept_handlers, orderly
from automl.spaces import Space
from automl.studies.database.patience import Patience

from ...own_signals import own_signals  # noqa: F401
from .played_workers import open_study

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals are those of the main thread"
)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_is_noted_until_the_run_looks(number: int) -> None:
    done = []

    def run() -> None:
        with orderly() as stop:
            signal.raise_signal(number)
            done.append("the transaction")
            stop.check()
            done.append("the next one")

    with pytest.raises(KeyboardInterrupt) as caught:
        run()
    assert done == ["the transaction"]
    assert caught.value.args == (number,)


def test_control_without_it_a_signal_raises_in_the_midst() -> None:
    done = []

    def run() -> None:
        signal.raise_signal(signal.SIGINT)
        done.append("the transaction")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == []


def test_a_second_signal_raises_at_once() -> None:
    done = []

    def run() -> None:
        with orderly():
            signal.raise_signal(signal.SIGTERM)
            done.append("first")
            signal.raise_signal(signal.SIGTERM)
            done.append("second")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert done == ["first"]


def test_a_signal_that_nobody_has_looked_at_is_not_lost() -> None:
    with pytest.raises(KeyboardInterrupt), orderly():
        signal.raise_signal(signal.SIGTERM)


def test_without_a_signal_nothing_happens() -> None:
    with orderly() as stop:
        stop.check()


def test_a_closed_terminal_is_no_error_of_its_own() -> None:
    def run(*signals: int) -> None:
        with orderly():
            for number in signals:
                signal.raise_signal(number)
            raise OSError(5, "Input/output error")

    with pytest.raises(KeyboardInterrupt):
        run(signal.SIGHUP)
    with pytest.raises(OSError, match="Input/output"):  # control
        run()


def test_handlers_are_put_back_and_ignored_signals_stay_ignored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    hangup = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with orderly() as stop:
            assert signal.getsignal(signal.SIGTERM) is not before
            signal.raise_signal(signal.SIGHUP)
            stop.check()
        assert signal.getsignal(signal.SIGTERM) is before
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, hangup)


def test_in_another_thread_signals_are_left_alone() -> None:
    seen = []

    def work() -> None:
        with kept_handlers() as handled:
            seen.append(handled)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[]]


def test_a_wait_for_the_database_ends_when_the_process_is_told_to_stop() -> None:
    said: list[str] = []
    study = SimpleNamespace(patience=Patience())
    wait_patiently(study, 60.0, said.append)  # type: ignore[arg-type]

    def run() -> None:
        with orderly():
            study.patience.told("waiting")
            signal.raise_signal(signal.SIGTERM)
            study.patience.told("waiting")

    with pytest.raises(KeyboardInterrupt):
        run()
    assert said == ["waiting"]
    with pytest.raises(KeyboardInterrupt):  # the notes of a run that is ending wait no more
        study.patience.told("waiting")
    with orderly():  # another run
        study.patience.told("waiting")
    assert said == ["waiting", "waiting"]


def test_a_study_that_a_run_opens_waits_and_the_one_it_was_given_does_not(tmp_path: Path, space: Space) -> None:
    given = open_study(tmp_path, space)
    for study in (opened(given, None, 60.0, print), opened(given.spec.name, given.storage_url, 60.0, print)):
        assert study.spec == given.spec
        assert study.patience.seconds == 60.0
    assert given.patience.seconds == 0.0
