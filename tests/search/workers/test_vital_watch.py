"""A dead process of a private Ray for which a call waits in vain ends the driver, with a line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from automl.search.course import stop_signals
from automl.search.workers import own_ray, ray_private, vital_watch, watched
from automl.search.workers.deaths import PlacementGroups, RayDied, check_ray
from automl.search.workers.vital_watch import VitalWatch, in_ray
from ray.air.execution.resources import placement_group


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A process that Ray takes for its GCS."""
    with subprocess.Popen(["sleep", "60"]) as process:
        node = SimpleNamespace(all_processes={"gcs_server": [SimpleNamespace(process=process)]})
        monkeypatch.setattr(ray_private, "node", lambda: node)
        monkeypatch.setattr(vital_watch, "PAUSE", 0.01)
        yield process
        process.kill()


class Watching:
    """Begins to watch with this patience; what ends the process is noted in place of that."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch, self.said = patch, list[str]()

    def begin(self, patience: float) -> VitalWatch:
        self.patch.setattr(vital_watch, "PATIENCE", patience)
        watch = VitalWatch(self.said.append)
        self.patch.setattr(vital_watch, "_watch", watch)
        return watch


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    """The driver is inside a call of Ray."""
    monkeypatch.setattr(vital_watch, "in_ray", lambda thread: True)
    return Watching(monkeypatch)


def test_a_death_that_nobody_notices_ends_the_process_and_says_how_to_go_on(
    gcs, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_signals, "go_on", "finished evaluations are kept, go on with: automl search")
    watch = watching.begin(0.05)
    gcs.kill()
    watch.thread.join(10)
    assert watching.said == [
        "error: Ray's gcs_server has died, and a call to it does not return; finished evaluations are kept, go on"
        " with: automl search"
    ]


def test_control_a_death_that_is_noticed_does_not(gcs, watching: Watching) -> None:
    watch = watching.begin(10.0)
    gcs.kill()
    gcs.wait()
    with pytest.raises(RayDied, match="gcs_server"):
        check_ray()
    with vital_watch.while_stopping():
        assert watch.thread.is_alive()
    watch.thread.join(10)
    assert not watch.thread.is_alive()
    assert watching.said == []


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the children of a process are read from /proc")
def test_the_death_of_an_agent_is_noticed_before_its_raylet_dies_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    begins = "for name in ray::RuntimeEnvAgent ray::IDLE; do (exec -a $name sleep 60) & echo $!; done; exec sleep 60"
    with subprocess.Popen(["bash", "-c", begins], stdout=subprocess.PIPE) as raylet:
        assert raylet.stdout is not None
        agent, worker = (int(raylet.stdout.readline()) for _ in range(2))
        node = SimpleNamespace(all_processes={"raylet": [SimpleNamespace(process=raylet)]})
        monkeypatch.setattr(ray_private, "node", lambda: node)
        try:
            wait_until(lambda: own_ray.agents(raylet.pid) == {agent})
            check_ray()
            os.kill(worker, signal.SIGKILL)
            wait_until(lambda: has_ended(worker))
            check_ray()  # control: a worker is none
            os.kill(agent, signal.SIGKILL)
            wait_until(lambda: not own_ray.agents(raylet.pid))
            with pytest.raises(RayDied, match="agent"):
                check_ray()
        finally:
            for one in (agent, worker, raylet.pid):
                with suppress(ProcessLookupError):
                    os.kill(one, signal.SIGKILL)


def has_ended(pid: int) -> bool:
    """Whether a process has ended, whether or not anybody has asked how."""
    try:
        return not Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True


def wait_until(holds: Callable[[], bool]) -> None:
    """Return once it holds."""
    while not holds():
        time.sleep(0.01)


def test_a_noticed_death_after_which_a_call_does_not_return_is_said(
    gcs, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray Tune cleans up after a run that was broken off."""
    monkeypatch.setattr(vital_watch, "ENDING", 0.05)
    watch = watching.begin(60.0)
    gcs.kill()
    gcs.wait()
    vital_watch.noticed()
    watch.thread.join(10)
    assert len(watching.said) == 1


def test_stopping_ray_that_does_not_return_is_said_wherever_it_waits(
    gcs, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray waits for threads and processes too, and forgets the processes that it has killed."""
    monkeypatch.setattr(vital_watch, "ENDING", 0.05)
    monkeypatch.setattr(vital_watch, "in_ray", in_ray)
    watch = watching.begin(60.0)
    with vital_watch.while_stopping():
        monkeypatch.setattr(ray_private, "node", lambda: None)
        watch.thread.join(0.2)
        assert watching.said == []  # control: the process lives
        gcs.kill()
        watch.thread.join(10)
    assert len(watching.said) == 1


def test_a_driver_that_waits_for_something_else_is_left_alone(
    gcs, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For its database, say: when that is back it notices the death itself."""
    monkeypatch.setattr(vital_watch, "in_ray", in_ray)
    watch = watching.begin(0.0)
    gcs.kill()
    gcs.wait()
    watch.thread.join(0.2)
    assert watch.thread.is_alive()
    assert watching.said == []
    watch.end()
    watch.thread.join(10)


def test_groups_of_a_ray_that_has_died_are_not_removed(gcs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The garbage collector removes them, and would wait for the dead GCS."""
    removed: list[Any] = []
    monkeypatch.setattr(placement_group.ray, "is_initialized", lambda: True)
    monkeypatch.setattr(placement_group, "remove_placement_group", removed.append)
    living, dead = PlacementGroups(), PlacementGroups()
    for one in (living, dead):
        one._acquired_pgs.add(one)  # type: ignore[arg-type]
    living.clear()
    assert removed == [living]  # control
    gcs.kill()
    gcs.wait()
    dead.clear()
    assert removed == [living]


def test_the_process_ends_with_one_line_and_code_1(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    codes: list[int] = []
    monkeypatch.setattr(stop_signals.os, "_exit", codes.append)
    vital_watch.end_process("error: γ")
    assert (codes, capfd.readouterr().err) == ([1], "error: γ\n")


def test_the_process_ends_whatever_its_last_words_run_into(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(stop_signals.os, "_exit", codes.append)

    def fails() -> None:
        raise RuntimeError

    monkeypatch.setattr(stop_signals, "said", fails)
    with pytest.raises(RuntimeError):  # `os._exit` has returned, which it does only here
        stop_signals.end_at_once("error: \ud800", 3)
    assert codes == [3]
    for closed in (True, False):
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, bufsize=0) as gone:
            assert gone.stdin is not None
            gone.kill()
            gone.wait()
            if closed:
                gone.stdin.close()
            monkeypatch.setattr(watched, "_watchdog", gone)
            watched.say_done()


def test_whether_a_thread_is_inside_a_call_of_ray_is_seen() -> None:
    module: dict[str, Any] = {"__name__": "ray._private.worker"}
    exec("def call(wait): wait()", module)
    lock = threading.Lock()
    with lock:
        thread = threading.Thread(target=module["call"], args=(lock.acquire,))
        thread.start()
        for _ in range(500):
            if in_ray(thread.ident or 0):
                break
            time.sleep(0.01)
        assert in_ray(thread.ident or 0)
        assert not in_ray(threading.get_ident())  # control
    thread.join()
