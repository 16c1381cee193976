"""Cropping and resizing."""

from __future__ import annotations

import numpy as np
import pytest
from automl.search.data.square import side_for, squares
from automl.studies.tasks.preprocessing import central_square
from PIL import Image


@pytest.mark.parametrize(("native", "size", "side"), [(28, None, 28), (28, 28, 28), (28, 64, 28), (28, 16, 16)])
def test_images_are_made_smaller_and_never_larger(native: int, size: int | None, side: int):
    assert side_for(native, size) == side


def test_square_images_at_their_own_size_are_only_transposed():
    images_nhwc = np.random.default_rng(0).integers(0, 256, (5, 6, 6, 3), np.uint8)
    np.testing.assert_array_equal(squares([images_nhwc], None), images_nhwc.transpose(0, 3, 1, 2))


def test_parts_follow_one_another():
    one, other = np.full((2, 4, 4, 1), 1, np.uint8), np.full((3, 4, 4, 1), 2, np.uint8)
    for size in (None, 2):
        assert squares([one, other], size)[:, 0, 0, 0].tolist() == [1, 1, 2, 2, 2]


@pytest.mark.parametrize("shape", [(4, 8), (8, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_long_images_keep_their_centre(shape: tuple[int, int], channels: int):
    image = np.full((1, *shape, channels), 255, np.uint8)
    image[:, shape[0] // 2 - 2 : shape[0] // 2 + 2, shape[1] // 2 - 2 : shape[1] // 2 + 2] = 100
    result = squares([image], None)
    assert result.shape == (1, channels, 4, 4)
    assert (result == 100).all()


@pytest.mark.parametrize("shape", [(4, 8), (8, 4)])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_letterbox_keeps_all_of_an_image_in_the_middle_of_black(shape: tuple[int, int], channels: int):
    image = np.random.default_rng(0).integers(1, 256, (1, *shape, channels), np.uint8)
    result = squares([image], None, fit="letterbox")[0].transpose(1, 2, 0)
    assert result.shape == (8, 8, channels)
    middle = result[2:6] if shape == (4, 8) else result[:, 2:6]
    np.testing.assert_array_equal(middle, image[0])
    assert (result.sum() - middle.sum(), squares([image], None)[0].shape[1]) == (0, 4)  # the control: a crop does not
    whole = np.repeat(np.repeat(image, 4, 1), 4, 2)  # made smaller again
    shrunk = squares([whole], 8, fit="letterbox")[0].transpose(1, 2, 0)
    assert not shrunk[:2].any() if shape == (4, 8) else not shrunk[:, :2].any()


def test_a_letterbox_of_a_square_is_the_square():
    image = np.random.default_rng(0).integers(0, 256, (1, 9, 9, 3), np.uint8)
    for size in (None, 5):
        np.testing.assert_array_equal(squares([image], size, fit="letterbox"), squares([image], size))


@pytest.mark.parametrize("channels", [1, 3])
def test_shrinking_and_cropping_is_resizing_the_shorter_side_and_cropping(channels: int):
    image = np.random.default_rng(0).integers(0, 256, (64, 32, channels), np.uint8)
    whole = (
        Image.fromarray(image[..., 0] if channels == 1 else image)
        .resize((16, 32), Image.Resampling.BICUBIC)
        .crop((0, 8, 16, 24))
    )
    expected = np.asarray(whole).reshape(16, 16, channels).transpose(2, 0, 1)
    assert (
        np.abs(squares([image[None]], 16)[0].astype(int) - expected).max() <= 1
    )  # the two passes round at different places


def test_shrinking_is_antialiased():
    """A fine chessboard turns grey; picking every second pixel, the control, would give one
    colour."""
    board = (np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8)
    shrunk = squares([board[None, :, :, None]], 16)
    assert np.abs(shrunk.astype(int) - 127).max() <= 20
    assert (board[::2, ::2] == 0).all()


def test_colours_stay_in_their_channels():
    image = np.zeros((1, 8, 8, 3), np.uint8)
    image[..., 1] = 200
    for size in (None, 4):
        np.testing.assert_array_equal(squares([image], size)[0].mean(axis=(1, 2)), [0, 200, 0])


def test_a_very_long_strip_is_cropped_before_it_is_resized():
    strip = Image.new("L", (60_000, 2), 7)  # resized first, it would be 1,920,000 pixels wide
    assert np.asarray(central_square(strip, 64)).tolist() == np.full((64, 64), 7).tolist()
    thin = np.asarray(central_square(strip, 64, "letterbox"))
    assert (thin.sum(), thin[31].tolist()) == (7 * 64, [7] * 64)
