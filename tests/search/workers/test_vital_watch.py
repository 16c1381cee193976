"""A dead process of a private Ray for which Ray waits in vain ends the driver, with a line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from automl.search.course import stopping
from automl.search.workers import private_ray, vital_watch
from automl.search.workers.deaths import RayDied, check_ray
from automl.search.workers.vital_watch import VitalWatch


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A process that Ray takes for its GCS."""
    with subprocess.Popen(["sleep", "60"]) as process:
        node = SimpleNamespace(all_processes={"gcs_server": [SimpleNamespace(process=process)]})
        monkeypatch.setattr(private_ray, "_node", lambda: node)
        monkeypatch.setattr(vital_watch, "PAUSE", 0.01)
        yield process
        process.kill()


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], tuple[VitalWatch, list[str]]]:
    """Begins to watch with this patience; what ends the process is noted in place of that."""

    def begin(patience: float) -> tuple[VitalWatch, list[str]]:
        monkeypatch.setattr(vital_watch, "PATIENCE", patience)
        said: list[str] = []
        watch = VitalWatch(said.append)
        monkeypatch.setattr(vital_watch, "_watch", watch)
        return watch, said

    return begin


def test_a_death_that_nobody_notices_ends_the_process_and_says_how_to_go_on(
    gcs, watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "go_on", "finished evaluations are kept, go on with: automl search")
    watch, said = watching(0.05)
    gcs.kill()
    watch.thread.join(10)
    assert said == [
        "error: Ray's gcs_server has died, and a call to it does not return; finished evaluations are kept, go on"
        " with: automl search"
    ]


def test_control_a_death_that_is_noticed_does_not(gcs, watching) -> None:
    watch, said = watching(10.0)
    gcs.kill()
    gcs.wait()
    with pytest.raises(RayDied, match="gcs_server"):
        check_ray()
    watch.thread.join(10)
    assert not watch.thread.is_alive()
    assert said == []


def test_control_a_ray_that_lives_or_is_stopped_does_not(gcs, watching) -> None:
    watch, said = watching(0.0)
    watch.thread.join(0.1)
    assert watch.thread.is_alive()
    vital_watch.noticed()
    gcs.kill()
    watch.thread.join(10)
    assert said == []


def test_the_process_ends_with_one_line_and_code_1(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(vital_watch.os, "_exit", codes.append)
    vital_watch.end_process("error: γ")
    assert (codes, capfd.readouterr().err) == ([1], "error: γ\n")
