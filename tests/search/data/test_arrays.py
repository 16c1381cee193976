"""`.npz` archives."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, Reading, described, load, split
from automl.search.handover.export import export
from automl.search.handover.longer_training import train
from automl.search.training.pixels import resize
from automl.studies.tasks.preprocessing import read_pixels
from PIL import Image

from ... import fresh
from ..one_network import TINY, study_on

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"
RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (8, 6, 6), np.uint8)
COLOUR = RANDOM.integers(0, 256, (8, 6, 6, 3), np.uint8)
LABELS = np.arange(8) % 2


def saved(folder: Path, **arrays: Any) -> str:
    path = folder / "data.npz"
    np.savez(path, **arrays)
    return str(path)


class TestLayouts:
    @pytest.mark.parametrize(("images", "labels"), [("x", "y"), ("images", "labels"), ("x_train", "y_train")])
    def test_all_names_are_known(self, tmp_path: Path, images: str, labels: str):
        name = saved(tmp_path, **{images: COLOUR, labels: LABELS})
        data = load(name)
        assert data.name == name
        np.testing.assert_array_equal(data.images, COLOUR.transpose(0, 3, 1, 2))
        np.testing.assert_array_equal(data.labels, LABELS)
        assert data.classes == ("0", "1")
        assert not data.official_test.any()

    def test_channels_may_come_first_or_last_or_not_at_all(self, tmp_path: Path):
        nchw = load(saved(tmp_path, x=COLOUR.transpose(0, 3, 1, 2), y=LABELS))
        assert nchw.fingerprint == load(saved(tmp_path, x=COLOUR, y=LABELS)).fingerprint
        grey = [load(saved(tmp_path, x=images, y=LABELS)) for images in (GREY, GREY[..., None], GREY[:, None])]
        assert len({data.fingerprint for data in grey}) == 1
        assert grey[0].images.shape == (8, 1, 6, 6)

    def test_any_number_of_channels_is_read_from_the_shorter_axis(self, tmp_path: Path):
        x = np.random.default_rng(0).integers(0, 256, (8, 9, 12, 5), np.uint8)
        last = load(saved(tmp_path, x=x, y=LABELS))
        assert (last.images.shape, last.channels) == ((8, 5, 9, 9), 5)
        assert load(saved(tmp_path, x=x.transpose(0, 3, 1, 2), y=LABELS)).fingerprint == last.fingerprint
        np.testing.assert_array_equal(last.images, x[:, :, 1:10].transpose(0, 3, 1, 2))

    @pytest.mark.parametrize("channels", [2, 3, 4])
    def test_each_channel_is_resized_as_grey_and_in_training_and_export_alike(self, tmp_path: Path, channels: int):
        x = np.random.default_rng(0).integers(0, 256, (8, 20, 24, channels), np.uint8)
        small = load(saved(tmp_path, x=x, y=LABELS), size=12).images
        for channel in range(channels):
            alone = load(saved(tmp_path, x=x[..., channel], y=LABELS), size=12).images
            np.testing.assert_array_equal(small[:, channel], alone[:, 0])
        seen = read_pixels(x[3], ((12, "bicubic"), (7, "bicubic")), channels, None)
        np.testing.assert_array_equal(seen.transpose(2, 0, 1), resize(small, np.array([3]), 7)[0])
        with pytest.raises(ValueError, match=r"must be uint8 of shape \(h, w, 9\)"):
            read_pixels(x[3], ((12, "bicubic"),), 9, None)
        with pytest.raises(ValueError, match=r"images of 9 channels are arrays"):
            read_pixels(Image.new("RGB", (8, 8)), ((12, "bicubic"),), 9, None)

    @pytest.mark.exhaustive
    def test_a_network_for_five_channels_trains_and_its_export_classifies_arrays(self, tmp_path: Path):
        x = np.random.default_rng(0).integers(0, 90, (40, 24, 20, 5), np.uint8)
        x[1::2, ..., 4] += 120
        np.savez(tmp_path / "bands.npz", x=x, y=np.arange(40) % 2)
        study = study_on(tmp_path, tmp_path / "bands.npz", TINY)
        trained = train(study, epochs=1, threads=1)
        made = export(study, tmp_path / "found", formats=("onnx",))
        assert made.exported.checked is not None
        assert made.exported.checked.identical is True
        assert made.exported.checked.accuracy == pytest.approx(trained.test_accuracy)
        np.save(tmp_path / "one.npy", x[0])
        for arguments in ([], [str(tmp_path / "one.npy")]):
            assert "%" in fresh.file([sys.executable, "-I", str(tmp_path / "found" / "model.py"), *arguments]).stdout

    def test_the_test_arrays_are_the_official_test_part(self, tmp_path: Path):
        data = load(saved(tmp_path, x_train=GREY, y_train=LABELS, x_test=255 - GREY[:4], y_test=LABELS[:4]))
        assert data.official_test.tolist() == [False] * 8 + [True] * 4
        np.testing.assert_array_equal(data.images[8:, 0], 255 - GREY[:4])
        assert split(data, seed=0).test.tolist() == [8, 9, 10, 11]

    def test_labels_of_any_numbers_become_places_and_their_numbers_names(self, tmp_path: Path):
        data = load(
            saved(
                tmp_path,
                x_train=GREY,
                y_train=[3, 10, 7, 3, 10, 7, 3, 3],
                x_test=GREY[:1],
                y_test=np.array([10], np.uint64),
            )
        )
        assert data.classes == ("3", "7", "10")
        assert data.labels.tolist() == [0, 2, 1, 0, 2, 1, 0, 0, 2]

    @pytest.mark.parametrize("names", [["cat", "dog"], np.array([b"cat", b"dog"])])
    def test_class_names_are_taken_from_the_archive(self, tmp_path: Path, names: object):
        assert load(saved(tmp_path, x=GREY, y=LABELS, classes=names)).classes == ("cat", "dog")

    def test_labels_in_a_column_are_labels(self, tmp_path: Path):
        assert load(saved(tmp_path, x=GREY, y=LABELS[:, None].astype(np.uint8))).labels.tolist() == LABELS.tolist()

    def test_other_arrays_are_left_alone_even_if_they_are_pickles(self, tmp_path: Path):
        load(saved(tmp_path, x=GREY, y=LABELS, notes=np.array([{}], object)))

    def test_images_are_made_smaller_and_square(self, tmp_path: Path):
        assert load(saved(tmp_path, x=COLOUR, y=LABELS), size=4).size == 4
        assert load(saved(tmp_path, x=COLOUR, y=LABELS), size=400).size == 6
        oblong = load(saved(tmp_path, x=COLOUR[:, 1:5], y=LABELS))
        np.testing.assert_array_equal(oblong.images, COLOUR[:, 1:5, 1:5].transpose(0, 3, 1, 2))

    def test_real_images_can_be_read(self):
        path = SHARED / "cifar10-small" / "cifar10-small.npz"
        if not path.exists():
            pytest.skip("the draw of CIFAR-10 is not beside this checkout (../shared/data/cifar10-small)")
        data = load(str(path))
        assert data.images.shape == (15_000, 3, 32, 32)
        assert split(data, seed=0).to_dict()["counts"] == {"train": 10_200, "validation": 1_800, "test": 3_000}


class TestParts:
    X, Y = RANDOM.integers(0, 256, (8, 6, 6), np.uint8), np.arange(8) % 2

    def parted(self, folder: Path, *names: tuple[str, str], reading: Reading | None = None) -> ImageData:
        """The archive with these pairs of arrays, the first of 8 rows, all others of 4."""
        arrays: dict[str, Any] = {}
        for number, (images, labels) in enumerate(names):
            count = 4 if number else 8
            arrays |= {images: self.X[:count] + number, labels: self.Y[:count]}
        return load(saved(folder, **arrays), reading=reading or Reading())

    @pytest.mark.parametrize("name", ["val", "valid", "validation", "dev"])
    def test_validation_arrays_validate(self, tmp_path: Path, name: str):
        data = self.parted(tmp_path, ("x_train", "y_train"), (f"x_{name}", f"y_{name}"), ("x_test", "y_test"))
        assert np.flatnonzero(data.official_validation).tolist() == [8, 9, 10, 11]
        assert np.flatnonzero(data.official_test).tolist() == [12, 13, 14, 15]
        rows = split(data, seed=0)
        assert (rows.train.tolist(), rows.validation.tolist()) == (list(range(8)), [8, 9, 10, 11])
        assert (
            described(data)[1] == f"x_train trains (8 images); x_{name} validates (4 images); x_test tests (4 images)"
        )

    @pytest.mark.parametrize(
        "pairs",
        [
            [("train_images", "train_labels"), ("test_images", "test_labels")],
            [("X_train", "Y_train"), ("X_test", "Y_test")],
            [("x", "y"), ("x_test", "y_test")],
            [("images_training", "labels_training"), ("images_holdout", "labels_holdout")],
        ],
    )
    def test_other_usual_names_of_arrays_are_known(self, tmp_path: Path, pairs: list[tuple[str, str]]):
        assert np.flatnonzero(self.parted(tmp_path, *pairs).official_test).tolist() == [8, 9, 10, 11]

    def test_two_parts_of_one_meaning_are_refused_and_the_option_decides(self, tmp_path: Path):
        pairs = [("x_train", "y_train"), ("x_val", "y_val"), ("x_valid", "y_valid")]
        with pytest.raises(
            InputError,
            match=(
                "one validation part is needed, but both val and valid are called so; name the right one by"
                " --validation"
            ),
        ):
            self.parted(tmp_path, *pairs)
        data = self.parted(tmp_path, *pairs, reading=Reading(validation="valid"))
        assert (data.official_validation.sum(), data.skipped) == (4, ("x_val: left out, its name means no part",))

    @pytest.mark.parametrize("option", ["tuning", "x_tuning", "TUNING"])
    def test_arrays_of_any_name_can_be_a_part(self, tmp_path: Path, option: str):
        pairs = [("x_train", "y_train"), ("x_tuning", "y_tuning")]
        assert self.parted(tmp_path, *pairs, reading=Reading(validation=option)).official_validation.sum() == 4
        data = self.parted(tmp_path, *pairs)  # the control
        assert (data.official_validation.sum(), data.skipped) == (0, ("x_tuning: left out, its name means no part",))

    def test_the_pair_that_remains_trains(self, tmp_path: Path):
        data = self.parted(tmp_path, ("x_one", "y_one"), ("x_two", "y_two"), reading=Reading(test="two"))
        assert np.flatnonzero(data.official_test).tolist() == [8, 9, 10, 11]

    def test_an_option_that_names_nothing_is_refused(self, tmp_path: Path):
        with pytest.raises(
            InputError,
            match=r"--test must name one of its parts, but got an unknown part 'tset'; did you mean 'test'\?",
        ):
            self.parted(tmp_path, ("x_train", "y_train"), ("x_test", "y_test"), reading=Reading(test="tset"))

    def test_statistics_beside_the_images_are_no_part(self, tmp_path: Path):
        data = load(saved(tmp_path, x=GREY, y=LABELS, mean_x=GREY[0], images_mean=GREY[:1], x_std=GREY[:1]))
        assert (len(data.images), data.skipped) == (8, ())


class TestRefusals:
    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            (
                {"a": GREY, "b": LABELS},
                r"must hold the arrays x_train and y_train, or x and y, or images and labels, but it holds: a, b$",
            ),
            ({}, "but it holds: none$"),
            ({"x": GREY, "classes": ["a"]}, "must hold the arrays x and y, but y is missing; it holds: x, classes$"),
            (
                {"x_train": GREY, "y_train": LABELS, "x_val": GREY},
                "must hold the arrays x_val and y_val, but y_val is missing; it holds: x_train, y_train, x_val$",
            ),
            (
                {"train_images": GREY},
                (
                    "must hold the arrays train_images and train_labels, but train_labels is missing; it holds:"
                    " train_images$"
                ),
            ),
            ({"y_train": LABELS}, "must hold the arrays x_train and y_train, but x_train is missing"),
            (
                {"x_train": GREY, "y_train": LABELS, "x_test": GREY},
                "must hold the arrays x_test and y_test, but y_test is missing",
            ),
            (
                {"x_train": GREY, "y_train": LABELS, "y_test": LABELS},
                "must hold the arrays x_test and y_test, but x_test is missing",
            ),
            ({"x": GREY / np.float32(255), "y": LABELS}, "x must be uint8, pixels 0..255, but it is float32$"),
            ({"x": GREY.astype(np.int8), "y": LABELS}, "x must be uint8, pixels 0..255, but it is int8$"),
            ({"x": GREY[0], "y": LABELS}, r"x must have the shape .*, but it is \(6, 6\)$"),
            (
                {"x": np.zeros((8, 6, 6, 6), np.uint8), "y": LABELS},
                r"x must have the shape .*, but it is \(8, 6, 6, 6\)$",
            ),
            ({"x": GREY[:0], "y": LABELS[:0]}, r"none of them 0 and .*, but it is \(0, 6, 6\)$"),
            ({"x": GREY, "y": LABELS[:5]}, "every image needs one label, but x has 8 images and y has 5 labels$"),
            (
                {"x_train": GREY, "y_train": LABELS, "x_test": GREY[:, :5], "y_test": LABELS},
                r"all images must be of one shape, but they are \(6, 6, 1\) in x_train and \(5, 6, 1\) in x_test$",
            ),
            ({"x": GREY, "y": LABELS / 2}, "y must hold whole numbers, but it is float64$"),
            ({"x": GREY, "y": LABELS == 1}, "y must hold whole numbers, but it is bool$"),
            ({"x": GREY, "y": LABELS.astype(str)}, "y must hold whole numbers, but it is <U"),
            (
                {"x": GREY, "y": np.eye(8, dtype=int)},
                r"y must hold one number for each image, shape \(n,\), but its shape is \(8, 8\)$",
            ),
            ({"x": GREY, "y": LABELS - 1}, "labels must be 0 or more, but y holds -1$"),
            (
                {"x": GREY, "y": np.full(8, 2**63 + 5, np.uint64)},
                "labels must be 0 or more, but y holds 9223372036854775813$",
            ),
            ({"x": GREY, "y": LABELS * 0}, "at least two classes are needed, but there is 1: 0$"),
            (
                {"x": GREY, "y": LABELS, "classes": ["a"]},
                "classes must name every label, but it has 1 names and the labels go up to 1$",
            ),
            (
                {"x": GREY, "y": LABELS, "classes": ["a", "a"]},
                "classes must name each class once, but 'a' is there more than once$",
            ),
            (
                {"x": GREY, "y": LABELS, "classes": [0.5, 1.5]},
                r"classes must be one row of names, but it is float64 of shape \(2,\)$",
            ),
            (
                {"x": GREY, "y": LABELS.astype(object)},
                "cannot be read as an .npz archive: Object arrays cannot be loaded when allow_pickle=False$",
            ),
        ],
    )
    def test_what_is_wrong_is_said_in_one_line(self, tmp_path: Path, arrays: dict[str, object], message: str):
        name = saved(tmp_path, **arrays)
        with pytest.raises(InputError, match=message) as caught:
            load(name)
        assert str(caught.value).startswith(name)
        assert "\n" not in str(caught.value)

    def test_a_file_that_is_no_archive(self, tmp_path: Path):
        path = tmp_path / "data.npz"
        for content in (b"", b"PK\x03\x04 but not really", b"text"):
            path.write_bytes(content)
            with pytest.raises(InputError, match=r"data.npz cannot be read as an .npz archive: \S"):
                load(str(path))

    def test_a_single_array(self, tmp_path: Path):
        path = tmp_path / "data.npz"
        with path.open("wb") as file:
            np.save(file, GREY)
        with pytest.raises(InputError, match=r"is a single array, not an \.npz archive"):
            load(str(path))

    def test_an_archive_with_a_damaged_array(self, tmp_path: Path):
        path = Path(saved(tmp_path, x=GREY, y=LABELS))
        content = bytearray(path.read_bytes())
        content[300] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"cannot be read as an .npz archive: Bad CRC-32"):
            load(str(path))
