"""What is said of a data set and of its split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automl.search import SearchOptions
from automl.search.data import ImageData, Reading, described, load, remarks, split
from automl.search.data.sides import sided
from automl.search.data.skipped import summary
from automl.search.evaluators.training import Training, if_unequal
from PIL import Image


def made(count: int, classes: int, **changes: object) -> ImageData:
    labels = np.arange(count) % classes
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 4, 4), np.uint8)
    names = tuple(f"class {number}" for number in range(classes))
    data = ImageData(
        name="made", images=images, labels=labels, classes=names, official_test=np.zeros(count, np.bool_), flip=True
    )
    return dataclasses.replace(data, **changes)


class TestDescribed:
    def test_digits(self):
        assert described(load("digits")) == (
            "10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
            "1,797 images; validation and test images are drawn from them",
        )

    def test_of_many_classes_the_first_twelve_are_named(self):
        assert (
            described(made(40, 20))[0]
            == f"20 classes: {', '.join(f'class {number}' for number in range(12))}, … and 8 more"
        )

    def test_parts_without_names_are_called_by_their_use(self):
        data = made(40, 4, official_test=np.arange(40) >= 30)
        assert described(data)[1] == "the train part trains and validates (30 images); the test part tests (10 images)"

    def test_lines_keep_to_a_width_whatever_the_names(self, tmp_path: Path, noise: Callable[..., list[Path]]):
        long = "x" * 200
        for number in range(30):
            for part in ("train", f"{'image' * 30}_test"):
                noise(tmp_path / part / f"{number:02}{long}", 3)
                (tmp_path / part / f"{number:02}{long}" / f"{long}.txt").write_text("")
        noise(tmp_path / "train", 2)
        noise(tmp_path / "train" / "small", 1)
        data = load(str(tmp_path), size=8, reading=Reading(drop_small_classes=2))
        lines = [*described(data), *remarks(data, split(data, seed=0))]
        assert len(lines) == 6
        assert max(map(len, lines)) <= 160

    def test_native_is_the_median_of_the_shorter_sides_of_files(self, tmp_path: Path):
        for number, size in enumerate([(30, 40), (50, 30), (100, 300), (20, 20), (64, 48)]):
            for name in ("a", "b"):
                (tmp_path / name).mkdir(exist_ok=True)
                Image.new("L", size, number * 9).save(tmp_path / name / f"{number}.png")
        data = load(str(tmp_path), size=8)
        assert (data.size, data.native) == (8, 30)

    def test_native_of_arrays_is_their_side_before_they_are_made_smaller(self, tmp_path: Path):
        np.savez(tmp_path / "a.npz", x=np.zeros((4, 20, 30), np.uint8), y=[0, 1, 0, 1])
        data = load(str(tmp_path / "a.npz"), size=5)
        assert (data.size, data.native, data.files) == (5, 20, ())
        assert load("digits", size=4).native == 8
        assert made(4, 2).native == 4

    def test_each_row_knows_its_file(self, tmp_path: Path, noise: Callable[..., list[Path]]):
        written = [path for name in ("a", "b") for path in noise(tmp_path / name, 3)]
        (tmp_path / "a" / "0000.txt").write_text("")
        data = load(str(tmp_path), size=8)
        assert list(data.files) == written
        for image, path in zip(data.images, data.files, strict=True):
            np.testing.assert_array_equal(image.transpose(1, 2, 0), np.asarray(Image.open(path)))


class TestSkipped:
    def test_nothing_is_nothing(self):
        assert summary([]) == ""

    def test_reasons_are_counted_and_the_first_are_named(self):
        skipped = [
            "a/x.png: truncated",
            "labels.txt: no image",
            "a/p: no file to be read",
            "y.png: lies in no class folder",
            "val/: left out, as others",
        ]
        assert (
            summary(skipped) == "skipped: 1 unused (val/), 1 in no class folder (y.png), 1 pipes or devices (a/p), "
            "1 file that is no image (labels.txt), 1 unreadable (a/x.png: truncated)"
        )

    def test_many_are_one_line(self):
        skipped = [f"folder/{number}{'x' * 40}.txt: no image" for number in range(5000)] + [
            f"{'y' * 100}{number}.png: truncated" for number in range(7)
        ]
        line = summary(skipped)
        assert line.startswith("skipped: 5,000 files that are no images, 7 unreadable (yyy")
        assert len(line) <= 160


class TestMirrored:
    @pytest.fixture
    def lines(self, tmp_path: Path, noise: Callable[..., list[Path]]) -> Callable[..., str]:
        """What a search says of a folder with classes of these names."""

        def said(*names: str, **options: object) -> str:
            for name in names:
                noise(tmp_path / "photos" / name, 5)
            asked = SearchOptions(data=str(tmp_path / "photos"), storage=f"sqlite:///{tmp_path}/s.db", **options)  # type: ignore[arg-type]
            return "\n".join(Training.prepared(asked, 0.0, None).data_lines())

        return said

    def test_a_search_says_how_sides_are_kept_apart(self, lines: Callable[..., str]) -> None:
        said = lines("turn_left", "turn_right", "stop")
        assert "may make them another class (turn_left, turn_right): --no-flip trains without" in said

    @pytest.mark.parametrize("flip", [True, False])
    def test_control_who_has_decided_is_not_asked(self, lines: Callable[..., str], flip: bool) -> None:
        assert "mirrored" not in lines("left", "right", flip=flip)

    def test_control_other_names_say_nothing(self, lines: Callable[..., str]) -> None:
        assert "mirrored" not in lines("cat", "bright", "copyright")

    def test_letters_are_signs_where_there_are_many(self) -> None:
        assert "(a, b, c, … and 5 more)" in sided("abcdefgh")[0]
        assert sided("abc") == sided(["aa", *"bcdefgh"]) == []


class TestRemarks:
    def test_the_parts_are_counted(self):
        data = made(1000, 4)
        assert remarks(data, split(data, seed=0, validation=0.15)) == [
            "split: train 700 images of 4 classes; validation 150 images of 4 classes; test 150 images of 4 classes"
        ]

    @pytest.mark.parametrize(("count", "points"), [(20, 22), (99, 10), (4, 49), (2, 50)])
    def test_few_images_that_validate_are_warned_of(self, count: int, points: int):
        data = made(400, 2, official_validation=np.arange(400) < count)
        expected = (
            f"only {count} images validate: an accuracy is known to ± {points} points (95 %), so networks cannot be"
            " told apart"
        )
        assert expected in remarks(data, split(data, seed=0))
        enough = made(400, 2, official_validation=np.arange(400) < 100)
        assert not any("told apart" in line for line in remarks(enough, split(enough, seed=0)))  # the control

    def test_strongly_unequal_classes_are_told_with_the_options_that_help(self):
        unequal = made(200, 2, labels=(np.arange(200) % 20 == 0).astype(np.int64))  # 190 and 10
        hint = if_unequal("accuracy", "none")
        assert hint == " (--metric balanced-accuracy, --balance weights or sampling)"
        [line] = [line for line in remarks(unequal, split(unequal, seed=0), if_unequal=hint) if "unequal" in line]
        assert line.endswith(f"judge by balanced accuracy, the mean over the classes{hint}")
        assert if_unequal("balanced-accuracy", "sampling") == ""  # nothing is left to propose
        equal = made(200, 2)  # the control
        assert not any("unequal" in line for line in remarks(equal, split(equal, seed=0), if_unequal=hint))

    def test_copies_are_counted_and_two_of_different_classes_are_named(self):
        data = made(1000, 4)
        images = data.images.copy()
        images[500], images[701] = images[0], images[1]
        images[702] = images[1]
        data = dataclasses.replace(data, images=images)
        _, copies, conflicting = remarks(data, split(data, seed=0))
        assert copies == "3 images are exact copies of others: copies are kept on one side of the split"
        assert (
            conflicting
            == "1 of the copies has another class than the first of their kind, as row 1 (class 1) and row 702"
            " (class 2)"
        )

    def test_copies_of_official_images_are_said_to_be_in_no_part(self):
        data = made(1000, 4, official_test=np.arange(1000) >= 600, official_validation=np.arange(1000) < 200)
        images = data.images.copy()
        images[300], images[604] = images[0], images[4]
        data = dataclasses.replace(data, images=images)
        lines = remarks(data, split(data, seed=0))
        assert lines[1].endswith("; 1 of them, copies of official validation or test images, are in no part")
        assert "1 of the images that validate are also in the official test part" in lines

    def test_classes_that_nothing_validates_are_named(self):
        data = made(400, 4, official_validation=(np.arange(400) % 4 != 3) & (np.arange(400) < 200))
        assert "no image validates 1 class: class 3" in remarks(data, split(data, seed=0))
