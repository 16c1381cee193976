"""Copies the images of a cache on another machine into the cache of this one, once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .building import Building, Built, NoRoom, readable
from .cache import Cache
from .entry import ABOUT, IMAGES
from .mapped import BLOCK, mapped
from .room import IN_MEMORY, Room


def copied(
    cache: Cache | None, key: str, shape: tuple[int, ...], read: Callable[[int, int], NDArray[np.uint8]]
) -> NDArray[np.uint8]:
    """The images of the entry `key` of another machine, mapped; in memory where the cache of this
    one cannot be written.

    Args:
        cache: the cache of this machine; None for none.
        key: of the entry on the other machine.
        shape: (n, c, h, w).
        read: gives the images from the first number to before the second.
    """
    if cache is None:
        return _filled(IN_MEMORY, shape, read)
    own = hashlib.sha256(f"copy {key}".encode()).hexdigest()[:32]
    images = cache.place(own) / IMAGES
    found = readable(lambda folder: mapped(folder / IMAGES), cache.place(own))
    if found is not None:
        return found
    try:
        with Building(cache, own, lambda folder: mapped(folder / IMAGES)) as room:
            array = _filled(room, shape, read)
            if not room.holds(array):
                return array
            room.keep(shape, lambda folder: _describe(folder, key, shape))
    except Built:
        pass
    except NoRoom:
        return _filled(IN_MEMORY, shape, read)
    return mapped(images)


def _filled(room: Room, shape: tuple[int, ...], read: Callable[[int, int], NDArray[np.uint8]]) -> NDArray[np.uint8]:
    array = room.array(shape)
    step = max(1, BLOCK // max(1, int(np.prod(shape[1:]))))
    for start in range(0, shape[0], step):
        array[start : start + step] = read(start, min(start + step, shape[0]))
        room.filled()
    return array


def _describe(folder: Path, key: str, shape: tuple[int, ...]) -> None:
    (folder / ABOUT).write_text(json.dumps({"data": f"copy of {key[:12]} of another machine", "shape": shape}))
