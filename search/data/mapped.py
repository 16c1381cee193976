"""Arrays of images in memory-mapped files: pages are read when they are used, and all processes of
a machine share them.

The files are numpy's (`.npy`, uint8). A mapping holds a shared lock of its file for as long as it
lives, so that the file of an array in use is not removed; Windows needs no lock, since it removes
no file that is mapped. Shape letters: n images, c channels, h height, w width.
"""

from __future__ import annotations

import errno
import math
import mmap
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

BLOCK = 32 * 2**20
"""Bytes that are read of a mapped array before its pages are given back."""
HEADER = 128
"""Bytes of the header that numpy writes before an array of images."""


class Mapped(np.ndarray):
    """An array in a read-only memory-mapped file."""

    file: Path | None = None
    """The file; None for a part of the array, or what was computed from it."""

    def __array_finalize__(self, obj: object) -> None:
        self.file = None


def mapped(path: Path) -> Mapped:
    """The array in the file `path`, read-only.

    Raises:
        OSError: the file cannot be read, or has been removed.
        ValueError: it is damaged.
    """
    with open(path, "rb") as file:
        _lock(file)
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError(f"{path} must be a file of numpy's format 1.0")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        start, size = file.tell(), os.fstat(file.fileno()).st_size
        if dtype != np.uint8 or fortran or size != start + math.prod(shape):
            raise ValueError(f"{path} must hold the {math.prod(shape):,} bytes of {shape}, but has {size - start:,}")
        array = np.memmap(file, np.uint8, "r", start, shape).view(Mapped)
    array.file = path
    return array


def _lock(file: IO[bytes]) -> None:
    """Take a shared lock; numpy's mapping duplicates the descriptor, and so keeps the lock."""
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_SH)  # waits for one that removes the file, which takes a moment
    if os.fstat(file.fileno()).st_nlink == 0:
        raise FileNotFoundError(errno.ENOENT, "it has been removed", file.name)


@contextmanager
def unused(path: Path) -> Iterator[bool]:
    """Whether no process maps the file; then none can begin to before the `with` block ends. The
    file of another user counts as used.

    Raises:
        OSError: the file cannot be opened.
    """
    with ExitStack() as stack:
        free = True
        try:
            file = stack.enter_context(open(path, "r+b"))
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (PermissionError, BlockingIOError):
            free = False
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):  # a file system without locks
                raise
        yield free


def created(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """A new array in the file `path` to be filled; `finish` makes it a file that `mapped` reads.

    All of its bytes are reserved on the disk first: a page of a mapping for which the disk has no
    room would kill the process.

    Raises:
        OSError: the disk has not that many bytes free, or refuses the file.
    """
    with open(path, "w+b") as file:
        _reserve(file, HEADER + math.prod(shape))
        return np.memmap(file, np.uint8, "r+", HEADER, shape)


def _reserve(file: IO[bytes], count: int) -> None:
    """Reserve bytes on the disk, or write zeros where the system cannot reserve."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, count)
            return
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                raise
    zeros = bytes(2**20)
    for start in range(0, count, len(zeros)):
        file.write(zeros[: count - start])
    file.flush()


def finish(path: Path, shape: tuple[int, ...]) -> None:
    """Complete a file that `created` has made, with the first rows of its array: `shape` may have
    fewer rows. The file is synced.

    Raises:
        OSError: the disk refuses.
    """
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    assert len(header.getvalue()) == HEADER, "numpy pads headers to a multiple of 64 bytes"
    with open(path, "r+b") as file:
        file.write(header.getvalue())
        file.truncate(HEADER + math.prod(shape))
        file.flush()
        os.fsync(file.fileno())


def release(array: NDArray[Any]) -> None:
    """Give back the pages of a mapped array that this process has touched.

    They stay in the system's page cache, but count no longer as memory of the process. An array
    that is not mapped stays as it is.
    """
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)


def blocks(images: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """The images in consecutive parts of about `BLOCK` bytes; the pages of each are given back."""
    rows = max(1, BLOCK // max(1, images[:1].nbytes))
    for start in range(0, len(images), rows):
        yield images[start : start + rows]
        release(images)


def moved_up(images: NDArray[Any], rows: NDArray[np.int64]) -> NDArray[Any]:
    """The images `rows`, which ascend, moved to the front of their array, in place: a view."""
    step = max(1, BLOCK // max(1, images[:1].nbytes))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        images[start : start + len(part)] = images[part]
        release(images)
    return images[: len(rows)]
