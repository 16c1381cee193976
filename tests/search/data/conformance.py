"""What every data source must do: inherit `SourceConformance` to test one."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import AutomlError, InputError
from automl.search.data import ImageData, Reading, Request, Source, described, is_named, load, sources, split
from automl.search.data.square import squares

NO_DATA = ("", "no/such/folder", "no-such-name", "x" * 5000, "nul\0byte", "caf\udce9", "~nobody-of-that-name/x")
"""Texts that name no data set."""


class SourceConformance:
    """Tests of one source.

    A subclass names it, and defines a fixture `text`: what names a small data set that is there, of
    at least 10 pixels a side, with ten images or more of each class.
    """

    name: str
    """The source's name in the registry."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path | None:
        """The folder for `--data-dir`; None for none."""
        return None

    @pytest.fixture
    def source(self) -> Source:
        return sources.get(self.name)

    def read(self, source: Source, text: str, folder: Path | None, size: int | None = None) -> ImageData:
        data = source.read(Request(text=text, size=size, folder=folder))
        assert isinstance(data, ImageData)
        return data

    def test_it_is_registered_under_its_name_with_words_in_one_line(self, source: Source):
        assert source.name == self.name
        assert source.words.strip()
        assert "\n" not in source.words

    def test_it_recognises_its_text_and_everything_it_lists(self, source: Source, text: str):
        assert source.recognises(text) is True
        assert all(source.recognises(known) for known in source.known)
        assert is_named(text) is source.named

    @pytest.mark.parametrize("other", NO_DATA)
    def test_it_recognises_nothing_else_and_does_not_raise(self, source: Source, other: str):
        assert source.recognises(other) is False

    def test_the_name_of_what_it_read_is_recognised_again(self, source: Source, text: str, folder: Path | None):
        data = self.read(source, text, folder)
        assert source.recognises(data.name)
        assert self.read(source, data.name, folder).fingerprint == data.fingerprint

    def test_two_readings_are_the_same(self, source: Source, text: str, folder: Path | None):
        first, second = (self.read(source, text, folder) for _ in range(2))
        assert first.fingerprint == second.fingerprint
        assert described(first) == described(second)

    def test_images_become_as_small_as_asked_and_keep_their_native_size(
        self, source: Source, text: str, folder: Path | None
    ):
        whole, small = self.read(source, text, folder), self.read(source, text, folder, size=5)
        assert small.size == 5
        assert whole.size > 5
        assert small.native == whole.native
        np.testing.assert_array_equal(small.labels, whole.labels)
        assert small.classes == whole.classes
        resized = squares([whole.images.transpose(0, 2, 3, 1)], 5)
        difference = np.abs(resized.astype(int) - small.images.astype(int))
        assert difference.mean() < 8, "images of another size must be the same images, resized"

    def test_its_images_can_be_split(self, source: Source, text: str, folder: Path | None):
        data = self.read(source, text, folder)
        rows = split(data, seed=0)
        assert min(map(len, (rows.train, rows.validation, rows.test))) > 0
        assert data.levelled(rows.train).images.dtype == np.uint8

    def test_a_part_that_it_does_not_have_is_refused(self, source: Source, text: str, folder: Path | None):
        with pytest.raises(InputError, match="--validation"):
            source.read(Request(text=text, folder=folder, reading=Reading(validation="no-such-part")))

    def test_load_finds_it(self, source: Source, text: str, folder: Path | None):
        data = load(text, data_dir=folder)
        assert data.fingerprint == self.read(source, text, folder).fingerprint

    def test_without_a_download_nothing_missing_is_fetched(self, source: Source, text: str, tmp_path: Path):
        empty = tmp_path / "empty"
        empty.mkdir()
        with contextlib.suppress(AutomlError):  # the data may be in a folder that is not given
            source.read(Request(text=text, folder=empty, download=False))
        assert list(empty.iterdir()) == []
