"""One image file of any kind: what its first bytes tell, and its pixels as an array.

How a file becomes pixels is decided in `studies.tasks.preprocessing` alone, of which exported
networks carry a copy. Decoders raise what they like on damaged files (OSError, SyntaxError,
struct.error ...): whoever calls these functions catches Exception. Shape letters: c channels,
h height, w width.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError
from PIL.Image import Image

from ...studies.tasks.preprocessing import LETTERBOX, opened, read_square
from .kinds import NO_PICTURES

Openable = Path | IO[bytes]
"""What Pillow can open."""

GREY_MODES = {"1", "L", "LA", "La"}
"""Modes of Pillow in which no pixel has a colour, besides those of more than 8 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the first bytes of an image file tell, without its pixels."""

    grey: bool
    """Whether no pixel can have a colour."""
    deep: bool
    """Whether it is grey of more than 8 bits, with a scale of its own."""
    sides: tuple[int, int]
    """Shorter and longer side in pixels."""
    kind: str
    """What it is, for people: "JPEG", or "PNG (16-bit grey)"."""


def read_header(source: Openable) -> Header:
    """Read mode and size of an image; its pixels are not decoded."""
    with opened(source) as image:
        if image.format in NO_PICTURES:
            raise UnidentifiedImageError(f"cannot identify image file: {image.format} holds no picture")
        depth = _depth(image)
        kind = {"MPO": "JPEG", "JPEG2000": "JPEG 2000"}.get(image.format or "", image.format or "unknown")
        return Header(
            grey=bool(depth) or image.mode in GREY_MODES or _has_grey_palette(image),
            deep=bool(depth),
            sides=(min(image.size), max(image.size)),
            kind=f"{kind} ({depth})" if depth else kind,
        )


def read_pixels(
    source: Openable, side: int, channels: int, fit: str = "crop"
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Decode an image to its central square of `side` pixels, (c, h, w): uint8; or float32, values
    as in the file, for grey of more than 8 bits. With the `fit` "letterbox" it is the whole image
    on a black square.

    An image of several frames gives its first. What is transparent is laid on white.
    """
    square = np.asarray(read_square(source, side, channels, LETTERBOX if fit == LETTERBOX else "bicubic"))
    return square.transpose(2, 0, 1) if square.ndim == 3 else np.broadcast_to(square, (channels, side, side))


def _depth(image: Image) -> str:
    """The words for grey of more than 8 bits; empty for all else."""
    if image.mode == "F":
        return "floating-point grey"
    if not image.mode.startswith("I"):
        return ""
    return "16-bit grey" if image.mode.startswith("I;16") or image.format in {"PNG", "PPM"} else "32-bit grey"


def _has_grey_palette(image: Image) -> bool:
    """Whether every colour of a palette image is a grey."""
    if image.mode != "P" or image.palette is None:
        return False
    layout, colours = image.palette.getdata()
    if ";" in layout:  # planes one after another: rare, and RGB is never wrong
        return False
    step = len(layout)
    return bytes(colours[0::step]) == bytes(colours[1::step]) == bytes(colours[2::step])
