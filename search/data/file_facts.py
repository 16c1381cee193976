"""Looks at the headers of image files: sizes as they are seen, and what is special about a file,
for a report on the data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from ...studies.tasks.preprocessing import opened
from .image_files import in_threads
from .shards import openable

ORIENTATION = 0x0112
"""The EXIF tag in which a camera notes how it was held."""
SEVERAL, TURNED, CLEAR, CMYK = (
    "with several pictures or pages: the first is read",
    "turned by the camera: set upright",
    "with transparent pixels: laid on white",
    "in the colours of print (CMYK): converted to RGB",
)
"""What may be special about a file, with what is done about it."""
QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""The quantiles of sizes that are reported."""


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What the headers of the files of a data set tell."""

    sides: NDArray[np.int64]
    """Width and height of each picture in pixels, upright, (n, 2)."""
    special: tuple[tuple[str, int], ...]
    """What is special about files, and how many there are of each."""

    @property
    def shorter(self) -> NDArray[np.int64]:
        """The shorter side of each picture, (n,)."""
        return self.sides.min(axis=1)

    def quantiles(self) -> dict[str, list[int]]:
        """Width, height and the shorter side in pixels at each of `QUANTILES`."""
        sides = {"width": self.sides[:, 0], "height": self.sides[:, 1], "shorter": self.shorter}
        return {
            name: np.quantile(values, QUANTILES, method="nearest").astype(int).tolist()
            for name, values in sides.items()
        }


def file_facts(files: Sequence[Path]) -> FileFacts:
    """Look at the headers of files that were read before; one that is gone by now is left out."""

    def of_chunk(chunk: range) -> list[tuple[tuple[int, int], list[str]]]:
        found = []
        for number in chunk:
            try:
                with opened(openable(files[number])) as image:
                    found.append(_facts(image))
            except Exception:  # decoders raise what they like
                continue
        return found

    sides: list[tuple[int, int]] = []
    special: Counter[str] = Counter()
    for found in in_threads(of_chunk, len(files), "looking at the files"):
        for size, traits in found:
            sides.append(size)
            special.update(traits)
    return FileFacts(sides=np.array(sides, np.int64).reshape(-1, 2), special=tuple(special.most_common()))


def _facts(image: Image) -> tuple[tuple[int, int], list[str]]:
    """Width and height of a picture, upright, and what is special about its file."""
    anyone: Any = image
    turn = 1
    if image.format != "PNG" or "exif" in image.info:  # Pillow would decode a whole PNG to look for it
        turn = image.getexif().get(ORIENTATION, 1)
    traits = {
        SEVERAL: getattr(anyone, "is_animated", False),
        TURNED: turn in range(2, 9),
        CLEAR: image.has_transparency_data,
        CMYK: image.mode == "CMYK",
    }
    width, height = image.size
    return (height, width) if turn in range(5, 9) else (width, height), [
        trait for trait, there in traits.items() if there
    ]
