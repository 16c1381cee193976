"""Lists the visible files and folders of a data set, sorted by name, so that the order is the same
on every machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from ...blocks.errors import InputError
from .kinds import is_called_an_image
from .names import shown

MADE_BY_MACHINES = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__pycache__"}
"""Folders that operating systems and archivers leave behind, some with a thumbnail of every image.
They are ignored, as hidden folders are."""
CACHE_TAG = "CACHEDIR.TAG"
"""The file that marks a folder as a cache, for programs that keep copies of files, and for us."""
CACHED = ("images.npy", "about.json")
"""Files of an entry of the cache; its folder may hold other files too, and then has no mark."""


def folders_in(parent: Path) -> list[Path]:
    """The visible folders in `parent`, sorted, without `MADE_BY_MACHINES` and automl's own."""
    return _folders(parent, _entries(parent))


def _folders(parent: Path, entries: list[os.DirEntry[str]]) -> list[Path]:
    return [
        parent / entry.name
        for entry in entries
        if _is_dir(entry) and entry.name not in MADE_BY_MACHINES and not _is_ours(parent / entry.name)
    ]


def _is_ours(folder: Path) -> bool:
    """Whether automl wrote the folder: the weights beside a database, an exported network, or a
    cache. A search may be started in the folder of its images, where these are no classes."""
    if (folder / CACHE_TAG).is_file() or all((folder / name).is_file() for name in CACHED):
        return True
    if folder.name == "automl.artifacts" or (folder.suffix == ".artifacts" and folder.with_suffix("").is_file()):
        return True
    return all((folder / name).is_file() for name in ("model.py", "model.safetensors", "config.json"))


def files_in(parent: Path) -> list[Path]:
    """The files directly in `parent`, sorted, with links to files and links to nothing; reading the
    latter reports them."""
    return [parent / entry.name for entry in _entries(parent) if not _is_dir(entry) and not _is_special(entry)]


def specials_in(parent: Path) -> list[Path]:
    """Pipes, sockets and devices directly in `parent`, and links to them: opening one could block
    for ever."""
    return [parent / entry.name for entry in _entries(parent) if not _is_dir(entry) and _is_special(entry)]


def states(root: Path) -> Iterator[tuple[str, os.stat_result | None]]:
    """Path and state of every file that may count as an image of the data set in `root`: all below
    its folders, and images, by name, in `root` itself. None stands for a link to nothing.

    A search may write its database into `root`.
    """
    return _states(root, frozenset())


def _states(folder: Path, above: frozenset[str]) -> Iterator[tuple[str, os.stat_result | None]]:
    """As `states`; each folder is listed once, since there may be a million files."""
    here = os.path.realpath(folder)
    if here in above:
        return
    entries = _entries(folder)
    for entry in entries:
        if not _is_dir(entry) and (above or is_called_an_image(entry.name)):
            try:
                yield entry.path, entry.stat()
            except OSError:
                yield entry.path, None
    for inner in _folders(folder, entries):
        yield from _states(inner, above | {here})


def below(folder: Path, above: frozenset[str] = frozenset()) -> Iterator[Path]:
    """`folder` and all folders below it, sorted; a link back to a folder above is not followed."""
    here = os.path.realpath(folder)
    if here in above:
        return
    yield folder
    for inner in folders_in(folder):
        yield from below(inner, above | {here})


def holds_images(folder: Path) -> bool:
    """Whether there is an image in `folder` or below, by name if that tells, else by content."""
    return any(holds_images_itself(inner) for inner in below(folder))


def holds_images_itself(folder: Path) -> bool:
    """Whether there is an image directly in `folder`."""
    return any(is_image(path) for path in files_in(folder))


def is_image(path: Path) -> bool:
    """Whether a file is an image, by its name if that tells, else by its content."""
    from .decode import read_header

    called = is_called_an_image(path.name)
    if called is None:
        try:
            read_header(path)
        except Exception:
            return False
        return True
    return called


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of `folder` that are not hidden, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        raise InputError(f"folder {shown(str(folder))} cannot be read: {error.strerror or error}") from error


def _is_dir(entry: os.DirEntry[str]) -> bool:
    """Whether the entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or through a folder that may not be read
        return False


def _is_special(entry: os.DirEntry[str]) -> bool:
    """Whether the entry is, or links to, something other than a file or folder."""
    try:
        return not entry.is_file() and not stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return False  # a link to nothing; opening it reports that
