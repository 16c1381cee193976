"""Writes files whole or not at all: aside under a temporary name, synced, then renamed.

Whenever the process is killed or the disk refuses, the name holds the earlier file or the new one.
A kill may leave a temporary file (`.NAME.….tmp`) behind, which nothing reads. Its name says which
process wrote it, so that `remove_unfinished` can remove it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from ...blocks.errors import AutomlError, InputError
from ..driver import is_gone, place

USERS = frozenset(
    getattr(errno, name)
    for name in (
        "EACCES",
        "EPERM",
        "ENOENT",
        "ENOTDIR",
        "EISDIR",
        "EEXIST",
        "ENOTEMPTY",
        "ENAMETOOLONG",
        "ELOOP",
        "EROFS",
        "EINVAL",
    )
)
"""Errors of a path that cannot be written because of what the user named; all others, such as a
full disk, are those of the machine."""


_UNFINISHED = re.compile(r"\..+\.([0-9a-f]{8})-([0-9]+)-[0-9a-f]{12}\.tmp(-journal)?", re.DOTALL)
"""The names that `aside` gives: where the process ran, and its id."""


def kind_of(error: OSError) -> type[AutomlError]:
    """Return InputError if the path is at fault, and AutomlError if the machine is."""
    return InputError if error.errno in USERS else AutomlError


def refused(what: str, error: OSError) -> AutomlError:
    """Make the error for a file that cannot be written; `what` names it."""
    return kind_of(error)(f"{what} cannot be written: {error}")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `path` at the end of the `with` block, synced; if
    anything fails, `path` stays as it was.

    Raises:
        OSError: the file cannot be written.
    """
    target = Path(os.path.realpath(path))  # a link stays a link
    temporary = aside(target)
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(target.parent)


def aside(path: Path) -> Path:
    """Make a new name beside `path` for a file that is not whole yet; it names this process."""
    return path.with_name(f".{path.name[:40]}.{_here()}-{os.getpid()}-{secrets.token_hex(6)}.tmp")


def remove_unfinished(folder: Path, *, below: bool = False) -> None:
    """Remove the files that processes of this machine left unfinished in `folder` when they died,
    and those in all folders below it if `below`. What cannot be removed stays."""
    for inner, _, names in os.walk(folder) if below else [(folder, [], _names_in(folder))]:
        for name in filter(is_unfinished, names):
            with suppress(OSError):
                Path(inner, name).unlink()


def is_unfinished(name: str) -> bool:
    """Whether a process of this machine that has died left a file of this name unfinished."""
    found = _UNFINISHED.fullmatch(name)
    return found is not None and found[1] == _here() and is_gone(int(found[2]))


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


@cache
def _here() -> str:
    return hashlib.sha256(place().encode()).hexdigest()[:8]


def write_text(path: str | os.PathLike[str], text: str, errors: str = "strict") -> None:
    """Write `text` to `path` as UTF-8, whole or not at all; raises as `replacing`."""
    content = text.encode("utf-8", errors)
    with replacing(path) as file:
        file.write(content)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing: all of them, or none.

    Raises:
        OSError: one of them cannot be made, or is a file.
    """
    missing = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
    made: list[Path] = []
    try:
        for one in reversed(missing):
            one.mkdir(exist_ok=True)
            made.append(one)
        folder.mkdir(exist_ok=True)
    except OSError:
        for one in reversed(made):
            with suppress(OSError):
                one.rmdir()
        raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Windows cannot open folders, and needs no such step."""
    if os.name == "posix":
        _sync(folder)


def sync_tree(folder: Path) -> None:
    """Make all files in `folder` and below it durable, with their names."""
    for inner, _, names in os.walk(folder):
        for name in names:
            _sync(Path(inner, name))
        sync_folder(Path(inner))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
