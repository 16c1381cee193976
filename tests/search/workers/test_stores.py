"""How workers find the store of a study, whether or not they share the driver's folder."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.search.workers.on_node import on_node
from automl.search.workers.stores import ABANDONED, TOUCHED, OnDriver, Tokens, reached, store_of
from automl.studies.store import Folder, Store, StoreError, Url
from ray.exceptions import RayTaskError

from ...studies.store.conformance import StoreConformance, put

NODE = "a1" * 28


class TestOnDriver(StoreConformance):
    """The driver's folder through Ray, whose tasks run here at once."""

    @pytest.fixture
    def nodes(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The machines that tasks were sent to."""
        nodes: list[str] = []

        class Task:
            def __init__(self, function):
                self.function = function

            def options(self, scheduling_strategy):
                nodes.append(scheduling_strategy.node_id)
                return self

            def remote(self, *given):
                try:
                    return self.function(*given)
                except OSError as error:
                    return RayTaskError("task", "traceback", error)

        def get(answer, timeout):
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr("automl.search.workers.on_node._task", Task)
        monkeypatch.setattr("ray.get", get)
        return nodes

    @pytest.fixture
    def store(self, tmp_path: Path, nodes: list[str]) -> Store:
        return OnDriver(NODE, str(tmp_path / "files"))

    def test_tasks_run_on_the_drivers_machine(self, store: Store, tmp_path: Path, nodes: list[str]):
        put(store, "a.pt", b"one")
        assert (tmp_path / "files" / "a.pt").read_bytes() == b"one"
        assert nodes == [NODE]

    def test_what_its_disk_refuses_is_told_in_one_line(self, store: Store, tmp_path: Path):
        (tmp_path / "files").write_text("no folder")
        with pytest.raises(StoreError, match=r"^a\.pt in .*/files of the driver's machine cannot be reached: .*exists"):
            put(store, "a.pt", b"one")


def job(place: str | None) -> SimpleNamespace:
    return SimpleNamespace(store=place)


class TestReached:
    def test_a_worker_that_sees_the_token_shares_the_folder(self, tmp_path: Path):
        tokens = Tokens(NODE)
        tokens.write(str(tmp_path))
        found = store_of(job(reached(str(tmp_path), NODE)))  # pyright: ignore[reportArgumentType]
        assert isinstance(found, Folder)
        assert found.folder == tmp_path
        tokens.remove()
        assert list(tmp_path.iterdir()) == []

    def test_one_that_does_not_see_it_goes_through_ray(self, tmp_path: Path):
        Tokens("b2" * 28).write(str(tmp_path))  # another driver's, whose folder was copied here
        found = store_of(job(reached(str(tmp_path), NODE)))  # pyright: ignore[reportArgumentType]
        assert isinstance(found, OnDriver)
        assert (found._node, found.place) == (NODE, str(tmp_path))

    def test_a_url_and_a_private_ray_need_no_token(self, tmp_path: Path):
        Tokens("").write(str(tmp_path))
        Tokens(NODE).write("s3://bucket/place")
        assert list(tmp_path.iterdir()) == []
        assert reached(str(tmp_path), "") == str(tmp_path)
        assert reached(None, NODE) is None
        found = store_of(job(reached("s3://bucket/place", NODE)))  # pyright: ignore[reportArgumentType]
        assert isinstance(found, Url)

    def test_tokens_of_drivers_that_were_killed_are_removed(self, tmp_path: Path):
        Tokens("b2" * 28).write(str(tmp_path))
        Tokens("c3" * 28).write(str(tmp_path))
        old = next(tmp_path.glob("*b2*"))
        os.utime(old, (time.time() - 2 * ABANDONED,) * 2)
        Tokens(NODE).write(str(tmp_path))
        assert sorted(path.name[-2:] for path in tmp_path.iterdir()) == ["a1", "c3"]

    def test_a_driver_that_lives_touches_its_token(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        tokens, began = Tokens(NODE), time.time()
        tokens.write(str(tmp_path))
        [token] = tmp_path.iterdir()
        os.utime(token, (began - 2 * ABANDONED,) * 2)
        tokens.write(str(tmp_path))
        assert token.stat().st_mtime < began - ABANDONED  # not at each call
        monkeypatch.setattr("automl.search.workers.stores.time.time", lambda: began + 2 * TOUCHED)
        tokens.write(str(tmp_path))
        assert token.stat().st_mtime > began - ABANDONED


def test_a_function_is_made_a_task_once(monkeypatch: pytest.MonkeyPatch):
    made: list[object] = []
    monkeypatch.setattr("ray.remote", lambda **_: lambda call: made.append(call) or SimpleNamespace(options=dict))

    def call() -> None: ...

    for _ in range(2):
        on_node(NODE, call)
    assert made == [call]
