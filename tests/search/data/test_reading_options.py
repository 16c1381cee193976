"""The choices of whoever reads a data set."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, Reading, described, load, split


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (Reading(), {}),
        (Reading(validation="val"), {"validation": "val"}),
        (Reading(test="t", drop_small_classes=3), {"test": "t", "drop_small_classes": 3}),
    ],
)
def test_defaults_are_left_out_of_the_json_and_come_back(reading: Reading, expected: dict[str, object]):
    assert reading.to_dict() == expected
    assert Reading.from_dict(json.loads(json.dumps(reading.to_dict()))) == reading


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"validation": " "}, "--validation must name a part of the data set, but got ' '"),
        ({"validation": "a", "test": "a"}, "--validation and --test must name two parts, but both are 'a'"),
        ({"drop_small_classes": -1}, "--drop-small-classes must be 0 or more, but got -1"),
        ({"test": "caf\udce9"}, r"--test must be a path in UTF-8, but got 'caf\\\\xe9'"),
    ],
)
def test_choices_that_cannot_be_are_refused(values: dict[str, object], message: str):
    with pytest.raises(InputError, match=message):
        Reading(**values)


@pytest.mark.parametrize(
    ("reading", "options"),
    [(Reading(validation="x"), "--validation"), (Reading(validation="x", test="y"), "--validation and --test")],
)
def test_named_sets_have_no_parts_to_choose_from(reading: Reading, options: str):
    with pytest.raises(
        InputError, match=rf"^{options} must name a part of the data set, but digits has no parts to choose from$"
    ):
        load("digits", reading=reading)
    assert len(load("digits", reading=Reading(drop_small_classes=3)).classes) == 10


def test_parts_outside_the_data_set_become_absolute_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "root" / "val").mkdir(parents=True)
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    assert Reading(validation="val", test="other").absolute("root") == Reading(
        validation="val", test=str(tmp_path / "other")
    )
    assert Reading(validation="val", test="other").absolute("data.npz") == Reading(validation="val", test="other")


class TestSmallClasses:
    @pytest.fixture
    def zoo(self, tmp_path: Path, noise: Callable[..., list[Path]]) -> Path:
        for name, count in {"ant": 2, "bee": 5, "cow": 3, "dog": 1}.items():
            noise(tmp_path / name, count)
        return tmp_path

    def test_they_stop_the_split_and_the_error_offers_the_option_that_helps(self, zoo: Path):
        with pytest.raises(
            InputError,
            match=r"class 'ant' has 2 \(1 more classes have too few\); add images, or give --drop-small-classes 3$",
        ):
            split(load(str(zoo), size=8), seed=0)
        split(load(str(zoo), size=8, reading=Reading(drop_small_classes=3)), seed=0)

    def test_they_are_left_out_and_named(self, zoo: Path):
        whole, data = load(str(zoo), size=8), load(str(zoo), size=8, reading=Reading(drop_small_classes=3))
        assert data.classes == ("bee", "cow")
        assert data.dropped == (("ant", 2), ("dog", 1))
        assert "2 classes left out as too small: ant with 2 images, dog with 1 image" in described(data)
        assert data.labels.tolist() == [0] * 5 + [1] * 3
        np.testing.assert_array_equal(data.images, whole.images[2:10])
        assert data.files == whole.files[2:10]

    def test_an_empty_class_folder_is_the_smallest_class(self, zoo: Path):
        (zoo / "elk").mkdir()
        with pytest.raises(InputError, match="elk holds no image"):
            load(str(zoo))
        assert load(str(zoo), size=8, reading=Reading(drop_small_classes=1)).dropped == (("elk", 0),)

    def test_two_classes_must_be_left(self, zoo: Path):
        with pytest.raises(
            InputError,
            match=(
                r"--drop-small-classes 4 must leave at least two classes, but leaves 1; the largest are bee with 5, cow"
                r" with 3, ant with 2"
            ),
        ):
            load(str(zoo), reading=Reading(drop_small_classes=4))

    def test_only_images_to_train_on_count_and_all_parts_lose_the_class(self, tmp_path: Path):
        x = np.random.default_rng(0).integers(0, 256, (20, 4, 4), np.uint8)
        y = np.array([0] * 5 + [1] * 5 + [2] * 2)
        np.savez(
            tmp_path / "a.npz",
            x_train=x[:12],
            y_train=y,
            x_test=x[12:],
            y_test=[0, 1, 2, 2, 2, 2, 2, 0],
            classes=["a", "b", "c"],
        )
        data = load(str(tmp_path / "a.npz"), reading=Reading(drop_small_classes=3))
        assert (data.classes, data.dropped) == (("a", "b"), (("c", 2),))
        assert data.labels[data.official_test].tolist() == [0, 1, 0]

    def test_enough_classes_leave_the_data_as_they_are(self):
        labels = np.arange(6) % 2
        images = np.arange(24, dtype=np.uint8).reshape(6, 1, 2, 2)
        data = ImageData(
            name="x", images=images, labels=labels, classes=("a", "b"), official_test=labels > 5, flip=True
        )
        from automl.search.data.small import without_small_classes

        assert without_small_classes(data, 3) is data
