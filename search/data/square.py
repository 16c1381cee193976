"""Crops arrays of images to their largest central square, or lays them on black ones, and makes
them smaller, as is done with image files.

Shape letters: n images, h height, w width, c channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .room import IN_MEMORY, Room


def side_for(native: int, size: int | None) -> int:
    """Side of the square for images of `native` size when `size` is asked for: they are made
    smaller, never larger."""
    return native if size is None else min(native, size)


def native_side(height: int, width: int, fit: str = "crop") -> int:
    """Side of the square that holds what is used of an image: the shorter side, or the longer one
    in a letterbox."""
    return min(height, width) if fit == "crop" else max(height, width)


def squares(
    parts_nhwc: Sequence[NDArray[np.uint8]], size: int | None, room: Room = IN_MEMORY, fit: str = "crop"
) -> NDArray[np.uint8]:
    """The images of all parts after one another as squares in `room`, nhwc -> nchw; the parts must
    agree in h, w and c. `fit` is "crop" or "letterbox"."""
    _, height, width, channels = parts_nhwc[0].shape
    native = native_side(height, width, fit)
    side = side_for(native, size)
    top, left = (height - native) // 2, (width - native) // 2
    squares_nchw = room.array((sum(map(len, parts_nhwc)), channels, side, side))
    start = 0
    for part in parts_nhwc:
        target = squares_nchw[start : start + len(part)]
        start += len(part)
        if side == native == min(height, width):
            target[:] = part[:, top : top + native, left : left + native].transpose(0, 3, 1, 2)
        else:
            _shrink_into(target, part, side, fit)
    return squares_nchw


def _shrink_into(target_nchw: NDArray[np.uint8], images_nhwc: NDArray[np.uint8], side: int, fit: str) -> None:
    """Write each image as a square, resized to `side`, into its place in `target_nchw`."""
    from ...studies.tasks.preprocessing import LETTERBOX, by_channels, central_square

    name = LETTERBOX if fit == LETTERBOX else "bicubic"
    for target, image in zip(target_nchw, images_nhwc, strict=True):
        target[:] = by_channels(image, lambda picture: central_square(picture, side, name)).transpose(2, 0, 1)
