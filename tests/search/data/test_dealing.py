"""Splits of data sets that hold the same picture more than once, or official validation parts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, kept_share, load, split
from automl.search.data.dealing import validation_share
from automl.search.data.duplicates import first_rows, leaders
from hypothesis import given, settings
from hypothesis import strategies as st

PARTS = ("train", "validation", "test")


def made(
    pictures: np.ndarray, labels: np.ndarray, validation: np.ndarray | None = None, test: np.ndarray | None = None
) -> ImageData:
    """Rows that show the picture of that number: noise, of which no two are the same."""
    noise = np.random.default_rng(0).integers(0, 256, (int(pictures.max()) + 1, 1, 4, 4), np.uint8)
    nowhere = np.zeros(len(labels), np.bool_)
    return ImageData(
        name="made",
        images=noise[pictures],
        labels=labels.astype(np.int64),
        classes=tuple(f"class {number}" for number in range(int(labels.max()) + 1)),
        official_validation=nowhere if validation is None else validation,
        official_test=nowhere if test is None else test,
        flip=True,
    )


class TestWithoutDuplicates:
    @pytest.mark.parametrize(
        ("seed", "checksum"),
        [
            (0, "de7a9c050df4b5bf271ff422a3d032b1b4b3fbbfcd5c25688934fab7553beec5"),
            (1, "d9e8e7609e6ae3e8ab39b53a33ea5cd01fa267a644203da87e03968328d97b7a"),
            (7, "e396543b6b115e24c435e69dd9f5890f19db318e999a09c13ecafb7295c7c4aa"),
        ],
    )
    def test_digits_are_split_as_before_copies_were_looked_for(self, seed: int, checksum: str):
        for grouped in (True, False):
            rows = split(load("digits"), seed=seed, validation=0.15, grouped=grouped)
            assert rows.to_dict() == {
                "seed": seed,
                "counts": {"train": 1258, "validation": 270, "test": 269},
                "sha256": checksum,
            }
            assert (rows.duplicates, rows.conflicting, rows.unused) == (0, 0, 0)

    def test_and_with_other_shares(self):
        checksum = split(load("digits"), seed=0, validation=0.2, test=0.1).to_dict()["sha256"]
        assert checksum == "785745d54e89ee1a97a11a7d533affe83012e02301bb14880073f00b6e8bed9c"

    def test_and_with_an_official_test_part(self):
        numbers = np.arange(48)
        data = made(numbers, numbers % 4, test=numbers >= 40)
        rows = split(data, seed=0, validation=0.15)
        assert rows.to_dict()["sha256"] == "52bb00732787f6f091699ff726fb6ce93ee9440c5d248107dda8f23a725503e0"
        assert rows.to_dict() == split(data, seed=0, validation=0.15, grouped=False).to_dict()


class TestShare:
    def test_it_is_what_tells_two_points_apart_within_its_bounds(self):
        shares = {images: validation_share(images) for images in (10, 1_797, 5_400, 9_000, 12_000, 200_000)}
        assert shares == {10: 0.3333, 1_797: 0.3333, 5_400: 0.3333, 9_000: 0.2, 12_000: 0.15, 200_000: 0.15}
        random = np.random.default_rng(0)
        apart = np.diff(random.binomial(1_800, [[0.9, 0.92]] * 4_000) / 1_800)
        assert 0.96 < (apart > 0).mean() < 0.99  # two standard deviations: 97.7 %
        few = np.diff(random.binomial(270, [[0.9, 0.92]] * 4_000) / 270)
        assert (few > 0).mean() < 0.85  # the control: 15 % of digits

    def test_a_small_set_validates_on_a_third_and_its_split_says_so(self):
        rows = split(load("digits"), seed=0)
        assert rows.to_dict()["counts"] == {"train": 928, "validation": 599, "test": 270}
        assert kept_share(rows.to_dict()) == rows.share == 0.3333
        again = split(load("digits"), seed=0, validation=kept_share(rows.to_dict()))
        assert again.to_dict() == rows.to_dict()
        before = split(load("digits"), seed=0, validation=0.15).to_dict()
        assert "share" not in before
        assert kept_share(before) == 0.15

    def test_an_official_validation_part_has_no_share(self):
        number = np.arange(60)
        rows = split(made(number, number % 2, validation=number < 20), seed=0)
        assert "share" not in rows.to_dict()
        assert len(rows.test) == 6


class TestCopies:
    def leaked(self, data: ImageData, rows: object) -> int:
        """Rows that test or validate and whose pixels also train, or test and also validate."""
        first = first_rows(data.images)
        train, validation, test = (first[getattr(rows, part)] for part in PARTS)
        return int(np.isin(test, np.concatenate([train, validation])).sum() + np.isin(validation, train).sum())

    @pytest.mark.parametrize("sorted_by_class", [True, False])
    def test_fifty_pictures_of_random_labels_eight_times_each_stay_on_one_side(self, sorted_by_class: bool):
        random = np.random.default_rng(0)
        pictures, labels = np.tile(np.arange(50), 8), random.integers(0, 10, 400)
        if sorted_by_class:  # as folders are: then every first row is of one of the first classes
            order = np.argsort(labels, kind="stable")
            pictures, labels = pictures[order], labels[order]
        data = made(pictures, labels)
        rows = split(data, seed=0)
        assert self.leaked(data, rows) == 0
        assert self.leaked(data, split(data, seed=0, grouped=False)) > 50  # the control: dealt one by one, as before
        assert (rows.duplicates, rows.unused) == (350, 0)
        assert rows.conflicting == int((labels != labels[first_rows(data.images)]).sum())
        assert rows.to_dict()["duplicates"] == 350
        assert sum(rows.to_dict()["counts"].values()) == 400

    @settings(deadline=None, max_examples=80)
    @given(
        pictures=st.lists(st.integers(0, 40), min_size=60, max_size=150),
        classes=st.integers(2, 3),
        parts=st.lists(st.sampled_from(["", "", "", "validation", "test"]), min_size=150, max_size=150),
        seed=st.integers(0, 2**32),
    )
    def test_no_dealt_row_is_a_copy_of_another_part(
        self, pictures: list[int], classes: int, parts: list[str], seed: int
    ):
        numbers, names = np.array(pictures), np.array(parts[: len(pictures)])
        labels = np.arange(len(numbers)) % classes
        data = made(numbers, labels, validation=names == "validation", test=names == "test")
        try:
            rows = split(data, seed=seed)
        except InputError:
            return  # too few pictures of a class remain
        first = first_rows(data.images)
        part = np.full(len(numbers), 3)
        for number, name in enumerate(PARTS):
            part[getattr(rows, name)] = number
        assert (part == 3).sum() == rows.unused
        if data.official_validation.any():
            np.testing.assert_array_equal(rows.validation, np.flatnonzero(data.official_validation))
        if data.official_test.any():
            np.testing.assert_array_equal(rows.test, np.flatnonzero(data.official_test))
        official = data.official_validation | data.official_test
        for picture in np.unique(first):
            dealt = set(part[(first == picture) & ~official].tolist())
            assert len(dealt) <= 1
            if official[first == picture].any():
                assert dealt <= {3}

    def test_copies_of_official_rows_are_in_no_part_and_official_parts_stay_whole(self):
        pictures = np.array([*range(20), 0, 1, 2, 3, 40, 41, 0, 1, 42, 43])
        labels = np.arange(30) % 2
        number = np.arange(30)
        data = made(pictures, labels, validation=(number >= 20) & (number < 26), test=number >= 26)
        rows = split(data, seed=0)
        assert rows.train.tolist() == list(range(4, 20))
        assert rows.validation.tolist() == [20, 21, 22, 23, 24, 25]
        assert rows.test.tolist() == [26, 27, 28, 29]
        assert (rows.duplicates, rows.unused) == (6, 4)

    def test_a_copy_of_a_row_that_validates_is_not_carved_into_the_test_part(self):
        number = np.arange(30)
        data = made(np.where(number == 29, 0, number), number % 2, validation=number >= 20)
        for seed in range(10):
            assert 0 not in split(data, seed=seed).test
        assert split(data, seed=0).unused == 1

    def test_plain_pictures_are_copies_of_one_another(self):
        data = dataclasses.replace(made(np.arange(20), np.arange(20) % 2), images=np.full((20, 1, 4, 4), 9, np.uint8))
        with pytest.raises(
            InputError,
            match=r"class 'class 0' has 1 \(10 with copies of the same pictures\) \(1 more classes have too few\)",
        ):
            split(data, seed=0)
        split(data, seed=0, grouped=False)

    def test_the_offer_in_that_error_leaves_the_class_out(self):
        pictures, labels = np.array([*range(20), *[20] * 6]), np.array([*([0] * 10), *([1] * 10), *([2] * 6)])
        with pytest.raises(
            InputError,
            match=(
                r"class 'class 2' has 1 \(6 with copies of the same pictures\); add images, or give"
                r" --drop-small-classes 7$"
            ),
        ):
            split(made(pictures, labels), seed=0)

    def test_of_several_classes_the_rarest_stands_for_the_picture(self):
        first = np.array([0, 1, 2, 0, 4, 1])
        labels = np.array([0, 0, 0, 1, 0, 0])
        assert leaders(first, labels, np.ones(6, np.bool_)).tolist() == [3, 1, 2, 3, 4, 1]


class TestFirstRows:
    def test_each_row_is_given_the_first_with_its_pixels(self):
        images = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 5), np.uint8)[[0, 1, 0, 2, 1, 3]]
        assert first_rows(images).tolist() == [0, 1, 0, 3, 1, 5]
        assert first_rows(images.astype(np.float32)).tolist() == [0, 1, 0, 3, 1, 5]
        touched = images.copy()
        touched[2, 2, 4, 4] ^= 1
        assert first_rows(touched).tolist() == [0, 1, 2, 3, 1, 5]


class TestOfficialValidation:
    def test_with_both_official_parts_all_other_rows_train(self):
        number = np.arange(12)
        data = made(number, number % 2, validation=number < 3, test=number >= 10)
        rows = split(data, seed=5)
        assert (rows.validation.tolist(), rows.train.tolist(), rows.test.tolist()) == (
            [0, 1, 2],
            list(range(3, 10)),
            [10, 11],
        )

    def test_with_validation_alone_the_share_of_the_test_part_counts(self):
        number = np.arange(60)
        data = made(number, number % 2, validation=number < 20)
        assert split(data, seed=0, validation=0.5, test=0.25).to_dict()["counts"] == {
            "train": 30,
            "validation": 20,
            "test": 10,
        }

    @pytest.mark.parametrize(
        ("validation", "test", "message"),
        [
            (
                [0, 1],
                [],
                (
                    "needs at least 2 images, one each to train and test, besides the official validation part, but"
                    " class 'class 1' has 1"
                ),
            ),
            (
                [0],
                [1, 2],
                (
                    "needs at least 1 image, to train on, besides the official validation and test parts, but class"
                    " 'class 1' has 0"
                ),
            ),
        ],
    )
    def test_too_few_images_to_train_on_are_refused(self, validation: list[int], test: list[int], message: str):
        number = np.arange(8)
        labels = np.array([0, 1, 0, 1, 0, 0, 0, 0]) if not test else np.array([0, 1, 0, 0, 0, 0, 0, 0])
        data = made(number, labels, validation=np.isin(number, validation), test=np.isin(number, test))
        with pytest.raises(InputError, match=message):
            split(data, seed=0)

    def test_a_validation_part_need_not_show_every_class(self):
        number = np.arange(12)
        data = made(number, number % 2, validation=number == 4)
        assert split(data, seed=0).validation.tolist() == [4]
