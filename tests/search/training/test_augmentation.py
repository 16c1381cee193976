"""Random shifts, flips and cutout, beside the slow and obvious way of doing them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from automl.search.training.augmentation import Augmentation
from automl.search.training.pixels import Normalise

SIDE = 9
IMAGES = torch.arange(20 * 3 * SIDE * SIDE).remainder(251).to(torch.uint8).view(20, 3, SIDE, SIDE)
ROWS = torch.tensor([3, 3, 0, 19, 7, 7, 7, 12])


def drawn(augmentation: Augmentation, count: int = len(ROWS), seed: int = 0) -> torch.Tensor:
    return augmentation.draw(count, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shift", [0, 1, 3, SIDE - 1])
@pytest.mark.parametrize("flip", [False, True])
def test_a_batch_equals_padding_cropping_and_mirroring_each_image(shift, flip):
    augmentation = Augmentation(size=SIDE, shift=shift, flip=flip)
    draws = drawn(augmentation)
    batch = augmentation.gather(IMAGES, ROWS, draws)
    for image, row, (down, right, mirrored, *_) in zip(batch, ROWS, draws.tolist(), strict=True):
        padded = np.pad(IMAGES[row].numpy(), ((0, 0), (shift, shift), (shift, shift)), mode="reflect")
        expected = padded[:, shift - down : shift - down + SIDE, shift - right : shift - right + SIDE]
        assert np.array_equal(image.numpy(), expected[:, :, ::-1] if mirrored else expected)


def test_nothing_allowed_changes_nothing():
    augmentation = Augmentation(size=SIDE)
    draws = drawn(augmentation)
    assert torch.equal(augmentation.gather(IMAGES, ROWS, draws), IMAGES[ROWS])
    floats = IMAGES[ROWS].float()
    assert torch.equal(augmentation.cut(floats.clone(), draws), floats)


def test_images_are_mirrored_only_where_allowed_and_then_half_of_them():
    assert drawn(Augmentation(size=SIDE, shift=2), 1000)[:, 2].sum() == 0
    assert 400 < drawn(Augmentation(size=SIDE, flip=True), 1000)[:, 2].sum() < 600


def test_each_image_moves_by_its_own_offset_and_all_offsets_occur():
    moves = drawn(Augmentation(size=SIDE, shift=2), 1000)[:, :2]
    assert sorted(map(tuple, torch.unique(moves, dim=0).tolist())) == [
        (down, right) for down in range(-2, 3) for right in range(-2, 3)
    ]
    batch = Augmentation(size=SIDE, shift=2).gather(
        IMAGES, torch.zeros(50, dtype=torch.int64), drawn(Augmentation(size=SIDE, shift=2), 50)
    )
    assert len(torch.unique(batch, dim=0)) > 10  # one image, fifty times


def test_cutout_blanks_one_square_at_its_own_place_in_each_image():
    augmentation = Augmentation(size=SIDE, cutout=3)
    batch = augmentation.cut(torch.ones(200, 2, SIDE, SIDE), drawn(augmentation, 200))
    blank = batch == 0
    assert torch.equal(blank[:, 0], blank[:, 1])
    areas = blank[:, 0].sum(dim=(1, 2))
    assert areas.max() == 9
    assert areas.min() >= 4  # a corner, cut by two edges
    heights, widths = blank[:, 0].any(2).sum(1), blank[:, 0].any(1).sum(1)
    assert torch.equal(heights * widths, areas)
    assert len(torch.unique(blank, dim=0)) > 20


def test_the_generator_decides():
    augmentation = Augmentation(size=SIDE, shift=2, flip=True, cutout=2)
    assert torch.equal(drawn(augmentation, seed=1), drawn(augmentation, seed=1))
    assert not torch.equal(drawn(augmentation, seed=1), drawn(augmentation, seed=2))


def test_a_batch_is_channels_last_without_a_copy():
    augmentation = Augmentation(size=SIDE, shift=1, flip=True)
    assert augmentation.gather(IMAGES, ROWS, drawn(augmentation)).is_contiguous(memory_format=torch.channels_last)


def test_a_recipe_gives_fractions_of_the_side(recipe):
    assert Augmentation.of(recipe(shift=0.1, cutout=0.25, flip=True), 32) == Augmentation(
        size=32, shift=3, flip=True, cutout=8
    )
    assert Augmentation.of(recipe(shift=0.5), 1).shift == 0


def test_normalised_images_have_mean_zero_and_deviation_one_in_each_channel():
    images = torch.randint(0, 256, (50, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    scaled = images.double() / 255
    mean, std = scaled.mean((0, 2, 3)), scaled.std((0, 2, 3), correction=0)
    normalised = Normalise(mean.tolist(), std.tolist(), "cpu")(images)
    assert normalised.dtype == torch.float32
    assert normalised.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(normalised.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        normalised.double(), (scaled - mean.view(-1, 1, 1)) / std.view(-1, 1, 1), atol=1e-5, rtol=1e-5
    )
    assert images.dtype == torch.uint8
