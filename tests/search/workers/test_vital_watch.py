"""A call that waits in vain for a dead process of a private Ray is answered, so that it ends."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from automl.search.course import stopping
from automl.search.workers import private_ray, vital_watch
from automl.search.workers.deaths import RayDied, check_ray
from automl.search.workers.vital_watch import VitalWatch, in_ray


@pytest.fixture
def gcs(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A process that Ray takes for its GCS."""
    with subprocess.Popen(["sleep", "60"]) as process:
        node = SimpleNamespace(all_processes={"gcs_server": [SimpleNamespace(process=process)]})
        monkeypatch.setattr(private_ray, "_node", lambda: node)
        monkeypatch.setattr(vital_watch, "PAUSE", 0.01)
        yield process
        process.kill()


class Watching:
    """Begins to watch with this patience, and keeps what is said and revived."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch, self.said, self.revived = patch, list[str](), list[bool]()

    def begin(self, patience: float) -> VitalWatch:
        self.patch.setattr(vital_watch, "PATIENCE", patience)
        watch = VitalWatch(self.said.append, lambda: self.revived.append(True))
        self.patch.setattr(vital_watch, "_watch", watch)
        return watch


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    """The driver is inside a call of Ray."""
    monkeypatch.setattr(vital_watch, "in_ray", lambda thread: True)
    return Watching(monkeypatch)


def test_a_call_that_waits_for_the_dead_is_answered_and_if_it_stays_a_line_says_how_to_go_on(
    gcs, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "go_on", "finished evaluations are kept, go on with: automl search")
    watch = watching.begin(0.05)
    gcs.kill()
    watch.thread.join(10)
    assert watching.revived == [True]
    assert watching.said == [
        "error: Ray's gcs_server has died, and a call to it does not return; finished evaluations are kept, go on"
        " with: automl search"
    ]


def test_control_a_death_that_is_noticed_needs_neither(gcs, watching: Watching) -> None:
    watch = watching.begin(10.0)
    gcs.kill()
    gcs.wait()
    with pytest.raises(RayDied, match="gcs_server"):
        check_ray()
    watch.thread.join(10)
    assert not watch.thread.is_alive()
    assert watching.said == watching.revived == []


def test_control_a_ray_that_lives_or_is_stopped_needs_neither(gcs, watching: Watching) -> None:
    watch = watching.begin(0.0)
    watch.thread.join(0.1)
    assert watch.thread.is_alive()
    vital_watch.noticed()
    gcs.kill()
    watch.thread.join(10)
    assert watching.said == watching.revived == []


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
    assert watching.said == watching.revived == []
    vital_watch.noticed()
    watch.thread.join(10)


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
