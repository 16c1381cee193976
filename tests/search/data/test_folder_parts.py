"""Which folders train, validate and test, and which are classes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, Reading, described, load, split

Make = Callable[..., Path]


@pytest.fixture
def made(tmp_path: Path, noise: Callable[..., list[Path]]) -> Make:
    """A folder with these parts, each of two classes of five images."""

    def make(*parts: str, classes: tuple[str, ...] = ("cat", "dog"), count: int = 5) -> Path:
        for part in parts:
            for name in classes:
                noise(tmp_path / "root" / part / name, count)
        return tmp_path / "root"

    return make


def sizes(data: ImageData) -> tuple[int, int, int]:
    """Rows that are in no official part, that validate, that test."""
    return (
        int((~(data.official_validation | data.official_test)).sum()),
        int(data.official_validation.sum()),
        int(data.official_test.sum()),
    )


class TestNames:
    @pytest.mark.parametrize(
        "parts",
        [
            ("train", "val", "test"),
            ("training", "valid", "testing"),
            ("Train", "Validation", "Test"),
            ("seg_train", "dev-set", "holdout"),
        ],
    )
    def test_all_three_parts_are_those_of_the_folder(self, made: Make, parts: tuple[str, ...]):
        data = load(str(made(*parts)), size=8)
        assert (data.classes, sizes(data)) == (("cat", "dog"), (10, 10, 10))
        rows = split(data, seed=0)
        np.testing.assert_array_equal(rows.validation, np.flatnonzero(data.official_validation))
        np.testing.assert_array_equal(rows.test, np.flatnonzero(data.official_test))
        assert len(rows.train) == 10
        train, validation, test = parts
        assert (
            described(data)[1]
            == f"{train}/ trains (10 images); {validation}/ validates (10 images); {test}/ tests (10 images)"
        )

    def test_beside_a_validation_folder_alone_the_test_part_is_carved_from_training(self, made: Make):
        data = load(str(made("train", "val")), size=8)
        assert sizes(data) == (10, 10, 0)
        rows = split(data, seed=0, test=0.2)
        np.testing.assert_array_equal(rows.validation, np.flatnonzero(data.official_validation))
        assert (len(rows.train), len(rows.test)) == (8, 2)
        assert not np.isin(rows.test, rows.validation).any()
        assert described(data)[1] == "train/ trains and tests (10 images); val/ validates (10 images)"

    def test_beside_a_test_folder_alone_validation_is_carved_from_training(self, made: Make):
        data = load(str(made("Train", "Test")), size=8)
        assert sizes(data) == (10, 0, 10)
        assert split(data, seed=0, validation=0.2).to_dict()["counts"] == {"train": 8, "validation": 2, "test": 10}

    def test_a_training_folder_alone_is_carved_into_all_three(self, made: Make):
        data = load(str(made("training")), size=8)
        assert sizes(data) == (10, 0, 0)
        assert described(data)[1] == "10 images in training/; validation and test images are drawn from them"

    def test_two_folders_of_one_meaning_are_refused_and_the_option_decides(self, made: Make):
        root = made("train", "val", "valid")
        with pytest.raises(
            InputError,
            match=(
                "one validation part is needed, but both val and valid are called so; name the right one by"
                " --validation"
            ),
        ):
            load(str(root))
        data = load(str(root), size=8, reading=Reading(validation="valid"))
        assert sizes(data) == (10, 10, 0)
        assert data.skipped == ("val/: left out, as another folder was named for this part",)

    def test_parts_that_hold_pictures_but_no_classes_are_refused_with_the_place(
        self, tmp_path: Path, noise: Callable[..., list[Path]]
    ):
        for name in ("train", "test"):
            noise(tmp_path / name)
        with pytest.raises(
            InputError,
            match=r"holds parts of a data set and no classes \(test/, train/\): pictures belong in train/<class>$",
        ):
            load(str(tmp_path))
        noise(tmp_path / "bus")  # the control: with a class that is called otherwise, all three are classes
        assert load(str(tmp_path), size=8).classes == ("bus", "test", "train")

    def test_parts_without_a_training_part_are_refused(self, made: Make):
        with pytest.raises(InputError, match=r"\(test/, val/\): pictures belong in train/<class>$"):
            load(str(made("val", "test")))

    def test_a_test_folder_beside_the_classes_is_a_part_if_its_folders_are_the_classes(
        self, made: Make, noise: Callable[..., list[Path]]
    ):
        root = made("", "test")
        data = load(str(root), size=8)
        assert (data.classes, sizes(data)) == (("cat", "dog"), (10, 0, 10))
        assert described(data)[1] == "the rest of the folder trains and validates (10 images); test/ tests (10 images)"
        noise(root / "test" / "blood", 3)  # of a class called "test"
        assert load(str(root), size=8).classes == ("cat", "dog", "test")

    def test_what_lies_beside_a_training_folder_of_class_folders_is_no_class(
        self, made: Make, noise: Callable[..., list[Path]]
    ):
        with pytest.raises(
            InputError,
            match=r"it holds both: train, extra; move away what is no class, or name a part by --validation or --test",
        ):
            load(str(made("train", "extra")))
        root = made("train")
        shutil.rmtree(root / "extra")
        noise(root / "unlabelled", 9)
        with pytest.raises(InputError, match="it holds both: train, unlabelled"):
            load(str(root))
        noise(root / "train", 1)  # the control: a class called "train", with pictures of its own and more in folders
        assert load(str(root), size=8).classes == ("train", "unlabelled")

    def test_a_single_folder_of_class_folders_is_pointed_to(self, made: Make):
        with pytest.raises(
            InputError,
            match=r"holds the single class folder 'photos': .*; give .*photos if its folders are the classes$",
        ):
            load(str(made("photos")))

    def test_an_accent_of_one_letter_or_two_names_the_same_class(
        self, tmp_path: Path, noise: Callable[..., list[Path]]
    ):
        for part, name in (("train", "caf\u00e9"), ("train", "tea"), ("test", "cafe\u0301"), ("test", "tea")):
            noise(tmp_path / part / name)
        assert sizes(load(str(tmp_path), size=8)) == (8, 0, 8)


class TestOptions:
    def test_folders_of_any_name_can_be_parts_and_the_one_that_remains_trains(self, made: Make):
        root = made("photos", "check", "final")
        data = load(str(root), size=8, reading=Reading(validation="check", test="final"))
        assert sizes(data) == (10, 10, 10)
        assert {path.relative_to(root).parts[0] for path in np.array(data.files)[data.official_test]} == {"final"}
        assert load(str(root), size=8).classes == ("check", "final", "photos")  # the control

    def test_beside_class_folders_the_others_are_the_classes(self, made: Make):
        data = load(str(made("", "check")), size=8, reading=Reading(test="check"))
        assert (data.classes, sizes(data)) == (("cat", "dog"), (10, 0, 10))

    def test_a_part_may_lie_elsewhere(self, made: Make, tmp_path: Path):
        root = made("", "held")
        elsewhere = shutil.move(root / "held", tmp_path / "elsewhere")
        data = load(str(root), size=8, reading=Reading(test=str(elsewhere)))
        assert sizes(data) == (10, 0, 10)
        assert described(data)[1].endswith("/ tests (10 images)")

    def test_an_option_beside_folders_of_usual_names(self, made: Make):
        assert sizes(load(str(made("train", "test", "tuning")), size=8, reading=Reading(validation="tuning"))) == (
            10,
            10,
            10,
        )

    @pytest.mark.parametrize(
        ("reading", "message"),
        [
            (
                Reading(validation="chek"),
                r"--validation must name a folder within .* but got an unknown folder 'chek'; did you mean 'check'\?",
            ),
            (Reading(test="."), r"--test must name a part of .*, but '\.' holds it whole"),
            (
                Reading(validation="check", test="./check"),
                "--validation and --test must name two parts, but both are .*check",
            ),
        ],
    )
    def test_what_no_option_can_name(self, made: Make, reading: Reading, message: str):
        with pytest.raises(InputError, match=message):
            load(str(made("photos", "check")), reading=reading)

    def test_a_class_of_the_test_part_alone_is_refused_unless_small_classes_are_dropped(
        self, made: Make, noise: Callable[..., list[Path]]
    ):
        root = made("train", "test")
        noise(root / "test" / "wolf", 2)
        with pytest.raises(
            InputError, match=r"wolf has no folder of its name there \(there are: cat, dog\); .*--drop-small-classes 1$"
        ):
            load(str(root))
        data = load(str(root), size=8, reading=Reading(drop_small_classes=1))
        assert (data.classes, sizes(data), data.dropped) == (("cat", "dog"), (10, 0, 10), (("wolf", 0),))


class TestAskedFor:
    @pytest.mark.parametrize("option", ["validation", "test"])
    def test_an_empty_folder_that_is_asked_for_is_refused_and_takes_no_other_ones_place(self, made: Make, option: str):
        root = made("train", "val", "test")
        (root / "empty" / "cat").mkdir(parents=True)
        with pytest.raises(
            InputError, match=rf"--{option} must name a folder that holds images, but .*empty holds none"
        ):
            load(str(root), size=8, reading=Reading(**{option: "empty"}))
        assert sizes(load(str(root), size=8)) == (10, 10, 10)  # that it is there harms nothing
