"""Folders of images that differ from one another: copies of an image are dealt as one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Noise = Callable[..., list[Path]]


@pytest.fixture
def noise() -> Noise:
    """Write `count` images of noise into a folder, no two the same, and give their paths."""
    random, numbers = np.random.default_rng(0), itertools.count()

    def write(folder: Path, count: int = 4, *, ending: str = ".png", grey: bool = False, side: int = 8) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{next(numbers):04}{ending}" for _ in range(count)]
        for path in paths:
            image = Image.fromarray(random.integers(0, 256, (side, side) if grey else (side, side, 3), np.uint8))
            image.save(path, format=None if ending else "PNG")
        return paths

    return write
