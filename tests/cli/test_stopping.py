"""A search that is told to stop, by any signal, keeps what has ended and says how to go on."""

from __future__ import annotations

import io
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
from automl.blocks.errors import Interrupted
from automl.cli import stopping
from automl.search.course.stop_signals import SIGNALS, kept_handlers, orderly, starting
from automl.studies.database.bulk_writer import Batch

from ..own_signals import own_signals  # noqa: F401
from .conftest import query
from .test_table_search import COMMAND, folder  # noqa: F401

pytestmark = pytest.mark.skipif(
    threading.current_thread() is not threading.main_thread(), reason="signals are those of the main thread"
)


def ids(folder: Path) -> list[str]:  # noqa: F811
    return [one for (one,) in query(folder, "SELECT candidate_id FROM automl_evaluations ORDER BY id")]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_keeps_what_has_ended_and_the_same_command_goes_on(
    number: int,
    folder: Path,  # noqa: F811
    call: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    add, ended = Batch.add, []

    def stops(batch: Batch, *args: object) -> object:
        kept = add(batch, *args)  # type: ignore[arg-type]
        ended.append(kept)
        if len(ended) == 5:
            signal.raise_signal(number)
        return kept

    with monkeypatch.context() as patch:
        patch.setattr(Batch, "add", stops)
        code, _, errors = call(*COMMAND)
    assert code == 128 + number
    assert errors.startswith("interrupted; finished evaluations are kept, go on with: automl")
    assert len(errors.splitlines()) == 1
    before = ids(folder)
    assert before == [one.candidate_id for one in ended]
    assert query(folder, "SELECT DISTINCT state FROM trials") == [("COMPLETE",)]
    assert call(*COMMAND)[0] == 0
    assert ids(folder)[:5] == before
    assert len(set(ids(folder))) == 12


def test_a_reader_that_stops_reading_is_no_error_and_what_has_ended_is_kept(
    folder: Path,  # noqa: F811
    call: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Closed(io.StringIO):
        """Standard output, whose reader goes away as soon as a network has been found."""

        def write(self, text: str) -> int:
            if text.startswith("complete"):
                raise BrokenPipeError
            return len(text)

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        code, _, errors = call(*COMMAND)
    assert (code, errors) == (0, "")
    assert len(ids(folder)) >= 1


def test_a_view_that_has_lost_its_terminal_hides_no_signal() -> None:
    def run(*stopped: BaseException) -> None:
        with stopping.interruptible("automl search"):
            try:
                for error in stopped:
                    raise error
            finally:
                raise OSError(5, "Input/output error")

    with pytest.raises(Interrupted, match="go on with: automl search") as caught:
        run(KeyboardInterrupt(signal.SIGHUP))
    assert caught.value.code == 129
    with pytest.raises(OSError, match="Input/output"):  # control
        run()


def test_a_command_that_hangs_after_a_signal_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    ended = threading.Event()
    monkeypatch.setattr(stopping.os, "_exit", lambda code: (codes.append(code), ended.set()))

    def hangs(*, limit: float, where: AbstractContextManager[None]) -> None:
        ended.clear()
        with stopping.interruptible("automl search", limit=limit), orderly(), where:
            signal.raise_signal(signal.SIGTERM)
            ended.wait(0.5)

    with pytest.raises(Interrupted):
        hangs(limit=60.0, where=nullcontext())  # control: it ends in time
    assert codes == []
    for limit, where in ((0.05, nullcontext()), (60.0, starting())):
        with pytest.raises(Interrupted):
            hangs(limit=limit, where=where)
        assert codes.pop() == 143
        assert capfd.readouterr().err == "interrupted; finished evaluations are kept, go on with: automl search\n"


def test_signals_have_the_exit_codes_of_a_shell() -> None:
    codes = [stopping.exit_code(KeyboardInterrupt(*one)) for one in ((), (signal.SIGTERM,), (signal.SIGHUP,))]
    assert codes == [130, 143, 129]


def test_sigterm_and_sighup_raise_as_ctrl_c_does_unless_they_are_ignored() -> None:
    with kept_handlers():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
        stopping.raise_on_signals()
        with pytest.raises(KeyboardInterrupt) as caught:
            signal.raise_signal(signal.SIGTERM)
        assert caught.value.args == (signal.SIGTERM,)
        signal.raise_signal(signal.SIGHUP)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_that_is_told_to_stop_before_it_has_begun_says_so(
    number: int, call: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it imports takes seconds; typer alone would end it with 130, whatever the signal was."""
    stopping.raise_on_signals()
    monkeypatch.setattr("automl.cli.searching.masked_command", lambda *_, **__: signal.raise_signal(number))
    assert call("search") == (128 + number, "", "interrupted\n")
