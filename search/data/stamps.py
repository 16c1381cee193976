"""Identifies the files of a data set without decoding them: they are the same if their names,
sizes and times are, or where that is asked for, their contents.

The time at which a file's state was last changed (ctime) is one of the times: no program can set
it, so that a file that was replaced by one of the same size and date is found out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from .file_listing import states
from .reading_options import Reading


def folder_stamp(root: Path, reading: Reading, contents: bool) -> str:
    """Identifies the files below `root` and below the folders outside that `reading` names.

    Raises:
        InputError: a folder cannot be read.
    """
    outside = [part for part in reading.parts.values() if not os.path.isdir(os.path.join(root, part))]
    roots = [root, *(Path(part) for part in map(os.path.expanduser, outside) if os.path.isdir(part))]
    return _stamp(((path, state) for each in roots for path, state in states(each)), root, contents)


def file_stamp(path: Path, contents: bool) -> str:
    """Identifies one file."""
    try:
        state = path.stat()
    except OSError:
        state = None
    return _stamp([(str(path), state)], path.parent, contents)


def files_stamp(table: Path, files: Iterable[Path], contents: bool) -> str:
    """Identifies a table and the files that it lists, by its contents and by theirs or their
    states."""

    return list_stamp(table.parent, files, contents) + _content(str(table))


def list_stamp(root: Path, files: Iterable[Path], contents: bool) -> str:
    """Identifies files below `root` by their contents or their states."""

    def states_of() -> Iterator[tuple[str, os.stat_result | None]]:
        for path in files:
            try:
                yield str(path), path.stat()
            except (OSError, ValueError):  # missing, or no file can have this name
                yield str(path), None

    return _stamp(states_of(), root, contents)


def _stamp(files: Iterable[tuple[str, os.stat_result | None]], root: Path, contents: bool) -> str:
    digest = hashlib.sha256(b"" if contents else os.fsencode(os.path.realpath(root)))
    start = os.path.join(root, "")
    for path, state in files:
        what = "" if state is None else f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}"
        if contents and state is not None and stat.S_ISREG(state.st_mode):
            what = _content(path)
        digest.update(os.fsencode(f"\0{path.removeprefix(start)}\0{what}"))
    return digest.hexdigest()


def _content(path: str) -> str:
    """SHA-256 of a file in hex; empty if it cannot be read."""
    with suppress(OSError), open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
    return ""
