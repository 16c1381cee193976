"""The data set on a device: statistics of the training images alone, resizing, read-only arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from automl.blocks.errors import InputError
from automl.search.training.pixels import Pixels
from automl.studies.tasks.preprocessing import read_pixels
from PIL import Image


def arrays(count=40, channels=3, height=10, width=10):
    random = np.random.default_rng(0)
    rows = np.arange(count, dtype=np.int64)
    return {
        "images": random.integers(0, 256, (count, channels, height, width), dtype=np.uint8),
        "labels": (rows % 4).astype(np.int64),
        "train": rows[:20],
        "validation": rows[20:30],
        "test": rows[30:],
    }


def pixels(device="cpu", **changes) -> Pixels:
    return Pixels(**{**arrays(), **changes}, device=device)


class TestStatistics:
    def test_they_are_those_of_the_training_images(self):
        images = arrays()["images"]
        found = pixels()
        assert found.mean == pytest.approx(images[:20].mean((0, 2, 3)) / 255)
        assert found.std == pytest.approx(images[:20].std((0, 2, 3)) / 255)

    def test_validation_and_test_images_change_nothing(self):
        images = arrays()["images"]
        images[20:] = 255
        assert (pixels(images=images).mean, pixels(images=images).std) == (pixels().mean, pixels().std)

    def test_a_training_image_does(self):
        images = arrays()["images"]
        images[19] = 255
        assert pixels(images=images).mean != pixels().mean

    def test_a_constant_channel_gets_deviation_one(self):
        images = arrays()["images"]
        images[:, 1] = 7
        assert pixels(images=images).std[1] == 1.0

    def test_classes_and_channels_are_counted(self):
        found = pixels(test=None)
        assert (found.classes, found.channels) == (4, 3)
        assert [found.count(part) for part in ("train", "validation", "test")] == [20, 10, 0]


class TestParts:
    def test_images_and_labels_of_a_part_stay_together_in_the_order_given(self):
        data = arrays()
        images, labels = pixels(train=np.array([5, 2, 9], dtype=np.int64)).at("train", 10)
        assert np.array_equal(images.numpy(), data["images"][[5, 2, 9]])
        assert labels.tolist() == data["labels"][[5, 2, 9]].tolist()

    def test_read_only_arrays_are_taken_without_a_copy_or_a_warning(self):
        data = arrays()
        for array in data.values():
            array.flags.writeable = False
        found = Pixels(**data, device="cpu")
        assert np.shares_memory(found._images_nchw.numpy(), data["images"])
        assert found.at("validation", 10)[0].shape == (10, 3, 10, 10)
        assert found.at("train", 12)[0].shape == (20, 3, 12, 12)


class TestResizing:
    @pytest.mark.parametrize("size", [5, 7, 10, 16, 33])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_it_is_what_an_exported_file_does_to_the_bit(self, size, channels):
        data = arrays(height=20, width=20, channels=channels)
        found = Pixels(**data, device="cpu")
        images, _ = found.at("validation", size)
        assert images.dtype == torch.uint8
        assert images.shape == (10, channels, size, size)
        for image, original in zip(images, data["images"][20:30], strict=True):
            file = Image.fromarray(original[0] if channels == 1 else original.transpose(1, 2, 0))
            seen = read_pixels(file, found.preprocessing(size).steps, channels, None)
            assert np.array_equal(image.numpy().transpose(1, 2, 0), seen)
            bilinear = read_pixels(file, ((size, "bilinear"),), channels, None)
            assert not np.array_equal(
                image.numpy().transpose(1, 2, 0), bilinear
            )  # the control: another filter would be seen

    def test_the_stored_size_is_left_alone(self):
        data = arrays()
        assert np.array_equal(pixels().at("validation", 10)[0].numpy(), data["images"][20:30])
        assert pixels().preprocessing(10).steps == ((10, "bicubic"),)

    def test_a_size_is_resized_once_and_old_ones_are_forgotten(self, monkeypatch):
        found = pixels()
        first = found.at("train", 6)[0]
        assert found.at("train", 6)[0] is first
        found.at("train", 7)
        assert found.at("train", 6)[0] is first  # still there, and now the newest
        monkeypatch.setattr("automl.search.training.pixels.CACHED", first.nbytes + found.at("train", 8)[0].nbytes)
        found.at("train", 6)
        found.at("train", 5)
        assert {size for _, size in found._resized} == {5, 6}
        found.at("train", 20)  # larger than all that is kept, and kept nevertheless
        assert {size for _, size in found._resized} == {20}


ROWS = np.arange(20, dtype=np.int64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": np.zeros((40, 3, 10, 10))}, "images must be uint8 of shape"),
        ({"images": np.zeros((40, 10, 10), dtype=np.uint8)}, "images must be uint8 of shape"),
        ({"labels": np.zeros(39, dtype=np.int64)}, r"labels must be int64 of shape \(40,\)"),
        ({"labels": np.zeros(40, dtype=np.int32)}, "labels must be int64"),
        ({"labels": np.full(40, -1)}, "labels must be 0 or above, but got -1"),
        ({"train": ROWS[:0]}, "the train part must be a non-empty list"),
        ({"validation": ROWS + 30}, r"must lie in 0\.\.39, but got 30\.\.49"),
        ({"validation": ROWS}, "an image must be in one part, once, but image 0 is listed 2 times"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        pixels(**changes)


def test_a_part_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="unknown part 'test'"):
        pixels(test=None).at("test", 10)
    with pytest.raises(InputError, match="size must be at least 1, but got 0"):
        pixels().at("train", 0)
