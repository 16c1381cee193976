"""Decoded data sets on disk: the same data as decoded directly, whatever happens to the cache."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.blocks.errors import AutomlError
from automl.search.data import ImageData, described, image_files, load, split
from automl.search.data import cached as cached_module
from automl.search.data.cache import Cache
from automl.search.data.entry import ABOUT, IMAGES, ROWS
from automl.search.data.mapped import Mapped
from PIL import Image

from .decoded import COUNT, SIDE, assert_equal, read, write_classes


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("folder", "npz"):
        monkeypatch.setattr(f"automl.search.data.builtin.{source}_source.SMALLEST", 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_classes(tmp_path / "pets")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(folder=tmp_path / "cache")


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sides at which images were decoded, one for each image."""
    found: list[int] = []
    real = image_files.read_pixels

    def counted(source: Any, side: int, channels: int, fit: str) -> Any:
        found.append(side)
        return real(source, side, channels, fit)

    monkeypatch.setattr(image_files, "read_pixels", counted)
    return found


def entry(cache: Cache) -> Path:
    """The folder of the only entry."""
    [found] = cache.entries()
    return cache.place(found.key)


def left_aside(cache: Cache) -> list[str]:
    """What lies in the folder beside entries, locks and the tag."""
    keys = {one.key for one in cache.entries()}
    return sorted({path.name for path in cache.folder.iterdir()} - keys - {".locks", "CACHEDIR.TAG"})


