"""Scales grey of more than 8 bits to 0..255, by the range of the images that train.

Such files have scales of their own: counts of a detector from 7334 to 7575 would be one shade of
grey if 65535 were white. Shape letters: n images, c channels, h height, w width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...studies.tasks.preprocessing import levelled

TAIL = 0.0001
"""Share of the pixels that may be cut off at either end, so that a few hot pixels do not set the
range."""
MOST = 2**26
"""Pixels from which the range is taken, at most; of more, every k-th one."""
CHUNK = 1024
"""Images levelled at a time."""


def levels_of(
    images_nchw: NDArray[np.float32], deep_n: NDArray[np.bool_], rows: NDArray[np.int64] | None
) -> tuple[float, float]:
    """The values that become 0 and 255: quantiles over the deep images among `rows`, or over all
    deep ones where there are none among them."""
    chosen = np.flatnonzero(deep_n)
    if rows is not None:
        chosen = np.intersect1d(chosen, rows) if np.isin(chosen, rows).any() else chosen
    pixels = images_nchw[chosen, 0].ravel()
    pixels = pixels[:: -(-len(pixels) // MOST)]
    low, high = (float(value) for value in np.quantile(pixels, (TAIL, 1 - TAIL), method="nearest"))
    return low, max(high, low + max(1e-6, abs(low) * 1e-6))


def eight_bits(
    images_nchw: NDArray[np.float32], deep_n: NDArray[np.bool_], levels: tuple[float, float]
) -> NDArray[np.uint8]:
    """The images as uint8: deep ones by `levels`, the others as they are."""
    result = np.empty(images_nchw.shape, np.uint8)
    for start in range(0, len(result), CHUNK):
        part, deep = images_nchw[start : start + CHUNK], deep_n[start : start + CHUNK]
        result[start : start + CHUNK][~deep] = part[~deep].astype(np.uint8)
        result[start : start + CHUNK][deep] = levelled(part[deep], levels)
    return result
