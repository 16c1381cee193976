"""Finds images of different parts of a split that look nearly the same: saved again, resized,
brightened, or photographs of one scene in a row.

A perceptual hash proposes pairs, and the correlation of thumbnails confirms them. The hash is the
difference hash (dHash) in both directions: for 8x8 squares of a grey image, whether each is
brighter than its right and its lower neighbour; 128 bits. Shape letters: n images, c channels,
h height, w width, k pairs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .mapped import blocks

if TYPE_CHECKING:
    from .dealing import Split
    from .images import ImageData

SIDE = 16
"""Side of a thumbnail in pixels. Smaller images are not compared: 8x8 digits are all alike."""
FAR = 12
"""Bits of the 128 in which the hashes of a pair may differ."""
ALIKE = 0.985
"""Correlation of the thumbnails of a pair, at least."""
FLAT = 4.0
"""Standard deviation of grey values (0..255) below which an image has nothing to compare."""
CROWD = 100
"""Above this number of images with the same 16 bits of their hashes these bits tell nothing, as in
images on a white background; a pair is then found by its other bits."""
CHUNK = 1024
"""Images compared at a time."""


def near_copies(data: ImageData, rows: Split) -> NDArray[np.int64]:
    """Rows that validate or test and look like a row of another part, each with that row, (k, 2).

    Validating rows are compared with those that train, testing rows with both. Exact copies are
    not among them.
    """
    if min(data.size, data.native) < SIDE or data.images.dtype != np.uint8:
        return np.zeros((0, 2), np.int64)
    thumbs = thumbnails(data.images)
    bits = hashes(thumbs)
    flat = thumbs.std(axis=(1, 2), dtype=np.float32) < FLAT
    train, validation, test = (part[~flat[part]] for part in (rows.train, rows.validation, rows.test))
    found = [
        pair
        for held, others in ((validation, train), (test, train), (test, validation))
        for pair in _alike(thumbs, bits, held, others)
    ]
    pairs = np.concatenate([np.zeros((0, 2), np.int64), *found])
    pairs = pairs[data.first[pairs[:, 0]] != data.first[pairs[:, 1]]]
    return pairs[np.unique(pairs[:, 0], return_index=True)[1]]


def thumbnails(images_nchw: NDArray[Any]) -> NDArray[np.float16]:
    """The images as grey squares of `SIDE` pixels, each the mean over its area, (n, 16, 16)."""
    height, width = (_areas(side) for side in images_nchw.shape[2:])
    parts = [
        (height @ block.mean(axis=1, dtype=np.float32) @ width.T).astype(np.float16) for block in blocks(images_nchw)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, SIDE, SIDE), np.float16)


def _areas(side: int) -> NDArray[np.float32]:
    """The share of each pixel in the `SIDE` equal stretches of a side, (16, side)."""
    edges = np.linspace(0, side, SIDE + 1)[:, None]
    pixels = np.arange(side)
    share = np.clip(np.minimum(edges[1:], pixels + 1) - np.maximum(edges[:-1], pixels), 0, None)
    return (share / share.sum(axis=1, keepdims=True)).astype(np.float32)


def hashes(thumbs: NDArray[np.float16]) -> NDArray[np.uint16]:
    """The difference hashes of thumbnails (n, 16, 16), as eight times 16 bits, (n, 8); the last
    column is compared with the first, and the last row too."""
    small = thumbs.reshape(-1, 8, 2, 8, 2).mean(axis=(2, 4), dtype=np.float32)
    bits = [small > np.roll(small, -1, axis) for axis in (1, 2)]
    return np.packbits(np.stack(bits, axis=1).reshape(-1, 128), axis=1).view(np.uint16)


def _alike(
    thumbs: NDArray[np.float16], bits: NDArray[np.uint16], held: NDArray[np.int64], others: NDArray[np.int64]
) -> Iterator[NDArray[np.int64]]:
    """Pairs (row of `held`, row of `others`) that look the same."""
    if not len(others):
        return
    orders = [others[np.argsort(bits[others, band], kind="stable")] for band in range(bits.shape[1])]
    for start in range(0, len(held), CHUNK):
        rows = held[start : start + CHUNK]
        pairs = np.concatenate([_equal(bits[:, band], rows, order) for band, order in enumerate(orders)])
        apart = np.bitwise_count(bits[pairs[:, 0]] ^ bits[pairs[:, 1]]).sum(axis=1)
        pairs = np.unique(pairs[apart <= FAR], axis=0)
        one, other = (_standard(thumbs[pairs[:, side]]) for side in (0, 1))
        yield pairs[(one * other).mean(axis=(1, 2)) >= ALIKE]


def _equal(band: NDArray[np.uint16], rows: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs (of `rows`, of `order`) with the same 16 bits; `order` is sorted by them."""
    first, last = (np.searchsorted(band[order], band[rows], side) for side in ("left", "right"))
    counts = np.where(last - first > CROWD, 0, last - first)
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(first, counts)
    return np.stack([np.repeat(rows, counts), order[places]], axis=1)


def _standard(thumbs: NDArray[np.float16]) -> NDArray[np.float32]:
    """Thumbnails with mean 0 and standard deviation 1."""
    values = thumbs.astype(np.float32)
    values -= values.mean(axis=(1, 2), keepdims=True)
    return values / np.maximum(values.std(axis=(1, 2), keepdims=True), 1e-6)
