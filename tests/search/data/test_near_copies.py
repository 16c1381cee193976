"""Images that look nearly the same are found across the parts of a split, and others are not."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from automl.search.data import ImageData, Split, load, remarks, split
from automl.search.data.near_copies import FAR, hashes, near_copies, thumbnails
from PIL import Image, ImageEnhance

SIDE = 48


def pictures(count: int, seed: int = 0) -> list[Image.Image]:
    """Smooth pictures, no two alike, as photographs are smooth."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 7, 7, 3), np.uint8)
    return [Image.fromarray(each).resize((SIDE, SIDE), Image.Resampling.BICUBIC) for each in noise]


def saved_again(image: Image.Image) -> Image.Image:
    file = BytesIO()
    image.save(file, "JPEG", quality=40)
    return Image.open(file).convert("RGB")


def resized(image: Image.Image) -> Image.Image:
    return image.resize((31, 31)).resize((SIDE, SIDE))


def brighter(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.15)


def mirrored(image: Image.Image) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def data_of(images: list[Image.Image], **changes: object) -> ImageData:
    pixels = np.stack([np.asarray(image).transpose(2, 0, 1) for image in images])
    nowhere = np.zeros(len(pixels), np.bool_)
    given = {"images": np.ascontiguousarray(pixels), "official_test": nowhere, **changes}
    return ImageData(name="made", labels=np.arange(len(pixels)) % 2, classes=("cat", "dog"), flip=True, **given)


def halves(count: int) -> Split:
    rows = np.arange(count)
    return Split(seed=0, train=rows[: count // 2], validation=rows[count // 2 :], test=rows[:0])


class TestWhatIsFound:
    @pytest.mark.parametrize("change", [saved_again, resized, brighter])
    def test_a_picture_that_was_changed_a_little_is_found_beside_its_own(self, change):
        first = pictures(40)
        data = data_of([*first, *map(change, first)])
        found = near_copies(data, halves(80))
        assert len(found) >= 38
        assert (found[:, 0] - 40 == found[:, 1]).all()

    def test_the_control_other_pictures_and_mirrored_ones_are_not(self):
        first = pictures(40)
        assert len(near_copies(data_of([*first, *pictures(40, seed=1)]), halves(80))) == 0
        assert len(near_copies(data_of([*first, *map(mirrored, first)]), halves(80))) == 0

    def test_exact_copies_are_none_and_within_one_part_nothing_is_compared(self):
        first = pictures(10)
        assert len(near_copies(data_of([*first, *first]), halves(20))) == 0
        inside = [image for each in first for image in (each, brighter(each))]
        assert len(near_copies(data_of(inside), halves(20))) == 0

    def test_flat_pictures_and_small_ones_are_not_compared(self):
        flat = [Image.new("RGB", (SIDE, SIDE), (shade, shade, shade)) for shade in range(100, 120)]
        assert len(near_copies(data_of(flat), halves(20))) == 0
        first = pictures(20)
        small = [image.resize((8, 8)) for image in [*first, *map(brighter, first)]]
        assert len(near_copies(data_of(small), halves(40))) == 0

    def test_each_image_is_named_once_with_one_of_another_part(self):
        one = pictures(1)[0]
        images = [*pictures(9, seed=2), one, *pictures(8, seed=3), brighter(one), saved_again(one)]
        rows = np.arange(20)
        found = near_copies(data_of(images), Split(seed=0, train=rows[:10], validation=rows[10:19], test=rows[19:]))
        assert sorted(found[:, 0].tolist()) == [18, 19]


def test_the_index_finds_what_comparing_all_finds():
    """Up to 7 differing bits of 128, of 8 times 16 bits one is equal at least."""
    images = [image for each in pictures(60) for image in (each, saved_again(each))]
    order = np.random.default_rng(0).permutation(len(images))
    data = data_of([images[place] for place in order])
    bits = hashes(thumbnails(data.images))
    rows = halves(len(images))
    apart = np.bitwise_count(bits[rows.validation][:, None] ^ bits[rows.train][None]).sum(axis=2)
    certain = {int(rows.validation[held]) for held, _ in zip(*np.nonzero(apart <= 7), strict=True)}
    possible = {int(rows.validation[held]) for held, _ in zip(*np.nonzero(apart <= FAR), strict=True)}
    found = set(near_copies(data, rows)[:, 0].tolist())
    assert len(certain) > 20
    assert certain <= found <= possible


def test_a_thumbnail_holds_the_means_of_areas():
    image = np.arange(32 * 32, dtype=np.float32).reshape(1, 1, 32, 32) % 251
    expected = image.reshape(16, 2, 16, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(thumbnails(image)[0], expected, atol=0.1)
    odd = np.random.default_rng(0).integers(0, 256, (1, 3, 24, 24), np.uint8)
    assert thumbnails(odd).mean() == pytest.approx(odd.mean(), abs=0.1)


def test_a_search_says_so_once():
    first = pictures(30)
    data = data_of([*first, *map(saved_again, first)])
    lines = remarks(data, halves(60))
    said = [line for line in lines if "look nearly like" in line]
    assert len(said) == 1
    assert said[0].startswith("30 images that validate or test look nearly like one of another part, as row 30 and row")
    assert not any("look nearly like" in line for line in remarks(data_of(pictures(60)), halves(60)))


@pytest.mark.exhaustive
def test_photographs_of_cifar10_have_few_near_copies_all_of_one_class():
    """CIFAR-10 holds near copies across its parts (Barz and Denzler, arXiv:1902.00423)."""
    path = Path(__file__).parents[4] / "shared" / "data" / "cifar10-small" / "cifar10-small.npz"
    if not path.exists():
        pytest.skip("the data set cifar10-small is not there")
    data = load(str(path))
    found = near_copies(data, split(data, seed=0))
    assert 1 <= len(found) <= 20
    assert (data.labels[found[:, 0]] == data.labels[found[:, 1]]).all()
