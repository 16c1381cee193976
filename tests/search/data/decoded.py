"""Folders of images that are large enough for the cache, where `SMALLEST` is made small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from automl.search.data import ImageData, Reading, load
from automl.search.data.cache import Cache
from PIL import Image

SIDE = 16
COUNT = 12
"""Images of each class."""


def write_classes(root: Path, *, count: int = COUNT, seed: int = 0) -> Path:
    """Three classes of noise, of several kinds of files, with a test part."""
    random = np.random.default_rng(seed)
    for part in ("train", "test"):
        for name in ("cat", "caf\udce9", "dog"):
            folder = root / part / name
            folder.mkdir(parents=True)
            for number in range(count):
                ending = ("png", "jpg", "webp")[number % 3]
                pixels = random.integers(0, 256, (20 + number, 24, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number:02}.{ending}")
    return root


def read(root: Path, cache: Cache | str = "none", **reading: object) -> ImageData:
    """The data set in `root`; without a cache it is decoded directly."""
    return load(str(root), size=SIDE, cache=cache, reading=Reading(**reading))  # pyright: ignore[reportArgumentType]


def assert_equal(one: ImageData, other: ImageData) -> None:
    """All that is known of two data sets is the same, but where their pixels are."""
    assert one.fingerprint == other.fingerprint
    for name in ("images", "labels", "official_test", "official_validation", "deep", "first"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    for name in ("name", "classes", "flip", "skipped", "levels", "native", "kinds", "sources", "dropped"):
        assert getattr(one, name) == getattr(other, name), name
    assert list(one.files) == list(other.files)
