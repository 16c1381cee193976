"""Reads many image files into one array, by threads (Pillow releases the GIL). Files that are not
images are left out, and so are a few that cannot be read.

Two passes: the headers decide which files are images, whether the set is grey and how large it is;
then the pixels are written into the array.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import UnidentifiedImageError

from ...blocks.errors import InputError
from ...studies.tasks.preprocessing import register_plugins
from .decode import Header, Openable, read_header, read_pixels
from .kinds import Kind, is_called_an_image, unsupported
from .mapped import moved_up
from .names import shown
from .progress import progress
from .room import IN_MEMORY, Room
from .skipped import NO_IMAGE

FOLDER_SIZE = 64
"""Side in pixels for images of many sizes when none is asked for."""

Result = TypeVar("Result")

CHUNK = 64
"""Files in one task: a task for each of a million files would cost a gigabyte of bookkeeping."""


@dataclass(frozen=True, kw_only=True)
class ImageFiles:
    """Files that may be encoded images, opened by their number."""

    where: str
    """The data set, for messages."""
    names: Sequence[str]
    """What to call each file."""
    open: Callable[[int], Openable]
    """What Pillow can open for the file of that number."""
    certain: bool = False
    """True: every file must be an image. False: a file that Pillow cannot open and whose name is
    not that of an image is left out as no image."""
    tolerant: bool = False
    """Whether any number of broken images is left out."""
    fit: str = "crop"
    """How a picture becomes square: "crop" or "letterbox"."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a file cannot be read."""

    reason: str
    """The reason in one line, without the name of the file."""
    image: bool = True
    """Whether it is an image, damaged or of an unsupported kind."""
    kind: Kind | None = None
    """The kind that is unsupported."""


@dataclass(frozen=True, kw_only=True)
class Headers:
    """What the first pass found."""

    found: dict[int, Header]
    """The images, by number, ascending."""
    faults: dict[int, Fault]
    """All other files, by number."""

    @property
    def grey(self) -> bool:
        """Whether every image is grey."""
        return all(header.grey for header in self.found.values())

    @property
    def deep(self) -> bool:
        """Whether one image at least has more than 8 bits of grey."""
        return any(header.deep for header in self.found.values())

    @property
    def sides(self) -> frozenset[tuple[int, int]]:
        """Shorter and longer sides that occur."""
        return frozenset(header.sides for header in self.found.values())


@dataclass(frozen=True, kw_only=True)
class Images:
    """What the second pass found."""

    pixels: NDArray[Any]
    """(n, c, side, side): float32 if at least one image has more than 8 bits of grey, else uint8.
    """
    numbers: NDArray[np.int64]
    """The numbers of their files, (n,), ascending."""
    deep: NDArray[np.bool_]
    """(n,): which have more than 8 bits of grey."""
    native: int
    """Median of the shorter sides of the files in pixels; of the longer ones in letterboxes."""
    kinds: tuple[tuple[str, int], ...]
    """The kinds of files and how many there are of each, the most frequent first."""
    skipped: tuple[str, ...]
    """The files that were left out, each with the reason."""


def read_headers(files: ImageFiles) -> Headers:
    """First pass.

    Raises:
        InputError: more than 1 % of the images cannot be opened.
    """
    register_plugins()

    def of_chunk(chunk: range) -> list[Header | Fault]:
        results: list[Header | Fault] = []
        for number in chunk:
            try:
                results.append(read_header(files.open(number)))
            except Exception as error:
                results.append(_fault(files, number, error))
        return results

    found: dict[int, Header] = {}
    faults: dict[int, Fault] = {}
    same: dict[Header, Header] = {}  # most are equal: one object for all of them
    chunks = in_threads(of_chunk, len(files.names), "looking at the files")
    for number, result in enumerate(result for chunk in chunks for result in chunk):
        if isinstance(result, Fault):
            faults[number] = result
        else:
            found[number] = same.setdefault(result, result)
    _check_few_broken(files, faults)
    return Headers(found=found, faults=faults)


