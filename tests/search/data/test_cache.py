"""The folder of decoded data sets: bounded, listed, cleared; what is in use stays."""

from __future__ import annotations

import gc
import os
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import mapped as mapped_images
from automl.search.data.building import Building
from automl.search.data.cache import Cache, cache_at
from automl.search.data.entry import ABOUT, IMAGES
from automl.search.data.kept_images import clear_cache
from automl.search.data.mapped import Mapped, mapped, release

from .decoded import assert_equal, read, write_classes

SHAPE = (10, 3, 4, 4)


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("folder", "npz"):
        monkeypatch.setattr(f"automl.search.data.builtin.{source}_source.SMALLEST", 1)


def key(number: int) -> str:
    return f"{number:032x}"


def add(cache: Cache, number: int, *, used: float, shape: tuple[int, ...] = SHAPE) -> Path:
    """An entry of images, last used at that time."""

    def write(folder: Path) -> None:
        (folder / ABOUT).write_text(f'{{"data": "set {number}", "shape": {list(shape)}}}')

    with Building(cache, key(number), lambda folder: mapped(folder / IMAGES)) as room:
        room.array(shape)[:] = number
        room.keep(shape, write)
    os.utime(cache.place(key(number)) / ABOUT, (used, used))
    return cache.place(key(number))


def keys(cache: Cache) -> list[str]:
    return [entry.key for entry in cache.entries()]


class TestEntries:
    def test_they_are_listed_with_the_last_used_first(self, tmp_path: Path):
        cache = Cache(folder=tmp_path)
        for number, used in ((1, 100.0), (2, 300.0), (3, 200.0)):
            add(cache, number, used=used)
        first = cache.entries()[0]
        assert keys(cache) == [key(2), key(3), key(1)]
        assert (first.data, first.images, first.size, first.used, first.in_use) == ("set 2", 10, 4, 300.0, False)
        assert first.bytes > 480

    def test_reading_one_makes_it_the_last_used(self, tmp_path: Path):
        cache, root = Cache(folder=tmp_path / "cache"), write_classes(tmp_path / "pets")
        read(root, cache)
        [entry] = cache.entries()
        os.utime(cache.place(entry.key) / ABOUT, (5, 5))
        add(cache, 7, used=10.0)
        read(root, cache)
        assert keys(cache) == [entry.key, key(7)]

    def test_an_empty_or_missing_folder_has_none(self, tmp_path: Path):
        assert Cache(folder=tmp_path).entries() == []
        assert Cache(folder=tmp_path / "no" / "such").entries() == []
        assert Cache(folder=tmp_path / "no" / "such").clear() == ([], [])

    def test_a_damaged_one_is_listed_and_can_be_removed(self, tmp_path: Path):
        cache = Cache(folder=tmp_path)
        (add(cache, 1, used=1.0) / ABOUT).write_text("no JSON")
        assert [entry.data for entry in cache.entries()] == [""]
        cache.clear()
        assert cache.entries() == []


class TestLimit:
    def test_those_unused_for_longest_give_way(self, tmp_path: Path):
        cache = Cache(folder=tmp_path, limit=2500)
        for number in range(1, 6):
            add(cache, number, used=float(number))
            assert keys(cache) == [key(kept) for kept in range(number, number - len(keys(cache)), -1)]
            assert sum(entry.bytes for entry in cache.entries()[1:]) + 480 <= 2500
        assert len(keys(cache)) == 4

    def test_one_that_is_larger_than_the_limit_is_kept_alone(self, tmp_path: Path):
        cache = Cache(folder=tmp_path, limit=2500)
        add(cache, 1, used=1.0)
        add(cache, 2, used=2.0, shape=(1000, 3, 4, 4))
        assert keys(cache) == [key(2)]

    def test_they_give_way_to_what_the_disk_lacks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        cache = Cache(folder=tmp_path)
        for number in (1, 2):
            add(cache, number, used=float(number))
        free = iter([0, 10**12, 10**12])
        monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": next(free, 10**12)}))
        cache.make_room(1000)
        assert keys(cache) == [key(2)]

    def test_what_is_in_use_stays_and_can_be_read(self, tmp_path: Path):
        cache = Cache(folder=tmp_path, limit=1)
        images = mapped(add(cache, 1, used=1.0) / IMAGES)
        assert cache.entries()[0].in_use
        add(cache, 2, used=2.0)
        removed, left = cache.clear()
        assert ([entry.key for entry in removed], [entry.key for entry in left]) == ([key(2)], [key(1)])
        assert (images == 1).all()
        del images
        gc.collect()
        assert not cache.entries()[0].in_use
        assert [entry.key for entry in cache.clear()[0]] == [key(1)]

    def test_a_part_of_the_images_holds_the_whole(self, tmp_path: Path):
        cache = Cache(folder=tmp_path)
        part = np.asarray(mapped(add(cache, 1, used=1.0) / IMAGES))[3:5]
        assert cache.entries()[0].in_use
        assert cache.clear()[0] == []
        assert (part == 1).all()

    def test_keys_choose_what_is_cleared(self, tmp_path: Path):
        cache = Cache(folder=tmp_path)
        for number in (1, 2):
            add(cache, number, used=float(number))
        with pytest.raises(InputError, match="unknown entry of the cache 'zz'"):
            cache.clear(["zz"])
        cache.clear([key(2)])
        assert keys(cache) == [key(1)]

    def test_no_key_clears_nothing_and_one_key_is_no_list_of_letters(self, tmp_path: Path):
        cache = Cache(folder=tmp_path)
        for number in (1, 2):
            add(cache, number, used=float(number))
        assert clear_cache([], cache=tmp_path).removed == ()
        assert keys(cache) == [key(2), key(1)]
        assert [entry.key for entry in clear_cache(key(2), cache=tmp_path).removed] == [key(2)]
        assert [entry.key for entry in clear_cache(cache=tmp_path).removed] == [key(1)]

    def test_nothing_but_entries_is_removed(self, tmp_path: Path):
        cache = Cache(folder=tmp_path)
        add(cache, 1, used=1.0)
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos" / "cat.png").write_text("")
        cache.clear()
        assert (tmp_path / "photos" / "cat.png").exists()
        assert keys(cache) == []


