"""From an image file to the pixels that a network sees: the one place where images are decoded,
made square and resized.

Training reads its files by these functions and every exported model.py carries a copy of them, so
both see the same pixels, to the bit. An image goes through the steps of `Preprocessing`: its
largest central square, or the whole of it on a black square, is resized to the side of the first
step, antialiased, and from there to each further side. Grey of more than 8 bits is scaled by the
range of the training set, never clipped.
Shape letters: h height, w width, c channels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from ...blocks.errors import InputError

PLUGINS = {"pillow_heif": "register_heif_opener", "pillow_jxl": "", "pillow_avif": ""}
"""Packages that teach Pillow further kinds of files, and what registers each; importing the others
is enough."""
LETTERBOX = "letterbox"
"""In place of a filter in the first step: the whole picture on a black square, by the bicubic
filter."""
DEEPEST = 65535.0
"""White of 16-bit grey where no range of a training set is known."""


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """The steps from an image to a network's input, as plain data: kept with the study, with
    trained weights and with an export."""

    steps: tuple[tuple[int, str], ...]
    """(side in pixels, Pillow's name of the filter) of each resize; the last side is the network's
    input size. The first may have `LETTERBOX` for a filter."""
    channels: int
    """1 for grey, 3 for red, green, blue; arrays may have any number."""
    levels: tuple[float, float] | None = None
    """What becomes 0 and 255 in grey of more than 8 bits; None: 0 and 65535."""

    def __post_init__(self) -> None:
        known = {each.name.lower() for each in Image.Resampling}
        filters = [name for _, name in self.steps[self.letterbox :]]
        if not self.steps or any(side < 1 for side, _ in self.steps) or not known.issuperset(filters):
            raise InputError(
                f"the steps of a preprocessing must be (side of 1 or more, one of {', '.join(sorted(known))}), but got"
                f" {self.steps}"
            )
        if self.levels is not None and not self.levels[0] < self.levels[1]:
            raise InputError(f"the levels of a preprocessing must rise, but got {self.levels}")

    @classmethod
    def to(
        cls,
        stored: int,
        size: int,
        *,
        channels: int,
        levels: tuple[float, float] | None = None,
        then: str = "bicubic",
        fit: str = "crop",
    ) -> Preprocessing:
        """From a file to squares of `stored` pixels, then to `size` by the filter `then`; `fit` is
        "crop" or "letterbox"."""
        first = (stored, LETTERBOX if fit == LETTERBOX else "bicubic")
        return cls(steps=(first,) if size == stored else (first, (size, then)), channels=channels, levels=levels)

    @property
    def letterbox(self) -> bool:
        """Whether pictures are not cropped."""
        return bool(self.steps) and self.steps[0][1] == LETTERBOX

    @property
    def size(self) -> int:
        """Side of the network's input in pixels."""
        return self.steps[-1][0]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` reads it."""
        return {
            "steps": [list(step) for step in self.steps],
            "channels": self.channels,
            "levels": None if self.levels is None else list(self.levels),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Preprocessing:
        """The inverse of `to_dict`."""
        levels = data.get("levels")
        return cls(
            steps=tuple((int(side), str(name)) for side, name in data["steps"]),
            channels=int(data["channels"]),
            levels=None if levels is None else (float(levels[0]), float(levels[1])),
        )

    def __str__(self) -> str:
        """The steps in words."""
        filters = ("bicubic" if name == LETTERBOX else name for _, name in self.steps)
        sizes = ", then to ".join(
            f"{side}x{side} pixels ({name})" for (side, _), name in zip(self.steps, filters, strict=True)
        )
        what = "the whole picture on a black square" if self.letterbox else "the largest central square"
        deep = (
            ""
            if self.levels is None
            else f"; grey of more than 8 bits: {self.levels[0]:g} is black, {self.levels[1]:g} white"
        )
        return f"{what}, resized to {sizes}{deep}"


def read_pixels(
    source: Image.Image | str | Path | IO[bytes] | NDArray[np.uint8],
    steps: Sequence[tuple[int, str]],
    channels: int,
    levels: tuple[float, float] | None,
) -> NDArray[np.uint8]:
    """An image through all steps: its pixels (h, w, c), from 0 to 255.

    An array (h, w, c) has the network's channels, which may be more than three; a file whose name
    ends in .npy holds one. Other files are read exactly as in training. An image that has been
    opened already is, too, but for a JPEG of twice the first side and more: its file is decoded at
    a fraction of its size, which is another rounding. Decoders raise what they like on damaged
    files (OSError, SyntaxError, struct.error ...).

    Raises:
        ValueError: it is too large to be decoded, or of a kind in which no value is known to be
            white.
    """
    if isinstance(source, str | Path) and str(source).lower().endswith(".npy"):
        source = np.load(source, allow_pickle=False)
    if isinstance(source, np.ndarray):
        check_array(source, channels)
        for number, (side, name) in enumerate(steps):
            source = by_channels(source, partial(resized if number else central_square, side=side, name=name))
        return source
    if channels not in (1, 3):
        raise ValueError(f"images of {channels} channels are arrays (h, w, {channels}), or .npy files of them")
    square = read_square(source, steps[0][0], channels, steps[0][1])
    if square.mode == "F":
        square = Image.fromarray(levelled(np.asarray(square), levels or (0.0, DEEPEST))).convert(
            "L" if channels == 1 else "RGB"
        )
    for side, name in steps[1:]:
        square = resized(square, side, name)
    pixels = np.array(square)
    return pixels[..., None] if channels == 1 else pixels


def check_array(pixels: NDArray[Any], channels: int) -> None:
    """Check that an array holds an image of that many channels.

    Raises:
        ValueError: it does not.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != channels or not pixels.size:
        raise ValueError(
            f"an image as an array must be uint8 of shape (h, w, {channels}), but it is {pixels.dtype} of shape"
            f" {pixels.shape}"
        )


def by_channels(pixels_hwc: NDArray[np.uint8], change: Callable[[Image.Image], Image.Image]) -> NDArray[np.uint8]:
    """An image of any number of channels after `change`, which resizes: an RGB image is changed
    whole, any other channel by channel, which gives the same values."""
    if pixels_hwc.shape[2] == 3:
        return np.array(change(Image.fromarray(np.ascontiguousarray(pixels_hwc))))
    planes = (Image.fromarray(np.ascontiguousarray(plane)) for plane in np.moveaxis(pixels_hwc, 2, 0))
    return np.stack([np.asarray(change(plane)) for plane in planes], axis=2)


def read_square(
    source: Image.Image | str | Path | IO[bytes], side: int, channels: int, name: str = "bicubic"
) -> Image.Image:
    """The largest central square of an image, or the whole on a black one if `name` is
    `LETTERBOX`, at `side` pixels: of mode L or RGB, or F, on a scale of its own, for grey of more
    than 8 bits.

    An image of several frames gives its first. What is transparent is laid on white. Photographs
    are turned upright.

    Raises:
        ValueError: as `read_pixels`.
    """
    if isinstance(source, Image.Image):  # the caller's own: neither changed nor closed
        return central_square(plain(upright(source), channels), side, name)
    with opened(source) as image:
        image.draft(
            None, (2 * side, 2 * side)
        )  # JPEG is decoded at 1/2, 1/4 or 1/8; twice the side keeps the filter honest
        image.load()
        return central_square(plain(upright(image), channels), side, name)


def opened(source: str | Path | IO[bytes]) -> Image.Image:
    """An image file, not yet decoded, known by its content, whatever its name.

    Raises:
        ValueError: it has more pixels than Pillow takes for no decompression bomb.
        OSError: Pillow cannot read files of this kind.
    """
    register_plugins()
    image = Image.open(source)
    if isinstance(image, ImageFile.StubImageFile):  # known by its first bytes, and that is all
        image.close()
        raise Image.UnidentifiedImageError(f"cannot identify image file: {image.format} is not decoded here")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        size = f"{image.width}x{image.height}"
        image.close()
        raise ValueError(f"{size} pixels, more than the {limit} that are taken for no decompression bomb")
    return image


@cache
def register_plugins() -> None:
    """Let Pillow read what the installed packages of `PLUGINS` know, once."""
    for package, register in PLUGINS.items():
        with suppress(Exception):  # absent, or broken: then files of its kind cannot be read, which is said of each
            module = import_module(package)
            if register:
                getattr(module, register)()


def upright(image: Image.Image) -> Image.Image:
    """A copy of the image, turned or mirrored as the camera noted."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged metadata is no reason to lose readable pixels: such an image stays as it lies
        return image.copy()


def plain(image: Image.Image, channels: int) -> Image.Image:
    """Any mode to L or RGB; grey of more than 8 bits to F, with its values as they are.

    Raises:
        ValueError: a value is NaN or infinite.
    """
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError("grey values must be finite numbers")
        return Image.fromarray(values)
    if image.has_transparency_data:
        # Dropping alpha would show what was painted under it, often black on black. Premultiplied
        # modes convert in two steps.
        image = image.convert({"La": "LA", "RGBa": "RGBA"}.get(image.mode, "RGBA")).convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")


def central_square(image: Image.Image, side: int, name: str = "bicubic") -> Image.Image:
    """The largest central square of `image`, resized to `side` by Pillow's filter of that name,
    antialiased where that shrinks.

    This is what resizing the shorter side and cropping gives, without ever holding a long strip at
    full length.
    """
    if name == LETTERBOX:
        return letterboxed(image, side)
    shorter = min(image.size)
    left, top = (image.width - shorter) // 2, (image.height - shorter) // 2
    return image.resize(
        (side, side), Image.Resampling[name.upper()], box=(left, top, left + shorter, top + shorter), reducing_gap=3.0
    )


def letterboxed(image: Image.Image, side: int) -> Image.Image:
    """The whole of `image` in the middle of a black square of `side` pixels; in mode F black is its
    lowest value."""
    width, height = (max(1, round(side * each / max(image.size))) for each in image.size)
    inner = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3.0)
    black = float(np.asarray(image).min()) if image.mode == "F" else 0
    square = Image.new(image.mode, (side, side), black)
    square.paste(inner, ((side - width) // 2, (side - height) // 2))
    return square


def resized(square: Image.Image, side: int, name: str) -> Image.Image:
    """A square at another side, by Pillow's filter of that name, antialiased where that shrinks."""
    return square.resize((side, side), Image.Resampling[name.upper()])


def levelled(values: NDArray[np.float32], levels: tuple[float, float]) -> NDArray[np.uint8]:
    """Values of any scale as 0 to 255: `levels` become the ends, what lies beyond is cut off."""
    low, high = levels
    return np.rint(np.clip((values.astype(np.float64) - low) * (255.0 / (high - low)), 0.0, 255.0)).astype(np.uint8)
