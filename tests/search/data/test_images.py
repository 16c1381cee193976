"""A data set in memory, its fingerprint and its split."""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, Split, load, remarks, split
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

PARTS = ("train", "validation", "test")


def made(counts: Sequence[int], tested: Sequence[int] | None = None, seed: int = 0) -> ImageData:
    """Small random images: `counts` of each class, and `tested` more of each in the official test
    part; rows shuffled."""
    tested = [0] * len(counts) if tested is None else tested
    labels = np.repeat(np.arange(len(counts)), np.add(counts, tested)).astype(np.int64)
    official = np.concatenate([np.arange(n + t) >= n for n, t in zip(counts, tested, strict=True)])
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    return ImageData(
        name="made",
        images=random.integers(0, 256, (len(labels), 1, 2, 2), np.uint8),
        labels=labels[order],
        classes=tuple(f"class {number}" for number in range(len(counts))),
        official_test=official[order],
        flip=True,
    )


def counts_in(data: ImageData, rows: np.ndarray) -> np.ndarray:
    return np.bincount(data.labels[rows], minlength=len(data.classes))


def assert_covers_all_rows_once(data: ImageData, parts: Split) -> None:
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(data.labels)))
    for part in PARTS:
        assert (np.diff(getattr(parts, part)) > 0).all(), f"{part} is not ascending"
        assert getattr(parts, part).dtype == np.int64


class TestSplit:
    @settings(deadline=None, max_examples=150)
    @given(
        counts=st.lists(st.integers(3, 60), min_size=2, max_size=12),
        validation=st.floats(0.02, 0.45),
        test=st.floats(0.02, 0.45),
        seed=st.integers(0, 2**70),
    )
    def test_parts_are_disjoint_cover_all_rows_and_show_every_class_in_proportion(
        self, counts: list[int], validation: float, test: float, seed: int
    ):
        data = made(counts)
        parts = split(data, seed=seed, validation=validation, test=test)
        assert_covers_all_rows_once(data, parts)
        for part, share in zip(PARTS, (1 - validation - test, validation, test), strict=True):
            found = counts_in(data, getattr(parts, part))
            assert found.min() >= 1
            roomy = (
                np.multiply(counts, min(1 - validation - test, validation, test)) >= 1
            )  # elsewhere one row each has to come first
            assert (np.abs(found - np.multiply(counts, share))[roomy] <= 1 + 1e-6).all()

    @settings(deadline=None, max_examples=80)
    @given(
        sizes=st.lists(st.tuples(st.integers(2, 60), st.integers(1, 10)), min_size=2, max_size=12),
        validation=st.floats(0.02, 0.9),
        seed=st.integers(0, 2**32),
    )
    def test_the_official_test_rows_are_the_test_part(self, sizes: list[tuple[int, int]], validation: float, seed: int):
        counts, tested = zip(*sizes, strict=True)
        data = made(counts, tested)
        parts = split(data, seed=seed, validation=validation)
        assert_covers_all_rows_once(data, parts)
        np.testing.assert_array_equal(parts.test, np.flatnonzero(data.official_test))
        found = counts_in(data, parts.validation)
        assert found.min() >= 1
        assert counts_in(data, parts.train).min() >= 1
        roomy = np.multiply(counts, min(validation, 1 - validation)) >= 1
        assert (np.abs(found - np.multiply(counts, validation))[roomy] <= 1 + 1e-6).all()

    def test_many_small_classes_do_not_add_up_their_rounding(self):
        data = made([10] * 100)  # 1.5 rows a class: rounded one by one they would be 200
        parts = split(data, seed=0, validation=0.15)
        assert parts.to_dict()["counts"] == {"train": 700, "validation": 150, "test": 150}

    def test_the_same_seed_gives_the_same_split_and_another_seed_another(self):
        data = made([30, 40, 50])
        assert split(data, seed=3).to_dict() == split(data, seed=3).to_dict()
        assert split(data, seed=3).to_dict()["sha256"] != split(data, seed=4).to_dict()["sha256"]

    def test_a_seed_gives_the_split_it_gave_when_this_was_written(self):
        """Studies store the checksum of their split, and resume only onto the same one."""
        assert split(made([5, 5]), seed=1, validation=0.15).to_dict() == {
            "seed": 1,
            "counts": {"train": 6, "validation": 2, "test": 2},
            "sha256": "6f4308e015897747ac5a2b7f2a6abcb0cc7b255900e549ca3865e9712ddbc89b",
        }

    def test_swapping_a_row_between_two_parts_changes_the_checksum(self):
        parts = split(made([30, 40]), seed=0)
        validation, test = parts.validation.copy(), parts.test.copy()
        validation[0], test[0] = test[0], validation[0]
        changed = Split(seed=0, train=parts.train, validation=validation, test=test)
        assert changed.to_dict()["counts"] == parts.to_dict()["counts"]
        assert changed.to_dict()["sha256"] != parts.to_dict()["sha256"]

    def test_the_description_survives_json(self):
        described = split(made([30, 40]), seed=0).to_dict()
        assert json.loads(json.dumps(described)) == described

    def test_the_rows_of_a_class_are_drawn_and_not_taken_in_order(self):
        labels = np.repeat(np.arange(2), 100).astype(np.int64)
        data = dataclasses.replace(made([100, 100]), labels=labels)
        validation = split(data, seed=0).validation
        assert (np.diff(validation[validation < 100]) > 1).any()

    def test_too_few_images_of_a_class_are_named_with_their_number_and_the_minimum(self):
        with pytest.raises(
            InputError,
            match=(
                r"^made: every class needs at least 3 images, one each to train, validate and test, but class 'class 1'"
                r" has 2;"
            ),
        ):
            split(made([9, 2, 9]), seed=0)

    def test_several_classes_with_too_few_images_are_counted(self):
        with pytest.raises(
            InputError,
            match=r"class 'class 0' has 1 \(2 more classes have too few\); add images, or give --drop-small-classes 3$",
        ):
            split(made([1, 2, 9, 2]), seed=0)

    def test_besides_an_official_test_part_two_images_of_a_class_are_needed(self):
        split(made([2, 2], [1, 1]), seed=0)
        with pytest.raises(
            InputError,
            match=(
                r"at least 2 images, one each to train and validate, besides the official test part, but class 'class"
                r" 1' has 1; .*--drop-small-classes 2$"
            ),
        ):
            split(made([2, 1], [1, 5]), seed=0)

    def test_an_official_test_part_need_not_show_every_class_and_a_remark_says_which(self):
        data = made([5, 5], [1, 0])
        rows = split(data, seed=0)
        assert data.labels[rows.test].tolist() == [0]
        assert "no image tests 1 class: class 1" in remarks(data, rows)
        whole = made([5, 5], [1, 1])
        assert not any("no image" in line for line in remarks(whole, split(whole, seed=0)))

    def test_a_named_class_without_images_is_refused(self):
        data = dataclasses.replace(made([5, 5]), classes=("class 0", "class 1", "ghost"))
        with pytest.raises(InputError, match="class 'ghost' has 0"):
            split(data, seed=0)

    @pytest.mark.parametrize(
        ("validation", "test"), [(0.0, 0.1), (0.1, 0.0), (-0.1, 0.2), (0.5, 0.5), (0.9, 0.2), (float("nan"), 0.1)]
    )
    def test_shares_that_leave_a_part_empty_are_refused(self, validation: float, test: float):
        with pytest.raises(
            InputError,
            match=rf"must be above 0 and leave rows to train on, but got \(validation={validation}, test={test}\)",
        ):
            split(made([9, 9]), seed=0, validation=validation, test=test)

    def test_a_negative_seed_is_refused(self):
        with pytest.raises(InputError, match="the seed of a split must be 0 or more, but got -1"):
            split(made([9, 9]), seed=-1)