class TestTheSameData:
    def test_what_is_read_is_what_is_decoded_directly_to_the_bit(self, root: Path, cache: Cache):
        direct = read(root)
        assert not isinstance(direct.images, Mapped)
        for _ in range(2):  # as it is built, and as it is found
            kept = read(root, cache)
            assert isinstance(kept.images, Mapped)
            assert_equal(kept, direct)
            assert split(kept, seed=3).to_dict() == split(direct, seed=3).to_dict()

    def test_a_second_reading_decodes_nothing(self, root: Path, cache: Cache, decodings: list[int]):
        read(root, cache)
        assert len(decodings) == 2 * 3 * COUNT
        read(root, cache)
        assert len(decodings) == 2 * 3 * COUNT

    def test_the_usual_size_is_one_entry_whether_it_is_named_or_not(self, root: Path, cache: Cache):
        assert_equal(load(str(root), cache=cache), load(str(root), size=64, cache=cache))
        assert [entry.size for entry in cache.entries()] == [64]

    def test_without_a_cache_every_reading_decodes(self, root: Path, decodings: list[int]):
        read(root)
        read(root)
        assert len(decodings) == 2 * 2 * 3 * COUNT

    def test_unreadable_files_small_classes_and_strays_are_left_out_alike(self, tmp_path: Path, cache: Cache):
        root = write_classes(tmp_path / "many", count=40)
        (root / "train" / "dog" / "05.png").write_bytes(b"no picture")
        (root / "train" / "dog" / "notes.txt").write_text("labels")
        Image.new("RGB", (9, 9)).save(root / "stray.png")
        for number in range(30, 40):
            next((root / "train" / "cat").glob(f"{number}.*")).unlink()
        direct = read(root, drop_small_classes=35)
        assert direct.dropped == (("cat", 30),)
        assert len(direct.skipped) == 3
        assert_equal(read(root, cache, drop_small_classes=35), direct)
        assert_equal(read(root, cache, drop_small_classes=35), direct)
        assert_equal(read(root, cache), read(root))  # the other choice is another entry
        assert len(cache.entries()) == 2

    def test_copies_of_images_are_known_without_another_look_at_the_pixels(self, root: Path, cache: Cache):
        shutil.copy(root / "train" / "cat" / "00.png", root / "train" / "dog" / "copy.png")
        direct = read(root)
        assert (direct.first != np.arange(len(direct.first))).sum() == 1
        read(root, cache)
        assert "first" in read(root, cache).__dict__
        assert_equal(read(root, cache), direct)

    def test_an_archive_is_kept_decoded_too(self, tmp_path: Path, cache: Cache):
        random = np.random.default_rng(0)
        path = tmp_path / "x.npz"
        np.savez(path, x=random.integers(0, 256, (30, 9, 8, 3), np.uint8), y=np.arange(30) % 3)
        for size in (None, 5):
            direct = load(str(path), size=size, cache="none")
            assert_equal(load(str(path), size=size, cache=cache), direct)
            assert_equal(load(str(path), size=size, cache=cache), direct)
        assert sorted(one.size for one in cache.entries()) == [5, 8]

    def test_grey_of_more_than_8_bits_stays_in_memory(self, tmp_path: Path, cache: Cache):
        for name in ("a", "b"):
            (tmp_path / "deep" / name).mkdir(parents=True)
            for number in range(5):
                pixels = np.random.default_rng(number).integers(7000, 7300, (9, 9)).astype(np.uint16)
                Image.fromarray(pixels).save(tmp_path / "deep" / name / f"{number}.png")
        assert_equal(read(tmp_path / "deep", cache), read(tmp_path / "deep"))
        assert cache.entries() == []

    def test_data_that_take_little_memory_are_not_cached(
        self, root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.undo()
        assert_equal(read(root, cache), read(root))
        assert not cache.folder.exists()

    def test_the_header_of_a_search_says_where_the_images_are(self, root: Path, cache: Cache):
        assert any(str(entry(cache)) in line for line in described(read(root, cache)) if cache.entries())
        assert not any(str(cache.folder) in line for line in described(read(root)))

    def test_the_pixels_are_where_numpy_can_read_them(self, root: Path, cache: Cache):
        data = read(root, cache)
        np.testing.assert_array_equal(np.load(entry(cache) / IMAGES), data.images)
        with pytest.raises(ValueError, match="read-only"):
            data.images[0] = 0


class TestChangedFiles:
    def change(self, root: Path) -> None:
        path = root / "train" / "cat" / "00.png"
        before = path.stat()
        pixels = np.asarray(Image.open(path))
        path.write_bytes(path.read_bytes())
        Image.fromarray(255 - pixels).save(path)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    @pytest.mark.parametrize("contents", [False, True])
    def test_a_changed_file_is_decoded_again_even_with_its_old_date(self, root: Path, cache: Cache, contents: bool):
        cache = Cache(folder=cache.folder, contents=contents)
        before = read(root, cache)
        self.change(root)
        after = read(root, cache)
        assert after.fingerprint != before.fingerprint
        assert_equal(after, read(root))

    @pytest.mark.parametrize("change", ["add", "remove", "rename"])
    def test_files_that_come_and_go_are_seen(self, root: Path, cache: Cache, change: str):
        read(root, cache)
        path = root / "train" / "cat" / "00.png"
        {
            "add": lambda: Image.new("RGB", (9, 9)).save(path.with_name("zz.png")),
            "remove": path.unlink,
            "rename": lambda: path.rename(path.with_name("zz.png")),
        }[change]()
        assert_equal(read(root, cache), read(root))

    def test_a_copied_folder_is_the_same_only_by_contents(self, root: Path, tmp_path: Path, decodings: list[int]):
        copy = shutil.copytree(root, tmp_path / "copy")
        by_contents = Cache(folder=tmp_path / "by-contents", contents=True)
        read(root, by_contents)
        count = len(decodings)
        assert_equal(read(copy, by_contents), load(str(copy), size=SIDE, cache=by_contents))
        assert len(decodings) == count
        assert read(copy, by_contents).files[0].is_relative_to(copy)
        by_times = Cache(folder=tmp_path / "by-times")
        read(root, by_times)
        read(copy, by_times)
        assert len(by_times.entries()) == 2

    def test_a_database_that_is_written_beside_the_classes_changes_nothing(
        self, root: Path, cache: Cache, decodings: list[int]
    ):
        read(root, cache)
        count = len(decodings)
        (root / "automl.db").write_bytes(b"a search was started here")
        (root / "automl.artifacts").mkdir()
        (root / "automl.artifacts" / "weights.pt").write_bytes(b"")
        read(root, cache)
        assert len(decodings) == count


class TestFaults:
    @pytest.mark.parametrize("name", [IMAGES, ROWS, ABOUT])
    @pytest.mark.parametrize("damage", ["cut", "emptied", "gone", "overwritten"])
    def test_a_damaged_entry_is_built_again(self, root: Path, cache: Cache, name: str, damage: str):
        direct = read(root)
        read(root, cache)
        path = entry(cache) / name
        content = path.read_bytes()
        {
            "cut": lambda: path.write_bytes(content[:-7]),
            "emptied": lambda: path.write_bytes(b""),
            "gone": path.unlink,
            "overwritten": lambda: path.write_bytes(b"\x93x" * (len(content) // 2)),
        }[damage]()
        for _ in range(2):
            assert_equal(read(root, cache), direct)
        assert left_aside(cache) == []

    @pytest.mark.parametrize("place", ["created", "finish", "write_entry"])
    def test_a_full_disk_is_said_in_one_line_and_leaves_nothing(
        self, root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, place: str
    ):
        monkeypatch.setattr(cached_module, "FITS", 1)
        self.fill_disk(monkeypatch, place)
        with pytest.raises(AutomlError, match=r"the decoded images need .* GB, but .* \(No space left on device\)"):
            read(root, cache)
        assert cache.entries() == []
        assert left_aside(cache) == []

    def test_on_a_full_disk_what_fits_into_memory_is_kept_there(
        self, root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ):
        self.fill_disk(monkeypatch, "created")
        data = read(root, cache)
        assert not isinstance(data.images, Mapped)
        assert_equal(data, read(root))
        assert any("kept in memory: " in line and "No space left" in line for line in described(data))

    def test_a_folder_that_cannot_be_written_is_no_obstacle(self, root: Path, tmp_path: Path):
        (tmp_path / "file").write_text("")
        data = read(root, str(tmp_path / "file" / "cache"))
        assert_equal(data, read(root))
        assert "kept in memory" in data.stored

    def test_the_bytes_of_the_disk_are_reserved_before_anything_is_decoded(
        self, root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch, decodings: list[int]
    ):
        def refuse(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "posix_fallocate", refuse)
        monkeypatch.setattr(cached_module, "FITS", 1)
        with pytest.raises(AutomlError, match="No space left"):
            read(root, cache)
        assert decodings == []

    def fill_disk(self, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        module = "cached" if place == "write_entry" else "building"
        monkeypatch.setattr(f"automl.search.data.{module}.{place}", refuse)

    def test_an_interrupted_decoding_leaves_nothing_behind(
        self, root: Path, cache: Cache, monkeypatch: pytest.MonkeyPatch
    ):
        def interrupted(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("automl.search.data.building.Building.filled", interrupted)
            with pytest.raises(KeyboardInterrupt):
                read(root, cache)
        assert left_aside(cache) == []
        assert_equal(read(root, cache), read(root))

    def test_a_killed_builder_leaves_nothing_that_is_read_and_the_next_one_tidies_up(self, root: Path, cache: Cache):
        died = in_a_process(root, cache, "os.kill(os.getpid(), 9)")
        assert died.wait() == -9
        assert cache.entries() == []
        assert len(left_aside(cache)) == 1
        assert_equal(read(root, cache), read(root))
        assert left_aside(cache) == []

    def test_of_two_builders_one_waits_for_the_other_and_decodes_nothing(
        self, root: Path, cache: Cache, tmp_path: Path, decodings: list[int]
    ):
        begun, go_on = tmp_path / "begun", tmp_path / "go on"
        first = in_a_process(
            root, cache, f"open({str(begun)!r}, 'w').close()\n    while not os.path.exists({str(go_on)!r}): pass"
        )
        wait_for(begun.exists)
        found: list[ImageData] = []
        second = threading.Thread(target=lambda: found.append(read(root, cache)))
        second.start()
        second.join(0.3)
        assert second.is_alive(), "it must wait for the process that decodes"
        go_on.touch()
        second.join()
        assert first.wait() == 0
        assert decodings == []
        assert_equal(found[0], read(root))
        assert len(cache.entries()) == 1

    def test_what_waits_builds_it_when_the_other_dies(self, root: Path, cache: Cache, tmp_path: Path):
        begun = tmp_path / "begun"
        first = in_a_process(root, cache, f"open({str(begun)!r}, 'w').close()\n    __import__('time').sleep(600)")
        wait_for(begun.exists)
        threading.Timer(0.3, first.kill).start()
        assert_equal(read(root, cache), read(root))
        assert first.wait() == -9


def in_a_process(root: Path, cache: Cache, then: str) -> subprocess.Popen[bytes]:
    """A process that reads the data set, and runs `then` once its first images are decoded."""
    program = f"""
import os
from automl.search.data import building, load
from automl.search.data.builtin import folder_source
from automl.search.data.cache import Cache
from pathlib import Path
folder_source.SMALLEST = 1
def filled(self):
    {then}
building.Building.filled = filled
load({str(root)!r}, size={SIDE}, cache=Cache(folder=Path({str(cache.folder)!r})))
"""
    return subprocess.Popen([sys.executable, "-c", program])


def wait_for(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.02)
