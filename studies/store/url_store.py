"""A store at a URL: whatever fsspec opens, or pyarrow where fsspec's package for it is missing.

Object stores write a file whole or not at all; elsewhere it is written aside and renamed. What a
store refuses is tried again for a while, since networks fail for moments.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ..writing.atomic_file import aside, is_unfinished
from .store import Store, StoreError, checked, leads_inside

T = TypeVar("T")

OBJECT_STORES = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "tos", "r2"))
"""Protocols whose files appear when they have been written to the end."""
BRIEFLY = 10.0
"""Seconds for which a store that refuses is tried again, unless another time is asked for."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0
"""Seconds between two attempts: doubled after each, up to the second."""
FOR_GOOD = (PermissionError, NotImplementedError, IsADirectoryError, NotADirectoryError, ImportError)
"""Errors that no waiting ends."""


class Url(Store):
    """Files below `url`."""

    def __init__(self, url: str, *, patience: float = BRIEFLY) -> None:
        """`patience`: seconds for which a store that cannot be reached is tried again."""
        self._url, self._patience = url.rstrip("/"), patience

    @property
    def place(self) -> str:
        """The URL."""
        return self._url

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Yield a file in memory, which is sent at the end."""
        checked(name)
        file = BytesIO()
        yield file
        self._tried("written", name, lambda: self._put(self._path(name), file.getvalue()))

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Yield the file, fetched into memory."""
        checked(name)
        yield BytesIO(self._tried("read", name, lambda: bytes(self._files.cat_file(self._path(name)))))

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        try:
            return leads_inside(name) and self._tried("read", name, lambda: self._size(self._path(name))) is not None
        except FileNotFoundError:
            return False

    def remove(self, name: str) -> None:
        """Remove the file."""
        checked(name)
        with suppress(FileNotFoundError):
            self._tried("removed", name, lambda: self._files.rm_file(self._path(name)), patience=0.0)

    def names(self, folder: str) -> list[str]:
        """The names of the files, but for hidden ones, which are not whole."""
        try:
            found = self._tried("read", checked(folder), lambda: self._listed(self._path(folder)), patience=0.0)
        except FileNotFoundError:
            return []
        names = (str(path).rstrip("/").rpartition("/")[2] for path in found)
        return sorted(name for name in names if name and not name.startswith("."))

    def remove_unfinished(self) -> None:
        """Remove the files that processes of this machine left unfinished when they died.

        Raises:
            StoreError: the store cannot be reached.
        """

        def unfinished() -> list[str]:
            if self._writes_whole:
                return []
            self._files.invalidate_cache()
            found = map(str, self._files.find(self._opened[1]))
            return [path for path in found if is_unfinished(path.rpartition("/")[2])]

        with suppress(FileNotFoundError):
            for path in self._tried("read", "", unfinished, patience=0.0):
                with suppress(Exception):  # of a file that another process has just removed, or another user owns
                    self._files.rm_file(path)

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        return file_system(self._url)

    @property
    def _files(self) -> Any:
        return self._opened[0]

    def _path(self, name: str) -> str:
        return f"{self._opened[1].rstrip('/')}/{name}"

    def _put(self, path: str, data: bytes) -> None:
        if self._writes_whole:
            self._files.pipe_file(path, data)
            return
        parent, _, base = path.rpartition("/")
        temporary = f"{parent}/{aside(Path(base)).name}"
        self._files.makedirs(parent, exist_ok=True)
        try:
            self._files.pipe_file(temporary, data)
            self._files.mv(temporary, path)
        except BaseException:
            with suppress(Exception):
                self._files.rm_file(temporary)
            raise

    @property
    def _writes_whole(self) -> bool:
        """Whether it is an object store."""
        protocol = self._files.protocol
        return not OBJECT_STORES.isdisjoint((protocol,) if isinstance(protocol, str) else protocol)

    def _size(self, path: str) -> int | None:
        self._files.invalidate_cache()  # another machine may have written it since
        found = self._files.info(path)
        return None if found["type"] == "directory" else int(found["size"] or 0)

    def _listed(self, path: str) -> list[str]:
        self._files.invalidate_cache()
        return list(self._files.ls(path, detail=False))

    def _tried(self, how: str, name: str, call: Callable[[], T], *, patience: float | None = None) -> T:
        """`call()`, again and again while it fails and there is time: the store's patience, unless
        another one is given.

        Raises:
            FileNotFoundError: there is no such file.
            StoreError: it fails for good, or has failed for too long.
        """
        most = self._patience if patience is None else patience
        began, pause = time.monotonic(), FIRST_PAUSE
        while True:
            try:
                return call()
            except FileNotFoundError:
                raise
            except Exception as error:  # each file system raises errors of its own
                left = most - (time.monotonic() - began)
                if left <= 0 or isinstance(error, FOR_GOOD):
                    raise refused(f"{self._url}/{name} cannot be {how}", error) from None
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)


def refused(what: str, error: Exception) -> StoreError:
    """The error for `what`, in one line."""
    reason = (str(error).strip().splitlines() or [""])[0][:200]
    return StoreError(f"{what}: {type(error).__name__}{reason and ': '}{reason}")


def file_system(url: str) -> tuple[Any, str]:
    """The file system of a URL, with fsspec's interface, and the path within it.

    Raises:
        ValueError: no library knows the protocol.
        ImportError: a package for it is missing.
    """
    from fsspec.core import url_to_fs

    try:
        return url_to_fs(url)
    except ImportError:
        found = _by_pyarrow(url)
        if found is None:
            raise
        return found


def _by_pyarrow(url: str) -> tuple[Any, str] | None:
    """The same by pyarrow alone, which Ray has installed; None if it does not know the protocol."""
    from fsspec.implementations.arrow import ArrowFSWrapper
    from pyarrow.fs import FileSystem

    try:
        files, path = FileSystem.from_uri(url)
    except Exception:  # its own errors, of many kinds
        return None
    return ArrowFSWrapper(files), path
