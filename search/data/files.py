"""Many image files to one array, by threads (Pillow releases the GIL), leaving out the few that cannot be read.

Two passes: the headers decide whether the set is grey and how large it is, then the pixels go straight into their place.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from .decode import Source, read_header, read_pixels

FOLDER_SIZE = 64
"""Side in pixels for images of many sizes when none is asked for."""

Result = TypeVar("Result")

CHUNK = 64
"""Files to a thread at a time: a million single tasks would cost a gigabyte of bookkeeping."""


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Encoded images, opened by their number."""

    where: str
    """The data set, for messages."""
    names: Sequence[str]
    """What to call each file."""
    open: Callable[[int], Source]
    """What Pillow can open for the file of that number."""


@dataclass(frozen=True, kw_only=True)
class Headers:
    """What the first pass found."""

    grey: bool
    """Whether every readable image is grey."""
    sides: frozenset[tuple[int, int]]
    """Shorter and longer sides that occur."""
    broken: dict[int, str]
    """Files that cannot be opened, by number, and why."""


def read_headers(files: ImageFiles) -> Headers:
    """First pass.

    Raises:
        InputError: more than 1 % of the files cannot be opened.
    """

    def of_chunk(chunk: range) -> tuple[bool, set[tuple[int, int]], dict[int, str]]:
        grey, sides, broken = True, set(), {}
        for number in chunk:
            try:
                header = read_header(files.open(number))
            except Exception as error:
                broken[number] = _reason(error)
            else:
                grey = grey and header.grey
                sides.add(header.sides)
        return grey, sides, broken

    grey, sides, broken = True, set(), {}
    for chunk_grey, chunk_sides, chunk_broken in _in_threads(of_chunk, len(files.names)):
        grey = grey and chunk_grey
        sides |= chunk_sides
        broken |= chunk_broken
    _check_few_broken(files, broken)
    return Headers(grey=grey, sides=frozenset(sides), broken=broken)


def read_images(files: ImageFiles, headers: Headers, side: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], tuple[str, ...]]:
    """Second pass: the images (n, c, side, side), the numbers of their files, and what was left out with the reason.

    Raises:
        InputError: more than 1 % of the files cannot be read.
    """
    channels = 1 if headers.grey else 3
    images = np.empty((len(files.names), channels, side, side), np.uint8)

    def of_chunk(chunk: range) -> dict[int, str]:
        broken = {}
        for number in chunk:
            if number not in headers.broken:
                try:
                    images[number] = read_pixels(files.open(number), side, channels)
                except Exception as error:
                    broken[number] = _reason(error)
        return broken

    broken = dict(headers.broken)
    for chunk_broken in _in_threads(of_chunk, len(files.names)):
        broken |= chunk_broken
    _check_few_broken(files, broken)
    kept = np.setdiff1d(np.arange(len(files.names)), sorted(broken))
    skipped = tuple(f"{files.names[number]}: {broken[number]}" for number in sorted(broken))
    return (images[kept] if broken else images), kept, skipped


def _in_threads(work: Callable[[range], Result], count: int) -> list[Result]:
    """`work` on consecutive ranges of 0..count-1, results in order."""
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    with _no_warnings(), ThreadPoolExecutor(max_workers=min(32, os.cpu_count() or 1)) as pool:
        return list(pool.map(work, chunks))


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence Pillow on odd metadata and large images. Once around all threads: filters belong to the process, not to a thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _reason(error: Exception) -> str:
    """Why a file cannot be read, in one line; without the path, which the message around it names."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(str(error).split())
    return "not an image" if text.startswith("cannot identify image file") else text or type(error).__name__


def _check_few_broken(files: ImageFiles, broken: dict[int, str]) -> None:
    """Raise when more than 1 % of the files are unreadable: then it is the folder that is wrong, not a file."""
    count = len(files.names)
    if 100 * len(broken) > count:
        first = "; ".join(f"{files.names[number]} ({broken[number]})" for number in sorted(broken)[:3])
        more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
        raise InputError(f"{files.where}: at most 1 % of the image files may be unreadable, but {len(broken)} of {count} are: {first}{more}")