def read_images(files: ImageFiles, headers: Headers, side: int, room: Room = IN_MEMORY) -> Images:
    """Second pass: the pixels of the images that the first pass found, at `side` pixels, in `room`.

    Raises:
        InputError: more than 1 % of the images cannot be read, or not one can.
    """
    channels = 1 if headers.grey else 3
    numbers = np.array(list(headers.found), np.int64)
    pixels = room.array((len(numbers), channels, side, side), np.float32 if headers.deep else np.uint8)
    deep = np.zeros(len(numbers), np.bool_)

    def of_chunk(chunk: range) -> dict[int, Fault]:
        faults = {}
        for place in chunk:
            number = int(numbers[place])
            try:
                image = read_pixels(files.open(number), side, channels, files.fit)
                if image.dtype != np.uint8 and not headers.deep:
                    raise ValueError("its pixels have more than 8 bits, which its header does not say")
                pixels[place], deep[place] = image, image.dtype != np.uint8
            except Exception as error:
                faults[number] = _fault(files, number, error)
        return faults

    faults = dict(headers.faults)
    for chunk_faults in in_threads(of_chunk, len(numbers), "decoding the images"):
        faults |= chunk_faults
        room.filled()
    _check_few_broken(files, faults)
    kept = np.array([number not in faults for number in numbers.tolist()], np.bool_)
    if not kept.any():
        raise InputError(f"{files.where} holds no image that can be read")
    if not kept.all():
        pixels, numbers, deep = moved_up(pixels, np.flatnonzero(kept)), numbers[kept], deep[kept]
    found = [headers.found[number] for number in numbers.tolist()]
    return Images(
        pixels=pixels if deep.any() else pixels.astype(np.uint8, copy=False),
        numbers=numbers,
        deep=deep,
        native=int(np.median([header.sides[files.fit != "crop"] for header in found])),
        kinds=tuple(Counter(header.kind for header in found).most_common()),
        skipped=tuple(f"{files.names[number]}: {faults[number].reason}" for number in sorted(faults)),
    )


def in_threads(work: Callable[[range], Result], count: int, what: str) -> Iterator[Result]:
    """`work` on consecutive ranges of 0..count-1, results in order; `what` it is, for people."""
    chunks = [range(start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    pool = ThreadPoolExecutor(max_workers=min(32, os.cpu_count() or 1))
    try:
        with _no_warnings(), progress(what, count) as went:
            for chunk, result in zip(chunks, pool.map(work, chunks), strict=True):
                yield result
                went(chunk.stop)
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence Pillow on odd metadata and large images. Once around all threads: filters belong to
    the process, not to a thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _fault(files: ImageFiles, number: int, error: Exception) -> Fault:
    """Why a file could not be read: it is no image, its kind is not supported, or it is damaged."""
    name = "" if files.certain else files.names[number]
    called, unknown = is_called_an_image(name), isinstance(error, UnidentifiedImageError)
    kind = unsupported(name, _start(files, number)) if unknown else None
    if kind is not None:
        return Fault(str(kind), kind=kind)
    unseen = unknown or (isinstance(error, OSError) and error.errno is not None)  # not even its first bytes
    if files.certain or called or (called is None and not unseen):
        return Fault(_reason(error))
    return Fault(NO_IMAGE if unknown or called is False else _reason(error), image=False)


def _start(files: ImageFiles, number: int) -> bytes:
    """The first 16 bytes of a file, if they can be read."""
    try:
        source = files.open(number)
        with source.open("rb") if isinstance(source, Path) else source as file:
            return file.read(16)
    except (OSError, TypeError, KeyError):
        pass
    return b""


def _reason(error: Exception) -> str:
    """Why a file cannot be read, in one line, without its path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = " ".join(shown(str(error)).split())
    if text.startswith("cannot identify image file"):
        return text.partition("image file: ")[2] or "not an image"
    return text or type(error).__name__


def _check_few_broken(files: ImageFiles, faults: dict[int, Fault]) -> None:
    """Raise InputError if more than 1 % of the images are unreadable: then the whole folder is
    probably at fault."""
    broken = [number for number in sorted(faults) if faults[number].image]
    count = len(files.names) - (len(faults) - len(broken))
    if files.tolerant or 100 * len(broken) <= count:
        return
    kinds = Counter(kind for number in broken if (kind := faults[number].kind) is not None)
    of_these = "".join(f"; {many} of these {'is' if many == 1 else 'are'} {kind}" for kind, many in kinds.most_common())
    first = "; ".join(
        f"{files.names[number]} ({getattr(faults[number].kind, 'name', faults[number].reason)})"
        for number in broken[:3]
    )
    more = f"; and {len(broken) - 3} more" if len(broken) > 3 else ""
    raise InputError(
        f"{files.where}: at most 1 % of the image files may be unreadable, but {len(broken)} of {count} are:"
        f" {first}{more}{of_these}"
    )
