"""A search on a cluster whose machines share no folder: states and weights come to the driver, and
no training is lost when a machine joins, is drained, or is killed."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import ray
import ray._private.ray_constants as ray_constants
from automl.search.data.cache import Cache
from automl.search.data.mapped import created, finish, mapped
from automl.search.workers.image_delivery import received, rows_of_file, sent
from ray.cluster_utils import Cluster
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from ...studies.store.s3_server import MISSING, REASON, s3_server
from ..conftest import write_images
from .hidden_nodes import HiddenNodes, may_hide

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.xdist_group("ray if exhaustive"),
    pytest.mark.skipif(sys.platform != "linux", reason="hides a folder by Linux's mount namespaces"),
]

SPACE = """
name: tiny
skeleton: resnet
image: [1, 32, 32]
dimensions:
  depth: 0.2
  width: [0.125, 0.15, 0.2, 0.25]
  repeats: 1
  attention: [none, se, eca]
"""
TRIALS, EPOCHS = 9, 9
OPTIONS = (
    f"--space tiny.yaml --data images.npz --study tiny --sampler random --trials {TRIALS} --epochs {EPOCHS} --finals 1"
    " --seeds 1 --workers 2 --references 0 --proxy-size 16 --no-flip"
)
TIMEOUT = 240.0
SHAPE = (40, 3, 8, 8)


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HiddenNodes]:
    if not may_hide():
        pytest.skip("this user may have no mount namespace of its own")
    # after a private Ray in this process the head would listen at 127.0.0.1, which nobody looks for
    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", True)
    folder = tmp_path / "driver"
    folder.mkdir()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0}, shutdown_at_exit=False)
    found = HiddenNodes(cluster, folder, tmp_path)
    try:
        yield found
    finally:
        cluster.shutdown()
        found.end()


class Search:
    """`automl search` in a folder that only the driver sees."""

    def __init__(self, folder: Path, address: str, *more: str, **env: str) -> None:
        self.folder = folder
        (folder / "tiny.yaml").write_text(SPACE)
        write_images(folder / "images.npz", images=480)  # so many that an epoch of three is a rung
        program = [sys.executable, "-c", "from automl.cli.main import run; run()"]
        with open(folder / "said.txt", "w") as said:
            self._process = subprocess.Popen(
                [*program, "search", "--address", address, *OPTIONS.split(), *more],
                cwd=folder,
                stdout=said,
                stderr=subprocess.STDOUT,
                env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **env},
            )

    @property
    def said(self) -> str:
        return (self.folder / "said.txt").read_text()

    def rows(self, query: str) -> list[tuple]:
        try:
            with sqlite3.connect(f"file:{self.folder}/automl.db?mode=ro", uri=True) as database:
                return database.execute(query).fetchall()
        except sqlite3.OperationalError:  # it does not exist yet
            return []

    def until(self, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not reached():
            assert self._process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.1)

    def finish(self) -> None:
        assert self._process.wait(TIMEOUT) == 0, self.said

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def holds(self) -> None:
        """What must hold of a study that has ended, whatever happened to its machines."""
        found = self.rows("SELECT state, purpose, curve, reason, fault FROM automl_evaluations")
        assert [row for row in found if row[0] == "FAIL"] == []
        assert len([row for row in found if row[1] == "search"]) == TRIALS
        for _, _, curve, _, _ in found:
            epochs = [epoch for epoch, _ in json.loads(curve)]
            assert epochs == list(range(1, len(epochs) + 1))  # none was lost, none was done twice


@pytest.fixture
def search(nodes: HiddenNodes, tmp_path: Path) -> Iterator[Callable[..., Search]]:
    begun: list[Search] = []

    def begin(*more: str, **env: str) -> Search:
        begun.append(Search(tmp_path / "driver", nodes.cluster.address, *more, **env))
        return begun[-1]

    yield begin
    for one in begun:
        one.kill()


def test_states_and_weights_come_to_the_driver_whether_machines_are_killed_drained_or_added(
    nodes: HiddenNodes, search: Callable[..., Search], tmp_path: Path
):
    first, second = nodes.add(), nodes.add()
    found = search()
    artifacts = tmp_path / "driver" / "automl.db.artifacts" / "tiny"
    found.until(lambda: any((artifacts / "waiting").glob("*.pt")))
    assert not nodes.sees(artifacts)  # control: no worker has written there by itself
    nodes.cluster.remove_node(first, allow_graceful=False)
    nodes.add()
    nodes.drain(second, seconds=2)
    ended = len(found.rows("SELECT id FROM automl_evaluations"))
    found.until(lambda: len(found.rows("SELECT id FROM automl_evaluations")) > ended)
    nodes.cluster.remove_node(second)
    nodes.add()
    found.finish()
    found.holds()
    (kept,) = found.rows("SELECT checkpoint FROM automl_evaluations WHERE purpose = 'final' AND checkpoint IS NOT NULL")
    assert (artifacts / kept[0]).is_file()
    assert list(artifacts.glob(".*")) == []


def test_a_folder_that_all_machines_share_is_found_to_be_shared(
    nodes: HiddenNodes, search: Callable[..., Search], tmp_path: Path
):
    nodes.add()
    nodes.add()
    shared = tmp_path / "shared"
    found = search("--artifacts", f"file://{shared}")
    found.until(lambda: any(shared.glob("*/search/*.pt")))
    assert nodes.sees(next(shared.iterdir()))
    found.finish()
    found.holds()
    (folder,) = shared.iterdir()
    assert any(folder.glob("*.pt"))
    assert not any((tmp_path / "driver" / "automl.db.artifacts").glob("**/*.pt"))


def test_large_images_are_copied_once_to_a_machine(nodes: HiddenNodes, tmp_path: Path):
    nodes.add()
    file = tmp_path / "driver" / f"{7:032x}" / "images.npy"
    file.parent.mkdir()
    created(file, SHAPE)[:] = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    finish(file, SHAPE)
    images = np.array(mapped(file))
    ray.init(address=nodes.cluster.address, log_to_driver=False)
    try:
        place = sent({"images": mapped(file)})
        (node,) = (one["NodeID"] for one in ray.nodes() if "CPU" in one["Resources"])
        task = ray.remote(num_cpus=0)(received).options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, False))
        np.testing.assert_array_equal(ray.get(task.remote(place))["images"], images)
        file.unlink()  # whoever asks again finds the copy
        np.testing.assert_array_equal(ray.get(task.remote(place))["images"], images)
        with pytest.raises(OSError, match=r"images\.npy"):  # control: nobody else has them
            ray.get(ray.remote(num_cpus=0)(rows_of_file).remote(file, 0, 1))
    finally:
        ray.shutdown()
    assert len(Cache(folder=tmp_path / "node1" / "cache").entries()) == 1


@pytest.mark.skipif(bool(MISSING), reason=REASON)
@pytest.mark.filterwarnings("ignore")  # of the server's libraries
def test_through_an_object_store(nodes: HiddenNodes, search: Callable[..., Search], tmp_path: Path):
    with s3_server() as access:
        nodes.add(**access)
        nodes.add(**access)
        found = search("--artifacts", "s3://bucket/searches", **access)
        found.finish()
        found.holds()
        (kept,) = found.rows("SELECT checkpoint FROM automl_evaluations WHERE purpose = 'final'")[:1]
        copies = tmp_path / "driver" / "automl.db.artifacts" / "tiny"
        assert any(copies.glob(f"tiny-*/{kept[0]}"))  # fetched to be tested
        notes = found.rows("SELECT value FROM automl_notes WHERE key = 'artifacts'")
        assert "secret" not in str(notes)
