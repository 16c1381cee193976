"""Reads WebDataset shards where they lie: tar files in which the members of one sample have one
name and different endings, as `cat/001.jpg` and `cat/001.cls`.

The package webdataset reads a shard as a stream from its start, and runs `pipe:` addresses as
commands. Here the headers of a shard are read once, by Python's tarfile, and members by their
places, as headers and pixels of images are read at different times. Nothing is unpacked: the name
of a member is only a name, without the steps `..` and `/` that would lead out of the shard.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ...blocks.errors import AutomlError, InputError
from .names import shown
from .shard_names import ENDING

if TYPE_CHECKING:
    from .decode import Openable

BLOCK = 512
"""Bytes in which a tar file counts."""
REST = 2**20
"""Bytes after the end of an archive that are looked at: programs fill it up with zeros."""
BUFFER = 2**16
"""Bytes of a member that are read at a time: more than the header of most images."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a shard."""

    name: str
    """Its name, without the steps `.`, `..` and empty ones."""
    start: int
    """Its first byte in the shard."""
    size: int
    """Its number of bytes."""


class Damaged(InputError):
    """A shard that cannot be read to its end."""

    def __init__(self, shard: Path, reason: str) -> None:
        self.reason = reason
        """Why, in words."""
        super().__init__(f"{shown(str(shard))} {reason}")


def members(shard: Path) -> Iterator[Member]:
    """The files in a shard, in order; links, folders and files with holes are passed over.

    Raises:
        Damaged: after all that can be read, if the shard is damaged or is cut off.
    """
    count, last = 0, -1
    try:
        with tarfile.open(shard, "r:", encoding="utf-8", errors="surrogateescape") as archive:
            while (found := archive.next()) is not None:
                archive.members = []  # pyright: ignore[reportAttributeAccessIssue]  (else a million take a gigabyte)
                if found.offset <= last or found.size < 0:
                    raise tarfile.ReadError("sizes of members are below 0")
                last, count = found.offset, count + 1
                if found.isreg() and not found.issparse():
                    yield Member(plain(found.name), found.offset_data, found.size)
            end = archive.offset
        _check_end(shard, end)
    except Exception as error:  # tarfile raises what it likes on damaged headers
        kind = "cannot be read" if isinstance(error, OSError) and error.errno is not None else _damage(shard, count)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Damaged(shard, f"{kind}: {' '.join(shown(reason).split()) or type(error).__name__}") from None


def plain(name: str) -> str:
    """The name of a member as it is shown: without steps that lead nowhere or out of the shard.

    >>> plain("../../etc//passwd")
    'etc/passwd'
    """
    return "/".join(step for step in name.split("/") if step not in ("", ".", ".."))


def _check_end(shard: Path, end: int) -> None:
    """Raise tarfile.ReadError unless the archive ends at the byte `end`, and nothing follows."""
    with shard.open("rb") as file:
        file.seek(end)
        block = file.read(BLOCK)
        if len(block) < BLOCK or any(block):
            raise tarfile.ReadError("no header, and no mark of the end")
        if file.read(REST).strip(b"\0"):
            raise tarfile.ReadError("more follows the mark of its end")


def _damage(shard: Path, count: int) -> str:
    with shard.open("rb") as file:
        start = file.read(6)
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        return "is compressed, and shards must be plain .tar files"
    return f"is damaged or cut off after {count:,} members"


class Slice(io.RawIOBase):
    """A part of a file that is read like a file. It holds no file open between two readings, as
    there may be thousands of shards."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._path, self._start, self._size, self._at = path, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"a place in a file must be 0 or more, but got {base + offset}")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        wanted = max(0, min(len(buffer), self._size - self._at))
        with closing(open(self._path, "rb", buffering=0)) as file:
            file.seek(self._start + self._at)
            count = file.readinto(memoryview(buffer)[:wanted])
        self._at += count
        return count


def open_member(shard: Path, member: Member) -> IO[bytes]:
    """A member as a file for reading."""
    return io.BufferedReader(Slice(shard, member.start, member.size), BUFFER)


def openable(path: Path) -> Openable:
    """What Pillow can open for an element of `ImageData.files`: a file, or a member of a shard,
    whose path goes on beyond that of the shard.

    Raises:
        OSError: there is no such member.
    """
    shard = shard_of(path)
    if shard is None:
        return path
    state, name = shard.stat(), path.relative_to(shard).as_posix()
    member = _by_name(shard, state.st_mtime_ns, state.st_size).get(name)
    if member is None:
        raise FileNotFoundError(errno.ENOENT, "the shard has no such member", str(path))
    return open_member(shard, member)


def shard_of(path: Path) -> Path | None:
    """The shard that a path goes through; None for the path of a file or folder."""
    if ENDING not in str(path).lower():
        return None
    return next((each for each in path.parents if each.name.lower().endswith(ENDING) and each.is_file()), None)


def copied_out(paths: Sequence[Path]) -> tuple[list[str], Path | None]:
    """The paths of files that hold the images of `paths`, elements of `ImageData.files`: members of
    shards are written into a new folder, which is the second value, under names of their own.

    Raises:
        AutomlError: a member is gone, or the disk refuses; the folder is removed.
    """
    if not any(map(shard_of, paths)):
        return [str(path) for path in paths], None
    folder = Path(tempfile.mkdtemp(prefix="automl-images-"))
    try:
        return [_copied(path, folder / f"{number:07}") for number, path in enumerate(paths)], folder
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise AutomlError(f"the test images cannot be copied out of their shards: {error}") from error
        raise


def _copied(path: Path, stem: Path) -> str:
    """The path of a file that holds an image: its own, or that of a copy of a member of a shard."""
    source = openable(path)
    if isinstance(source, Path):
        return str(source)
    ending = "".join(letter for letter in path.suffix if letter.isalnum())[:8]
    copy = f"{stem}.{ending}"
    with source, open(copy, "wb") as file:
        shutil.copyfileobj(source, file)
    return copy


@lru_cache(maxsize=64)
def _by_name(shard: Path, changed: int, size: int) -> dict[str, Member]:
    """The members of a shard, by name; it is read anew when it has changed."""
    found: dict[str, Member] = {}
    with suppress(Damaged):  # what comes before the damage has been read, too
        found.update((member.name, member) for member in members(shard))
    return found
