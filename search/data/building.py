"""Builds an entry of the cache aside: by one process at a time, whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ...blocks.errors import AutomlError
from ...studies.writing.atomic_file import sync_folder, sync_tree
from .cache import Cache, discard
from .entry import IMAGES
from .mapped import created, finish, release
from .room import Room

if TYPE_CHECKING:
    from filelock import BaseFileLock

T = TypeVar("T")


class NoRoom(AutomlError):
    """The cache cannot be written."""

    def __init__(self, folder: Path, needed: int, error: OSError) -> None:
        self.needed = needed
        """Bytes of the pixels."""
        self.reason: str = f"{folder} cannot be written ({error.strerror or error})"
        """Why, in words."""
        super().__init__(
            f"the decoded images need {needed / 1e9:.2g} GB, but {self.reason}: `automl cache clear` removes earlier"
            " ones, --cache DIR takes another folder, --cache none keeps them in memory"
        )


class Built(Exception):
    """Another process has built the entry meanwhile."""


class Building(Room):
    """Room for one entry. At the end of the `with` block nothing is left of it on the disk, unless
    `keep` has made it the entry.

    Arrays of fewer bytes than `smallest`, and those that are not uint8, lie in memory.
    """

    def __init__(self, cache: Cache, key: str, found: Callable[[Path], object], *, smallest: int = 1) -> None:
        """`found` reads the entry in a folder, and raises as `readable` says if it cannot."""
        self._cache, self._key, self._found, self._smallest = cache, key, found, smallest
        self._aside = cache.aside(key)
        self._lock: BaseFileLock | None = None
        self._array: NDArray[Any] | None = None

    def __enter__(self) -> Building:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._array = None
        if self._lock is not None:
            shutil.rmtree(self._aside, ignore_errors=True)
            self._lock.release()

    def array(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
        """An array in the file of the entry; the first that is asked for, if it is large.

        Raises:
            Built: another process has built the entry meanwhile.
            NoRoom: the cache cannot be written.
        """
        count = int(np.prod(shape, dtype=np.int64))
        if np.dtype(dtype) != np.uint8 or count < self._smallest or self._array is not None:
            return super().array(shape, dtype)
        try:
            self._begin(count)
            self._array = created(self._aside / IMAGES, shape)
        except OSError as error:
            raise NoRoom(self._cache.folder, count, error) from None
        return self._array

    def filled(self) -> None:
        if self._array is not None:
            release(self._array)

    def holds(self, images: NDArray[Any]) -> bool:
        """Whether images lie at the start of the array that this room gave."""
        return self._array is not None and images.ctypes.data == self._array.ctypes.data

    def keep(self, shape: tuple[int, ...], write: Callable[[Path], None]) -> None:
        """Make what was built the entry: images of this shape at the start of the array, and what
        `write` puts beside them into a folder.

        Raises:
            NoRoom: the cache cannot be written.
        """
        try:
            finish(self._aside / IMAGES, shape)
            write(self._aside)
            sync_tree(self._aside)
            place = self._cache.place(self._key)
            discard(place)  # it is damaged
            os.rename(self._aside, place)
            sync_folder(self._cache.folder)
        except OSError as error:
            raise NoRoom(self._cache.folder, int(np.prod(shape, dtype=np.int64)), error) from None

    def _begin(self, count: int) -> None:
        """Wait for others that build this entry, and make room for it."""
        self._cache.create()
        self._lock = self._cache.locked(self._key)
        if readable(self._found, self._cache.place(self._key)) is not None:
            raise Built
        shutil.rmtree(self._aside, ignore_errors=True)  # left by a process that was killed
        self._cache.make_room(count)
        self._aside.mkdir()


def readable(found: Callable[[Path], T], folder: Path) -> T | None:
    """What `found` reads from the folder of an entry; None if there is none, or it is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile):
        return found(folder)
    return None