class TestFingerprint:
    """Studies store it, and go on only with the same data: for what earlier versions could read,
    these are the numbers that they gave."""

    def pattern(self, number: int) -> Image.Image:
        return Image.fromarray((np.arange(8 * 8 * 3).reshape(8, 8, 3) * (number + 3) % 251).astype(np.uint8))

    @pytest.mark.parametrize(
        ("size", "expected"),
        [
            (None, "5c707465547ce48c52bb4af36ca843d09dc4b3ba4efd024bb7a472bea28127c7"),
            (6, "96a8bfb5a319a43d6b2be42326971de8e00984fe7c59a91b36bfbc8c7158161b"),
        ],
    )
    def test_of_digits_it_is_what_it_was(self, size: int | None, expected: str):
        assert load("digits", size=size).fingerprint == expected

    @pytest.mark.parametrize(
        ("parts", "expected"),
        [
            (("",), "973f60604b0dac18b011079eaa7aefcb4d62ce10fa3442523235f92c37c3d0e0"),
            (("train",), "973f60604b0dac18b011079eaa7aefcb4d62ce10fa3442523235f92c37c3d0e0"),
            (("train", "test"), "d8fe60946538849c1929a49001806fef48566a7920091347f6c9f1bc74b3da79"),
        ],
    )
    def test_of_folders_it_is_what_it_was(self, tmp_path: Path, parts: tuple[str, ...], expected: str):
        for number, (part, name, file) in enumerate(itertools.product(parts, ("cat", "dog"), range(6))):
            folder = tmp_path / part / name
            folder.mkdir(parents=True, exist_ok=True)
            self.pattern(number).save(folder / f"{file}.png")
        assert load(str(tmp_path), size=8).fingerprint == expected

    def test_of_arrays_it_is_what_it_was(self, tmp_path: Path):
        x = ((np.arange(40 * 36).reshape(40, 6, 6) * 7 + np.arange(40)[:, None, None] * 5) % 251).astype(np.uint8)
        y = np.arange(40) % 4
        np.savez(tmp_path / "a.npz", x=x, y=y)
        assert (
            load(str(tmp_path / "a.npz")).fingerprint
            == "7ad431434636d0434d8af4285247b5f010065de692bcf56193f71017562aa32d"
        )
        np.savez(tmp_path / "b.npz", x_train=x, y_train=y, x_test=255 - x[:8], y_test=y[:8])
        assert (
            load(str(tmp_path / "b.npz")).fingerprint
            == "9138b08078cc9a3b7c90e2c1dd875df1c601e4e97acb01e33b48ec5c3ea1f8fb"
        )

    def test_with_validation_pooled_into_the_test_part_as_earlier_versions_did_it_is_theirs(self):
        data = made([4, 4], [2, 2])
        flags = data.official_test
        parted = dataclasses.replace(
            data, official_test=flags & (data.labels == 0), official_validation=flags & (data.labels == 1)
        )
        assert parted.fingerprint != data.fingerprint
        assert parted.pooled().fingerprint == data.fingerprint

    def test_it_is_the_same_in_a_new_process(self):
        program = (
            "import numpy as np; from automl.search.data import ImageData;images = np.arange(24,"
            " dtype=np.uint8).reshape(6, 1, 2, 2); labels = np.arange(6, dtype=np.int64) % 2;print(ImageData(name='x',"
            " images=images, labels=labels, classes=('a', 'ü'), official_test=labels > 5, flip=True).fingerprint)"
        )
        found = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        ).stdout.strip()
        images = np.arange(24, dtype=np.uint8).reshape(6, 1, 2, 2)
        labels = np.arange(6, dtype=np.int64) % 2
        here = ImageData(
            name="another name", images=images, labels=labels, classes=("a", "ü"), official_test=labels > 5, flip=True
        ).fingerprint
        assert here == found
        assert len(here) == 64

    def test_one_pixel_one_label_one_class_name_or_one_test_row_changes_it(self):
        data = made([4, 4])
        pixel, label, official = data.images.copy(), data.labels.copy(), data.official_test.copy()
        assert not data.official_validation.any()
        pixel[3, 0, 1, 1] ^= 1
        label[0] = 1 - label[0]
        official[0] = True
        variants = [
            data,
            dataclasses.replace(data, images=pixel),
            dataclasses.replace(data, labels=label),
            dataclasses.replace(data, classes=("class 0", "class one")),
            dataclasses.replace(data, official_test=official),
            dataclasses.replace(data, official_validation=official),
        ]
        for one, other in itertools.combinations(variants, 2):
            assert one.fingerprint != other.fingerprint

    def test_the_same_bytes_in_another_shape_have_another_fingerprint(self):
        def zeros(count: int, size: int) -> ImageData:
            """Nothing but zeros: count * (size * size + 9) bytes of pixels, labels and test
            rows."""
            images, labels = np.zeros((count, 1, size, size), np.uint8), np.zeros(count, np.int64)
            return ImageData(
                name="x", images=images, labels=labels, classes=("a", "b"), official_test=labels > 0, flip=True
            )

        assert zeros(10, 1).fingerprint != zeros(4, 4).fingerprint


