"""How a worker reaches the store of a study: a URL; the driver's folder, where its machine shares
it; else that folder through Ray, by tasks on the driver's machine.

The driver writes a token into the folder, a file that is named after its own machine. A worker that
sees it shares the folder; nobody needs to say so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ...studies.store import Folder, Store, StoreError, is_url, store_at
from ...studies.store.store import checked, leads_inside
from ..course.job import Job
from .on_node import on_node

T = TypeVar("T")

SCHEME = "driver://"
"""Begins the place of a folder that is reached through Ray: `driver://NODE/path`."""
TOKEN = ".seen-by-"
ABANDONED = 86400.0
"""Seconds after which a token is removed by another run: its driver was killed."""
TOUCHED = 3600.0
"""Seconds after which a driver that lives touches its token again."""
PATIENCE = 240.0
"""Seconds for which a worker waits for a store that cannot be reached; less than the silence after
which it is taken for lost."""


class Tokens:
    """The tokens that a driver has written."""

    def __init__(self, node: str) -> None:
        """`node` is Ray's id of the driver's machine; empty for a private Ray, which needs none."""
        self._node = node
        self._written: dict[Path, float] = {}

    def write(self, place: str | None) -> None:
        """Write the token into the store at `place`, if it is a folder that has none yet, and touch
        it now and then: it is that of a driver that lives."""
        if not self._node or place is None or is_url(place):
            return
        token = Path(place, TOKEN + self._node)
        if time.time() - self._written.get(token, -math.inf) < TOUCHED:
            return
        token.parent.mkdir(parents=True, exist_ok=True)
        for old in token.parent.glob(f"{TOKEN}*"):
            with suppress(OSError):
                if time.time() - old.stat().st_mtime > ABANDONED:
                    old.unlink()
        token.touch()
        self._written[token] = time.time()

    def remove(self) -> None:
        """Remove the tokens that were written."""
        for token in self._written:
            with suppress(OSError):
                token.unlink()
        self._written.clear()


def reached(place: str | None, node: str) -> str | None:
    """The place of a store as this machine reaches it.

    Args:
        place: as the driver has it: a URL, or the path of its folder; None for none.
        node: Ray's id of the driver's machine; empty for a private Ray.
    """
    if not node or place is None or is_url(place) or Path(place, TOKEN + node).exists():
        return place
    return f"{SCHEME}{node}{place}"


def store_of(job: Job) -> Store:
    """The store of the files of a job; `job.store` is its place as this machine reaches it."""
    assert job.store is not None  # a job that names a file names its store
    if job.store.startswith(SCHEME):
        node, _, path = job.store.removeprefix(SCHEME).partition("/")
        return OnDriver(node, f"/{path}")
    return store_at(job.store, patience=PATIENCE)


class OnDriver(Store):
    """A folder of the driver's machine. Files travel through Ray's object store."""

    def __init__(self, node: str, folder: str) -> None:
        """`node` is Ray's id of that machine."""
        self._node, self._folder = node, folder

    @property
    def place(self) -> str:
        """The path of the folder on that machine."""
        return self._folder

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Yield a file in memory, which a task writes at the end."""
        checked(name)
        file = BytesIO()
        yield file
        self._there(_write, name, file.getvalue())

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Yield the file, fetched into memory."""
        found = self._there(_read, checked(name))
        if found is None:
            raise FileNotFoundError(2, "No such file or directory", f"{self._folder}/{name}")
        yield BytesIO(found)

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return leads_inside(name) and self._there(_exists, name)

    def remove(self, name: str) -> None:
        """Remove the file."""
        self._there(_remove, checked(name))

    def names(self, folder: str) -> list[str]:
        """The names of the files."""
        return self._there(_names, checked(folder))

    def _there(self, call: Callable[..., T], name: str, *more: Any) -> T:
        """`call` for the folder and the file `name`, on the driver's machine.

        Raises:
            StoreError: the disk there refuses, or Ray cannot run it.
        """
        import ray
        from ray.exceptions import RayError, RayTaskError

        try:
            return ray.get(on_node(self._node, call).remote(self._folder, name, *more), timeout=PATIENCE)
        except RayError as error:
            cause = error.cause if isinstance(error, RayTaskError) else error
            reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0][:200]
            raise StoreError(f"{name} in {self._folder} of the driver's machine cannot be reached: {reason}") from None


def _write(folder: str, name: str, data: bytes) -> None:
    with Folder(folder).writing(name) as file:
        file.write(data)


def _read(folder: str, name: str) -> bytes | None:
    try:
        with Folder(folder).reading(name) as file:
            return file.read()
    except FileNotFoundError:
        return None


def _exists(folder: str, name: str) -> bool:
    return Folder(folder).exists(name)


def _remove(folder: str, name: str) -> None:
    Folder(folder).remove(name)


def _names(folder: str, within: str) -> list[str]:
    return Folder(folder).names(within)
