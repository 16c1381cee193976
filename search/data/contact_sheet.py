"""Draws a contact sheet: a row for each class with its name, its number of images and a few of
them."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ...blocks.errors import InputError
from ...studies.tasks.task import MULTI_LABEL, REGRESSION
from ...studies.writing.atomic_file import refused, replacing
from .names import listed, shown

if TYPE_CHECKING:
    from .images import ImageData

TILE = 72
"""Side of a picture on the sheet in pixels."""
GAP = 4
"""Pixels between pictures."""
NAMES = 220
"""Pixels for the names of the classes."""
EACH = 10
"""Pictures of each class, at most."""
CLASSES = 100
"""Classes on a sheet, at most; the first ones."""


def check_sheet(path: Path) -> None:
    """Check, before anything is read, that a contact sheet can be written to `path`.

    Raises:
        InputError: its name does not end in .png, or its folder is not there.
    """
    if path.suffix.lower() != ".png":
        raise InputError(f"--sheet must be a file whose name ends in .png, but got {shown(str(path))!r}")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"--sheet must be a file in a folder that is there, but got {shown(str(path))!r}")


def write_sheet(data: ImageData, path: Path) -> None:
    """Write the contact sheet of a data set, whose images are uint8, as PNG.

    Raises:
        AutomlError: the file cannot be written.
    """
    file = BytesIO()
    contact_sheet(data).save(file, "PNG")
    try:
        with replacing(path) as target:
            target.write(file.getvalue())
    except OSError as error:
        raise refused(shown(str(path)), error) from error


def contact_sheet(data: ImageData) -> Image.Image:
    """Up to `EACH` images of each class or label, or of each tenth of the first target, spread over
    its rows, beside its name."""
    classes, rows = _sorts(data)
    chosen = [
        each[np.unique(np.linspace(0, len(each) - 1, EACH).round().astype(int))] if len(each) else each for each in rows
    ]
    across = max(map(len, chosen))
    sheet = Image.new("RGB", (NAMES + across * (TILE + GAP) + GAP, len(classes) * (TILE + GAP) + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), _font()
    for line, (name, every, few) in enumerate(zip(classes, rows, chosen, strict=True)):
        top = GAP + line * (TILE + GAP)
        pen.text((GAP, top + TILE // 2 - 16), listed([shown(name)], 0)[:28], "black", font)
        pen.text((GAP, top + TILE // 2 + 2), f"{len(every):,} images", "grey", font)
        for place, row in enumerate(few.tolist()):
            sheet.paste(_tile(data.images[row]), (NAMES + place * (TILE + GAP), top))
    return sheet


def _sorts(data: ImageData) -> tuple[Sequence[str], list[NDArray[np.int64]]]:
    """The names of the lines of the sheet, and the images of each."""
    if data.task == REGRESSION:
        first = data.targets[:, 0]
        tenths = [each for each in np.array_split(np.argsort(first, kind="stable"), 10) if len(each)]
        return [f"{data.classes[0]} {first[each[0]]:g} to {first[each[-1]]:g}" for each in tenths], tenths
    classes = data.classes[:CLASSES]
    if data.task == MULTI_LABEL:
        return classes, [np.flatnonzero(data.targets[:, place]) for place in range(len(classes))]
    return classes, [np.flatnonzero(data.labels == label) for label in range(len(classes))]


def _tile(image_chw: np.ndarray) -> Image.Image:
    """A picture of the sheet; small images are made larger without smoothing."""
    pixels = np.ascontiguousarray(image_chw[0] if len(image_chw) < 3 else image_chw[:3].transpose(1, 2, 0))
    grow = Image.Resampling.NEAREST if image_chw.shape[1] < TILE // 2 else Image.Resampling.BICUBIC
    return Image.fromarray(pixels).convert("RGB").resize((TILE, TILE), grow)


def _font() -> ImageFont.FreeTypeFont:
    """A font with Latin, Greek, Cyrillic and Arabic letters, which matplotlib brings."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 13)
