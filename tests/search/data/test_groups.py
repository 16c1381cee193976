"""Groups of images are dealt whole, every class to every part, and as the shares ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, Reading, load, remarks, split
from automl.search.data.groups import deal, joined, numbered
from hypothesis import given, settings
from hypothesis import strategies as st

Noise = Callable[..., list[Path]]
PARTS = ("train", "validation", "test")


def made(
    groups: np.ndarray, labels: np.ndarray, pictures: np.ndarray | None = None, **official: np.ndarray
) -> ImageData:
    """Rows of these groups and classes; rows of one picture have the same pixels."""
    pictures = np.arange(len(labels)) if pictures is None else pictures
    noise = np.random.default_rng(0).integers(0, 256, (int(pictures.max()) + 1, 1, 4, 4), np.uint8)
    nowhere = np.zeros(len(labels), np.bool_)
    return ImageData(
        name="made",
        images=noise[pictures],
        labels=labels.astype(np.int64),
        classes=tuple(f"class {number}" for number in range(int(labels.max()) + 1)),
        groups=groups.astype(np.int64),
        flip=True,
        **{"official_test": nowhere, **official},
    )


def parts_of(data: ImageData, rows: object) -> np.ndarray:
    """The part of each row; -1 for rows in none."""
    part = np.full(len(data.labels), -1)
    for number, name in enumerate(PARTS):
        part[getattr(rows, name)] = number
    return part


class TestSplit:
    @settings(deadline=None, max_examples=8)
    @given(st.integers(0, 10**6), st.integers(2, 4), st.integers(3, 12))
    def test_no_group_and_no_copy_is_split_and_every_class_is_in_every_part(self, seed: int, classes: int, each: int):
        random = np.random.default_rng(seed)
        sizes = random.integers(1, 9, classes * each)
        groups = np.repeat(np.arange(classes * each), sizes)
        labels = groups % classes
        pictures = np.arange(len(groups))
        order = random.permutation(len(groups))
        data = made(groups[order], labels[order], pictures)
        part = parts_of(data, split(data, seed=seed))
        assert (part >= 0).all()
        for group in range(classes * each):
            assert len(np.unique(part[data.groups == group])) == 1
        for label in range(classes):
            assert set(part[data.labels == label]) == {0, 1, 2}

    def test_the_control_without_groups_they_are_split(self):
        groups = np.repeat(np.arange(20), 10)
        data = made(groups, groups % 2)
        alone = dataclasses.replace(data, groups=np.zeros(0, np.int64))
        part = parts_of(data, split(alone, seed=0))
        assert sum(len(np.unique(part[groups == group])) > 1 for group in range(20)) > 15

    def test_parts_have_nearly_their_shares_of_every_class(self):
        random = np.random.default_rng(0)
        groups = np.repeat(np.arange(300), random.integers(1, 20, 300))
        data = made(groups, groups % 3)
        part = parts_of(data, split(data, seed=0, validation=0.15))
        for label in range(3):
            share = np.bincount(part[data.labels == label], minlength=3) / (data.labels == label).sum()
            assert np.abs(share - [0.7, 0.15, 0.15]).max() < 0.01

    def test_groups_of_several_classes_are_shared_too(self):
        random = np.random.default_rng(0)
        groups = np.repeat(np.arange(60), 10)
        data = made(groups, (random.random(600) < 0.1).astype(int) + (groups % 2))
        rows = split(data, seed=0, validation=0.15)
        for name in PARTS:
            share = np.bincount(data.labels[getattr(rows, name)], minlength=3) / np.bincount(data.labels)
            assert np.abs(share - {"train": 0.7, "validation": 0.15, "test": 0.15}[name]).max() < 0.06

    def test_copies_join_their_groups(self):
        groups, labels = np.arange(24) // 2, np.arange(24) // 2 % 2
        pictures = np.arange(24)
        pictures[4] = pictures[0]  # groups 0 and 2
        part = parts_of(made(groups, labels, pictures), split(made(groups, labels, pictures), seed=0))
        assert len(set(part[[0, 1, 4, 5]])) == 1

    def test_another_seed_is_another_split_and_the_same_seed_the_same(self):
        groups = np.repeat(np.arange(40), 3)
        data = made(groups, groups % 2)
        assert split(data, seed=0).to_dict() == split(data, seed=0).to_dict()
        assert split(data, seed=0).to_dict() != split(data, seed=1).to_dict()

    def test_a_group_that_is_also_in_an_official_part_does_not_train(self):
        groups = np.repeat(np.arange(20), 4)
        test = np.zeros(80, np.bool_)
        test[::20] = test[4::20] = True  # one image of each of 8 groups
        data = made(groups, groups % 2, official_test=test)
        rows = split(data, seed=0)
        assert not np.isin(data.groups[rows.train], data.groups[test]).any()
        assert rows.unused == 24
        assert any("24 images of groups of the official parts are in no part" in line for line in remarks(data, rows))

    def test_a_class_of_too_few_groups_is_refused(self):
        groups = np.array([0, 0, 0, 1, 1, 2, 3, 3, 4, 4])
        with pytest.raises(InputError, match=r"every class needs at least 3 groups of images.*'class 1' has 2"):
            split(made(groups, np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1])), seed=0)

    def test_the_remarks_count_them(self):
        groups = np.repeat(np.arange(40), 3)
        data = made(groups, groups % 2)
        assert "40 groups of images, each on one side of the split" in remarks(data, split(data, seed=0))


class TestParts:
    def test_rows_that_share_a_group_or_a_picture_or_both_in_turn_stay_together(self):
        first = np.array([0, 1, 0, 3, 4, 5])  # rows 0 and 2 are copies
        groups = np.array([7, 8, 9, 9, 8, 2])
        assert joined(first, groups).tolist() == [0, 1, 0, 0, 1, 5]

    def test_an_image_without_a_name_is_a_group_of_its_own(self):
        assert numbered(["a", None, "a", None, "1", ""]).tolist() == [0, 1, 0, 2, 3, 4]

    def test_the_largest_group_trains(self):
        parts = deal(np.array([[5], [90], [5]]), (0.7, 0.15, 0.15), np.arange(3).astype(np.uint64))
        assert parts[1] == 0
        assert sorted(parts.tolist()) == [0, 1, 2]


class TestFolder:
    def test_folders_within_a_class_folder_are_groups(self, tmp_path: Path, noise: Noise):
        for name in ("cat", "dog"):
            for thing in range(6):
                noise(tmp_path / name / f"{thing}" / "deeper", 2)
                noise(tmp_path / name / f"{thing}", 1)
            noise(tmp_path / name, 3)
        data = load(str(tmp_path), size=8, reading=Reading(group="folder"))
        things = [path.relative_to(tmp_path).parts[:2] for path in data.files]
        assert len(np.unique(data.groups)) == 2 * (6 + 3) == len(set(things))
        part = parts_of(data, split(data, seed=0))
        for thing in set(things):
            assert len({part[row] for row, each in enumerate(things) if each == thing}) == 1
        assert len(load(str(tmp_path), size=8).groups) == 0

    def test_a_column_of_a_folder_is_refused(self, tmp_path: Path, noise: Noise):
        for name in ("cat", "dog"):
            noise(tmp_path / name, 3)
        with pytest.raises(InputError, match=r"--group must name a column of a table .* has no groups"):
            load(str(tmp_path), size=8, reading=Reading(group="patient"))
