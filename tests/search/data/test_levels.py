"""Grey of more than 8 bits."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, described, load, split
from automl.studies.tasks.preprocessing import read_pixels
from PIL import Image

LOW, HIGH = 7334, 7575


@pytest.fixture
def counts(tmp_path: Path) -> Path:
    """16-bit grey of a narrow range, as a detector writes it: two classes of 20 files."""
    random = np.random.default_rng(0)
    for name in ("star", "galaxy"):
        (tmp_path / name).mkdir()
        for number in range(20):
            values = random.integers(LOW, HIGH + 1, (16, 16)).astype(np.uint16)
            Image.fromarray(values).save(tmp_path / name / f"{number:02}.png")
    return tmp_path


def deep_data(values: np.ndarray, deep: np.ndarray | None = None) -> ImageData:
    """(n, h, w) as rows of two classes."""
    images = np.ascontiguousarray(values[:, None].astype(np.float32))
    labels = np.arange(len(values)) % 2
    return ImageData(
        name="made",
        images=images,
        labels=labels,
        classes=("a", "b"),
        official_test=labels > 1,
        flip=True,
        deep=np.ones(len(values), np.bool_) if deep is None else deep,
    )


class TestFiles:
    def test_values_are_kept_until_they_are_levelled_by_the_range_of_the_training_rows(self, counts: Path):
        data = load(str(counts), size=16)
        assert (data.images.dtype, data.images.min(), data.images.max()) == (np.float32, LOW, HIGH)
        assert data.deep.all()
        assert data.levels is None
        rows = split(data, seed=0)
        level = data.levelled(rows.train)
        assert level.images.dtype == np.uint8
        assert level.levels == (LOW, HIGH)
        assert len(np.unique(level.images)) > 200  # by 257, as before, it was one shade
        assert len(np.unique((data.images / 257).astype(np.uint8))) <= 2
        assert "16-bit grey: 7334 is black, 7575 white, from the training images" in described(level)

    def test_a_row_is_what_an_exported_network_reads_from_its_file(self, counts: Path):
        level = load(str(counts), size=8).levelled()
        for row in (0, 25):
            expected = read_pixels(level.files[row], [(8, "bicubic")], 1, level.levels)
            np.testing.assert_array_equal(level.images[row].transpose(1, 2, 0), expected)

    @pytest.mark.parametrize("dtype", [np.int32, np.float32])
    def test_tiffs_of_any_depth_are_read(self, tmp_path: Path, dtype: type):
        random = np.random.default_rng(0)
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            for number in range(4):
                Image.fromarray((random.normal(size=(8, 8)) * 1000).astype(dtype)).save(
                    tmp_path / name / f"{number}.tif"
                )
        level = load(str(tmp_path), size=8).levelled()
        assert level.levels is not None
        assert level.levels[0] < 0 < level.levels[1]
        assert (level.images.min(), level.images.max()) == (0, 255)

    def test_files_with_values_that_are_no_numbers_are_unreadable(self, counts: Path):
        values = np.ones((8, 8), np.float32)
        values[0, 0] = np.nan
        Image.fromarray(values).save(counts / "star" / "x.tif")
        with pytest.raises(InputError, match=r"1 of 41 are: star/x.tif \(grey values must be finite numbers\)"):
            load(str(counts))

    def test_beside_colour_deep_grey_is_the_same_in_all_channels_and_colours_stay(self, counts: Path):
        colour = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(colour).save(counts / "star" / "z.png")
        data = load(str(counts), size=16)
        assert data.images.shape == (41, 3, 16, 16)
        assert np.flatnonzero(~data.deep).tolist() == [40]
        assert (data.images[:40] == data.images[:40, :1]).all()
        level = data.levelled()
        assert level.levels == (LOW, HIGH)
        np.testing.assert_array_equal(level.images[40], colour.transpose(2, 0, 1))
        assert "16-bit grey (40 images): 7334 is black, 7575 white, from the training images" in described(level)

    def test_if_no_deep_file_can_be_read_the_images_are_bytes(self, counts: Path, noise: object):
        for path in counts.rglob("*.png"):
            Image.open(path).point(lambda value: value / 257).convert("L").save(path)
        for _ in range(10):
            noise(counts / "star", 10, grey=True)  # pyright: ignore[reportCallIssue]
        values = np.full((8, 8), np.inf, np.float32)
        Image.fromarray(values).save(counts / "star" / "x.tif")
        data = load(str(counts), size=8)
        assert (data.images.dtype, bool(data.deep.any()), len(data.skipped)) == (np.uint8, False, 1)


class TestLevels:
    def test_a_few_hot_pixels_decide_nothing(self):
        values = np.random.default_rng(0).integers(LOW, HIGH + 1, (40, 32, 32))
        values[3, 4, 5], values[7, 8, 9] = 65535, 0
        data = deep_data(values)
        assert data.levelled().levels == (LOW, HIGH)
        assert (data.images.min(), data.images.max()) == (0, 65535)  # the control

    def test_only_the_training_rows_decide(self):
        values = np.stack([np.full((4, 4), number) for number in range(10)])
        assert deep_data(values).levelled(np.array([2, 3, 4])).levels == (2, 4)
        assert deep_data(values).levelled().levels == (0, 9)

    def test_rows_of_eight_bits_do_not_count_and_stay_as_they_are(self):
        values = np.stack([np.full((4, 4), number) for number in [200, 7000, 8000, 0]])
        data = deep_data(values, deep=np.array([False, True, True, False])).levelled()
        assert data.levels == (7000, 8000)
        assert data.images[:, 0, 0, 0].tolist() == [200, 0, 255, 0]

    def test_without_a_deep_row_among_those_that_train_all_deep_rows_decide(self):
        values = np.stack([np.full((4, 4), number) for number in [200, 7000, 8000, 0]])
        assert deep_data(values, deep=np.array([False, True, True, False])).levelled(np.array([0, 3])).levels == (
            7000,
            8000,
        )

    @pytest.mark.parametrize("value", [0.0, 7.0, -1e30, 1e30])
    def test_equal_values_have_a_range_nonetheless(self, value: float):
        data = deep_data(np.full((4, 4, 4), value)).levelled()
        assert data.levels is not None
        assert data.levels[0] < data.levels[1]
        assert (data.images == 0).all()

    def test_levels_can_be_given(self):
        data = deep_data(np.arange(64).reshape(4, 4, 4)).levelled(np.array([0]), levels=(0.0, 255.0))
        np.testing.assert_array_equal(data.images.ravel(), np.arange(64))
        assert data.levels == (0.0, 255.0)

    def test_images_of_bytes_are_returned_as_they_are(self):
        data = load("digits")
        assert data.levelled(np.arange(3), levels=(1.0, 2.0)) is data
        level = deep_data(np.arange(64).reshape(4, 4, 4)).levelled()
        assert level.levelled(levels=(1.0, 2.0)) is level


class TestFingerprint:
    def test_it_is_that_of_the_values_whatever_the_levels(self):
        values = np.arange(64).reshape(4, 4, 4)
        data = deep_data(values)
        assert data.levelled(levels=(0.0, 9.0)).fingerprint == data.levelled().fingerprint == data.fingerprint
        values[3, 3, 3] += 1
        assert deep_data(values).fingerprint != data.fingerprint

    def test_which_rows_are_deep_counts(self):
        values = np.arange(64).reshape(4, 4, 4)
        fingerprints = {
            deep_data(values, np.array(deep)).fingerprint for deep in ([True] * 4, [True, True, True, False])
        }
        assert len(fingerprints) == 2

    def test_values_without_a_deep_row_are_refused(self):
        data = deep_data(np.arange(64).reshape(4, 4, 4))
        with pytest.raises(InputError, match="images must be contiguous uint8"):
            dataclasses.replace(data, deep=np.zeros(4, np.bool_))
