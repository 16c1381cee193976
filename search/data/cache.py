"""A folder of decoded data sets, one entry for each: found again by a key, and bounded.

An entry is a folder that holds its images as one memory-mapped file (`entry`). It is built aside
and renamed, so that it is there whole or not at all. Entries that were unused for longest are
removed when there are too many, but none that a process uses.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...blocks.documented import documented
from ...blocks.errors import InputError, unknown
from .entry import IMAGES, read_about, used
from .file_listing import CACHE_TAG
from .mapped import unused
from .places import default_cache_dir
from .progress import progress

if TYPE_CHECKING:
    from filelock import BaseFileLock

VARIABLE, LIMIT, CONTENTS = "AUTOML_CACHE", "AUTOML_CACHE_GB", "AUTOML_CACHE_CONTENTS"
"""Environment variables: the folder, or "none"; the largest size in GB; whether files are told
apart by their contents, and not by size and time."""
NONE = "none"
DEFAULT_GB = 64.0
MARGIN = 256 * 2**20
"""Bytes that a new entry should leave free on the disk, for others; older entries give way."""
TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Decoded images; `automl cache clear` removes them.\n"
"""Content of the file that marks a cache (https://bford.info/cachedir/)."""
KEY = re.compile(r"[0-9a-f]{32}")
BUILDING, REMOVED = ".building", ".removed"
"""Endings of hidden folders that are not entries yet, or no more. None is left by a process that
lives."""


@documented
@dataclass(frozen=True, kw_only=True)
class Entry:
    """One decoded data set of the cache."""

    key: str
    """Identifies the files that it was decoded from, and how."""
    data: str
    """The path or name of the data set; empty if the entry is damaged."""
    images: int
    """Number of images."""
    size: int
    """Side of the images in pixels."""
    bytes: int
    """Bytes on the disk."""
    used: float
    """When it was last used, in seconds since 1970."""
    in_use: bool
    """Whether a process uses it now."""


@dataclass(frozen=True, kw_only=True)
class Cache:
    """The decoded data sets in a folder."""

    folder: Path
    """The folder; it need not exist yet."""
    limit: int = int(DEFAULT_GB * 1e9)
    """Bytes that all entries together may have, apart from those in use."""
    contents: bool = False
    """Whether files are told apart by their contents, and not by size and time."""

    def create(self) -> None:
        """Make the folder, marked as a cache; one that holds other files gets no mark, since
        programs that keep copies of files pass over what has it.

        Raises:
            OSError: it cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        if not any(self.folder.iterdir()):
            (self.folder / CACHE_TAG).write_text(TAG)

    def place(self, key: str) -> Path:
        """The folder of the entry with this key."""
        return self.folder / key

    def aside(self, key: str) -> Path:
        """The folder in which that entry is built."""
        return self.folder / f".{key}{BUILDING}"

    def lock(self, key: str) -> BaseFileLock:
        """The lock of whoever builds or removes the entry; the system frees it if that process
        dies."""
        from filelock import FileLock

        folder = self.folder / ".locks"
        folder.mkdir(parents=True, exist_ok=True)
        return FileLock(folder / f"{key}.lock")

    def locked(self, key: str) -> BaseFileLock:
        """The lock of the entry, taken; waits for a process that builds it."""
        from filelock import Timeout

        lock = self.lock(key)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            with progress("waiting for another process that decodes these images", None) as went:
                went(0)
                lock.acquire()
        return lock

    def entries(self) -> list[Entry]:
        """All entries, the one used last first."""
        folders = [path for path in _folders(self.folder) if KEY.fullmatch(path.name)]
        return sorted((entry for entry in map(_entry, folders) if entry), key=lambda entry: -entry.used)

    def remove(self, key: str) -> bool:
        """Remove an entry, unless it is in use, being built, or another user's; whether it was
        removed.

        Raises:
            OSError: the disk refuses.
        """
        from filelock import Timeout

        place = self.place(key)
        try:
            with self.lock(key).acquire(timeout=0):
                if not (place / IMAGES).exists():
                    discard(place)
                    return True
                with unused(place / IMAGES) as free:
                    if free:
                        discard(place)
                    return free
        except (Timeout, PermissionError):
            return False

    def make_room(self, needed: int) -> None:
        """Remove entries, those unused for longest first, until `needed` bytes more stay within the
        limit and fit on the disk, or no more can be removed."""
        self.tidy()
        entries = self.entries()
        total = sum(entry.bytes for entry in entries)
        for entry in reversed(entries):
            if total + needed <= self.limit and shutil.disk_usage(self.folder).free >= needed + MARGIN:
                return
            if self.remove(entry.key):
                total -= entry.bytes

    def tidy(self) -> None:
        """Remove what processes left behind that were killed."""
        from filelock import Timeout

        for path in _folders(self.folder):
            key, ending = path.stem.removeprefix("."), path.suffix
            if ending == REMOVED:
                shutil.rmtree(path, ignore_errors=True)
            elif ending == BUILDING:
                try:
                    with self.lock(key).acquire(timeout=0):
                        shutil.rmtree(path, ignore_errors=True)
                except Timeout:
                    continue

    def clear(self, keys: Sequence[str] | None = None) -> tuple[list[Entry], list[Entry]]:
        """Remove the entries whose keys begin with one of `keys`, or all if None: those that were
        removed, and those that are in use.

        Raises:
            InputError: no entry has such a key.
        """
        self.tidy()
        entries = self.entries()
        for key in keys or ():
            if not key or not any(entry.key.startswith(key) for entry in entries):
                raise unknown("entry of the cache", key, [entry.key[:12] for entry in entries])
        chosen = [entry for entry in entries if keys is None or entry.key.startswith(tuple(keys))]
        removed = [entry for entry in chosen if self.remove(entry.key)]
        return removed, [entry for entry in chosen if entry not in removed]


def discard(folder: Path) -> None:
    """Remove the folder of an entry; whenever the process is killed, it is whole or no entry."""
    if folder.exists():
        gone = folder.with_name(f".{folder.name}{REMOVED}")
        shutil.rmtree(gone, ignore_errors=True)
        os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


def cache_at(folder: str | Path | None = None) -> Cache | None:
    """The cache in a folder; None where the text is "none".

    Without a folder it is that of the environment variable AUTOML_CACHE, or `automl/decoded` in the
    user's cache folder. AUTOML_CACHE_GB is its limit, and AUTOML_CACHE_CONTENTS=1 tells files apart
    by their contents.

    Raises:
        InputError: the limit is no number above 0.
    """
    text = str(folder or os.environ.get(VARIABLE) or default_cache_dir())
    if text == NONE:
        return None
    limit = os.environ.get(LIMIT) or str(DEFAULT_GB)
    try:
        most = float(limit)
    except ValueError:
        most = 0.0
    if not 0 < most < 1e9:
        raise InputError(f"{LIMIT} must be a number of GB above 0, but got {limit!r}")
    contents = os.environ.get(CONTENTS, "") not in ("", "0")
    return Cache(folder=Path(os.path.abspath(os.path.expanduser(text))), limit=int(most * 1e9), contents=contents)


def _folders(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(path for path in folder.iterdir() if path.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return


def _entry(folder: Path) -> Entry | None:
    """The entry in a folder; None if it has been removed meanwhile."""
    try:
        about: dict[str, Any] = read_about(folder)
    except (OSError, ValueError):
        about = {}
    try:
        count = sum(path.stat().st_size for path in folder.iterdir())
        last = used(folder) if about else folder.stat().st_mtime
        with unused(folder / IMAGES) as free:
            in_use = not free
    except FileNotFoundError:
        if not folder.exists():
            return None
        count, last, in_use = 0, 0.0, False
    shape = about.get("shape", [0, 0, 0, 0])
    return Entry(
        key=folder.name,
        data=str(about.get("data", "")),
        images=int(shape[0]),
        size=int(shape[2]),
        bytes=count,
        used=last,
        in_use=in_use,
    )