class TestImageData:
    def test_it_tells_channels_and_size(self):
        data = made([3, 3])
        assert (data.channels, data.size) == (1, 2)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (
                {"images": np.zeros((6, 1, 2, 2), np.float32)},
                r"images must be contiguous uint8 .*, but they are float32 of shape \(6, 1, 2, 2\)",
            ),
            ({"images": np.zeros((6, 0, 2, 2), np.uint8)}, r"but they are uint8 of shape \(6, 0, 2, 2\)"),
            ({"images": np.zeros((6, 1, 2, 3), np.uint8)}, r"but they are uint8 of shape \(6, 1, 2, 3\)"),
            ({"images": np.zeros((6, 2, 2, 1), np.uint8).transpose(0, 3, 1, 2)[:, :, ::-1]}, "must be contiguous"),
            ({"labels": np.zeros(6, np.int32)}, r"labels must be int64 of shape \(6,\), but it is int32"),
            (
                {"labels": np.zeros(5, np.int64)},
                r"labels must be int64 of shape \(6,\), but it is int64 of shape \(5,\)",
            ),
            ({"labels": np.full(6, 2, np.int64)}, r"labels must lie in 0..1, one for each class, but they lie in 2..2"),
            ({"labels": np.full(6, -1, np.int64)}, r"but they lie in -1..-1"),
            ({"official_test": np.zeros(6, np.int64)}, r"official_test must be bool of shape \(6,\), but it is int64"),
            (
                {"official_validation": np.zeros(5, np.bool_)},
                r"official_validation must be bool of shape \(6,\), but it is bool of shape \(5,\)",
            ),
            ({"deep": np.zeros(6, np.int8)}, r"deep must be bool of shape \(6,\), but it is int8"),
            (
                {"official_test": np.arange(6) == 4, "official_validation": np.arange(6) > 3},
                "no row may be in both official parts, but 4 is",
            ),
            ({"files": (Path("a.png"),)}, "files must be one for each of the 6 images, but they are 1"),
            ({"classes": ("only",)}, "at least two classes are needed, but there is 1: only"),
        ],
    )
    def test_what_does_not_fit_together_is_refused(self, change: dict[str, object], message: str):
        with pytest.raises(InputError, match=message):
            dataclasses.replace(made([3, 3]), **change)
