"""Reads files that a user names: regular files alone, since a pipe or a device may never end."""

from __future__ import annotations

import errno
import os
import stat

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
"""What is no regular file, in words."""


def require_regular(path: str | os.PathLike[str]) -> int:
    """Check that `path` is a regular file, or a link to one, without opening it; return its size
    in bytes.

    Raises:
        OSError: it is something else, it is missing, or no file can have such a name; `strerror`
            says which.
    """
    try:
        found = os.stat(path)
    except ValueError:  # a NUL, or a lone surrogate
        raise OSError(errno.EINVAL, "no file can have this name", os.fspath(path)) from None
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"it is {KINDS.get(kind, 'something else')}, not a file", os.fspath(path))
    return found.st_size


def read_regular(path: str | os.PathLike[str], *, most: int | None = None) -> bytes:
    """Read the regular file `path`, of at most `most` bytes.

    Raises:
        OSError: as `require_regular`, it is larger, or it cannot be read.
    """
    size = require_regular(path)
    if most is not None and size > most:
        raise OSError(errno.EFBIG, f"it has {size:,} bytes, and at most {most:,} are read", os.fspath(path))
    with open(path, "rb") as file:
        return file.read()
