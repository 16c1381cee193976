"""Large images reach the workers as the place of a file, on this machine and on others."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from automl.search import SearchOptions
from automl.search.data.cache import Cache
from automl.search.data.mapped import Mapped, created, finish, mapped
from automl.search.plan import arrays, prepare
from automl.search.training.pixels import Pixels
from automl.search.workers.image_delivery import OnNode, received, rows_of_file, sent
from PIL import Image

SHAPE = (40, 3, 8, 8)
NODE = "a1" * 28


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("automl.search.data.builtin.folder_source.SMALLEST", 1)
    monkeypatch.setattr("ray.get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: NODE))
    monkeypatch.setenv("AUTOML_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def images(tmp_path: Path) -> Mapped:
    path = tmp_path / f"{7:032x}" / "images.npy"
    path.parent.mkdir()
    created(path, SHAPE)[:] = np.random.default_rng(0).integers(0, 256, SHAPE, np.uint8)
    finish(path, SHAPE)
    return mapped(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of images that is read by way of the cache."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


class TestOneMachine:
    def test_a_search_hands_its_workers_mapped_images_and_no_copy(self, folder: Path):
        given = arrays(prepare(SearchOptions(data=str(folder), budget=["3MFLOPs"], space="efficientnet")))
        there = received(pickle.loads(pickle.dumps(sent(given))))
        assert isinstance(there["images"], Mapped)
        assert there["images"].file == given["images"].file
        assert there["images"].file is not None
        assert len(pickle.dumps(sent(given))) < given["images"].nbytes / 10
        rows = (there["labels"], there["train"], there["validation"])
        pixels = Pixels(there["images"], *rows, None, "cpu")
        assert np.shares_memory(pixels._images, there["images"])

    def test_what_lies_in_memory_would_be_seen(self, folder: Path):
        given = arrays(prepare(SearchOptions(data=str(folder), budget=["3MFLOPs"], space="efficientnet", cache="none")))
        assert not isinstance(received(sent(given))["images"], Mapped)
        assert len(pickle.dumps(sent(given))) > given["images"].nbytes


class TestOtherMachines:
    def place(self, images: Mapped) -> OnNode:
        """The place of the images as another machine sees it, which has no such file."""
        assert images.file is not None
        file = images.file.parents[1] / "elsewhere" / images.file.parent.name / images.file.name
        return OnNode(file=file, shape=images.shape, node=NODE)

    def test_the_first_worker_copies_them_into_the_cache_and_the_others_map_the_copy(
        self, images: Mapped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr("automl.search.data.copied.BLOCK", 3 * images[0].nbytes)
        asked: list[tuple[int, int]] = []

        def read(start: int, stop: int) -> np.ndarray:
            asked.append((start, stop))
            return rows_of_file(images.file or Path(), start, stop)

        found = [self.place(images).here(read) for _ in range(2)]
        assert asked == [(start, min(start + 3, 40)) for start in range(0, 40, 3)]
        for one in found:
            assert isinstance(one, Mapped)
            np.testing.assert_array_equal(one, images)
        assert [entry.images for entry in Cache(folder=tmp_path / "cache").entries()] == [40]

    def test_a_file_of_that_name_with_other_images_is_not_taken(self, images: Mapped):
        assert images.file is not None
        about = {"shape": SHAPE, "fingerprint": "ours"}
        (images.file.parent / "about.json").write_text(json.dumps(about))
        there = sent({"images": images})["images"]
        assert there.here(pytest.fail) is not images  # this machine's, by its fingerprint
        (images.file.parent / "about.json").write_text(json.dumps({**about, "fingerprint": "another"}))
        found = there.here(lambda start, stop: np.zeros((stop - start, *SHAPE[1:]), np.uint8))
        assert found.shape == SHAPE
        assert not found.any()

    @pytest.mark.parametrize("cache", ["none", "file/cache"])
    def test_where_there_is_no_cache_they_are_read_into_memory(
        self, images: Mapped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cache: str
    ):
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("AUTOML_CACHE", cache if cache == "none" else str(tmp_path / cache))
        found = self.place(images).here(lambda start, stop: images[start:stop])
        assert not isinstance(found, Mapped)
        np.testing.assert_array_equal(found, images)

    def test_the_blocks_are_read_by_a_task_on_the_machine_that_has_the_file(
        self, images: Mapped, monkeypatch: pytest.MonkeyPatch
    ):
        nodes: list[str] = []

        class Task:
            def __init__(self, function):
                self.function = function

            def options(self, scheduling_strategy):
                nodes.append(scheduling_strategy.node_id)
                return self

            def remote(self, file, start, stop):
                return self.function(images.file, start, stop)

        monkeypatch.setattr("ray.remote", lambda **_: Task)
        monkeypatch.setattr("ray.get", lambda answer: answer)
        np.testing.assert_array_equal(self.place(images).here(), images)
        assert nodes == [NODE]
