"""Reads a data set by way of the cache: it is decoded once, and mapped from then on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from ...studies.tasks.task import task_of
from .building import Building, Built, NoRoom, readable
from .entry import FORMAT, read_about, read_entry, write_entry
from .images import ImageData
from .mapped import blocks
from .room import IN_MEMORY, Room
from .small import without_small_classes
from .source import Request

FITS = 2**30
"""Bytes of pixels up to which a data set is kept in memory where the cache cannot be written."""
DECODERS = ("pillow", "pillow-heif", "pillow-jxl-plugin", "pillow-avif-plugin")
"""Packages whose versions decide how files are decoded."""


def cached(
    request: Request,
    kind: str,
    *,
    stamp: Callable[[bool], str],
    make: Callable[[Room], ImageData],
    smallest: int,
    root: Path | None = None,
) -> ImageData:
    """The data set from the cache of the request, or as `make` decodes it: small ones are not
    cached, nor is grey of more than 8 bits.

    Args:
        request: what is read; without a cache it is decoded.
        kind: the name of the source.
        stamp: identifies the files; True asks for their contents, False for names, sizes and times.
        make: decodes the images, best into an array of the room that it is given.
        smallest: bytes of pixels from which it is worth to keep them.
        root: the folder of the files; None: the data set itself, or the folder of its file.

    Raises:
        NoRoom: the cache cannot be written, and the images take more than `FITS` bytes.
    """
    cache = request.cache
    if cache is None:
        return make(IN_MEMORY)
    key = _key(request, kind, stamp(cache.contents))
    root = root or _root(request)
    found = partial(read_entry, name=request.text, root=root)
    data = readable(found, cache.place(key))
    if data is not None:
        return data
    try:
        with Building(cache, key, found, smallest=smallest) as room:
            data = make(room)
            if data.images.dtype != np.uint8 or data.images.nbytes < smallest:
                return data
            _keep(data, room, request, root)
    except Built:
        pass
    except NoRoom as error:
        if error.needed > FITS:
            raise
        return replace(make(IN_MEMORY), stored=f"images are kept in memory: {error.reason}")
    return readable(found, cache.place(key)) or make(IN_MEMORY)  # another process may have removed it at once


def kept_task(request: Request, kind: str, stamp: Callable[[bool], str]) -> str | None:
    """The task of the data that the cache keeps for the request, as `cached` would find them; None
    if it keeps none."""
    if request.cache is None:
        return None
    about = readable(read_about, request.cache.place(_key(request, kind, stamp(request.cache.contents))))
    return None if about is None else task_of(about)


def _keep(data: ImageData, room: Building, request: Request, root: Path) -> None:
    """Make the data an entry of the cache, without small classes."""
    if not room.holds(data.images):  # the source has an array of its own
        array, start = room.array(data.images.shape), 0
        for block in blocks(data.images):
            array[start : start + len(block)] = block
            start += len(block)
            room.filled()
        data = replace(data, images=array)
    if request.reading.drop_small_classes:
        data = without_small_classes(data, request.reading.drop_small_classes, in_place=True)
    room.keep(data.images.shape, partial(write_entry, data=data, root=root))


def _root(request: Request) -> Path:
    """The folder of the files: the data set itself, or the folder of the file that lists them."""
    return request.path if request.path.is_dir() else Path(os.path.abspath(request.path)).parent


def _key(request: Request, kind: str, stamp: str) -> str:
    """The key of what is decoded: the files, what is chosen of them, the size, and the versions of
    the decoders."""
    versions = {}
    for package in DECODERS:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    what = {
        "format": FORMAT,
        "kind": kind,
        "stamp": stamp,
        "size": request.size,
        "reading": replace(request.reading, task=None).absolute(request.text).to_dict(),  # `kind` has the task
        "versions": versions,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:32]
