"""One image file of any kind to pixels: palettes, transparency, 16-bit grey, CMYK, and photographs lying on their side.

Decoders raise what they like on damaged files (OSError, SyntaxError, struct.error ...): whoever calls these functions catches Exception.
Shape letters: c channels, h height, w width.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .square import central_square

if TYPE_CHECKING:
    from PIL.Image import Image

Source = Path | IO[bytes]
"""What Pillow can open."""

GREY_MODES = {"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "I;16N"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What the first bytes of an image file tell, without its pixels."""

    grey: bool
    """Whether no pixel can have a colour."""
    sides: tuple[int, int]
    """Shorter and longer side in pixels."""


def read_header(source: Source) -> Header:
    """Read mode and size of an image; its pixels are not decoded."""
    with _opened(source) as image:
        return Header(grey=image.mode in GREY_MODES or _has_grey_palette(image), sides=(min(image.size), max(image.size)))


def read_pixels(source: Source, side: int, channels: int) -> NDArray[np.uint8]:
    """Decode an image to its central square of `side` pixels: (c, h, w).

    An image of several frames gives its first. What is transparent is laid on white.
    """
    with _opened(source) as image:
        image.draft(None, (2 * side, 2 * side))  # lets JPEG decode a photograph at 1/2, 1/4 or 1/8; twice the side keeps the filter honest
        image.load()
        with suppress(Exception):  # damaged metadata is no reason to lose readable pixels: such an image stays as it lies
            _set_upright(image)
        square = np.asarray(central_square(_eight_bits(image, channels), side))
    return square[None] if channels == 1 else square.transpose(2, 0, 1)


def _opened(source: Source) -> Image:
    """Open an image whose size is bearable; Pillow itself merely warns up to twice this limit."""
    from PIL import Image

    image = Image.open(source)
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        size = f"{image.width}x{image.height}"
        image.close()
        raise ValueError(f"{size} pixels, more than the {limit} that are taken for no decompression bomb")
    return image


def _set_upright(image: Image) -> None:
    """Turn or mirror the pixels in place as the camera noted."""
    from PIL.ImageOps import exif_transpose

    exif_transpose(image, in_place=True)


def _has_grey_palette(image: Image) -> bool:
    """Whether every colour of a palette image is a grey."""
    if image.mode != "P" or image.palette is None:
        return False
    layout, colours = image.palette.getdata()
    if ";" in layout:  # planes one after another: rare, and RGB is never wrong
        return False
    step = len(layout)
    return bytes(colours[0::step]) == bytes(colours[1::step]) == bytes(colours[2::step])


def _eight_bits(image: Image, channels: int) -> Image:
    """Any mode to 8-bit grey or RGB."""
    from PIL import Image as pil

    if image.mode == "F" or (image.mode == "I" and image.format not in {"PNG", "PPM"}):
        raise ValueError("32-bit grey, in which no value is known to be white")
    if image.mode.startswith("I"):
        # Pillow would clip at 255, which makes nearly every 16-bit image white.
        image = pil.fromarray(((np.asarray(image).astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))
    elif image.has_transparency_data:
        # Dropping alpha would show what was painted under it, often black on black. Premultiplied modes convert in two steps.
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGBA")).convert("RGBA")
        image = pil.alpha_composite(pil.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")