class TestMapped:
    def test_given_back_pages_hold_what_they_held(self, tmp_path: Path):
        images = mapped(add(Cache(folder=tmp_path), 5, used=1.0) / IMAGES)
        before = np.array(images)
        release(images)
        np.testing.assert_array_equal(images, before)
        release(before)  # not mapped: nothing happens

    def test_a_part_of_the_array_does_not_stand_for_the_file(self, tmp_path: Path):
        images = mapped(add(Cache(folder=tmp_path), 5, used=1.0) / IMAGES)
        assert images.file is not None
        for part in (images[2:], images.astype(np.float32), images.copy()):
            assert not isinstance(part, Mapped) or part.file is None

    def test_windows_has_no_locks_of_files_and_needs_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        file = add(Cache(folder=tmp_path), 5, used=1.0) / IMAGES
        monkeypatch.setitem(sys.modules, "fcntl", None)  # importing it fails
        there = runpy.run_path(mapped_images.__file__)
        assert (there["mapped"](file) == 5).all()
        with there["unused"](file) as free:
            assert free


class TestWhere:
    def test_an_option_comes_before_the_variable_and_both_before_the_default(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.delenv("AUTOML_CACHE", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        found = [cache_at()]
        monkeypatch.setenv("AUTOML_CACHE", str(tmp_path / "variable"))
        found += [cache_at(), cache_at(tmp_path / "option")]
        folders = [cache.folder for cache in found if cache is not None]
        assert folders == [tmp_path / "automl" / "decoded", tmp_path / "variable", tmp_path / "option"]

    def test_none_is_no_cache(self, monkeypatch: pytest.MonkeyPatch):
        assert cache_at("none") is None
        monkeypatch.setenv("AUTOML_CACHE", "none")
        assert cache_at() is None

    def test_limit_and_contents_are_variables(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
        monkeypatch.setenv("AUTOML_CACHE_GB", "1.5")
        monkeypatch.setenv("AUTOML_CACHE_CONTENTS", "1")
        assert cache_at(tmp_path) == Cache(folder=tmp_path, limit=1_500_000_000, contents=True)

    @pytest.mark.parametrize("limit", ["0", "-1", "much", "nan", "inf"])
    def test_a_limit_that_is_none_is_refused(self, monkeypatch: pytest.MonkeyPatch, limit: str):
        monkeypatch.setenv("AUTOML_CACHE_GB", limit)
        with pytest.raises(InputError, match="AUTOML_CACHE_GB must be a number of GB above 0"):
            cache_at("somewhere")

    @pytest.mark.parametrize("place", ["train/decoded", "train", "."])
    def test_a_cache_among_the_classes_is_no_class(self, tmp_path: Path, place: str):
        root = write_classes(tmp_path / "pets")
        direct = read(root)
        cache = Cache(folder=root / place)
        assert_equal(read(root, cache), direct)
        assert_equal(read(root, cache), direct)
        assert len(cache.entries()) == 1

    def test_only_a_folder_that_is_nothing_else_is_marked_as_a_cache(self, tmp_path: Path):
        for name in ("new", "photos"):
            (tmp_path / "photos").mkdir(exist_ok=True)
            (tmp_path / "photos" / "cat.png").write_text("")
            add(Cache(folder=tmp_path / name), 1, used=1.0)
        assert (tmp_path / "new" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
        assert not (tmp_path / "photos" / "CACHEDIR.TAG").exists()
