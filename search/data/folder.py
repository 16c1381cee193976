"""A folder of class folders: `root/cat/1.jpg`, or `root/train/cat/1.jpg` beside `root/test/cat/2.jpg`.

What lies in `val`, `validation` or `test` is the official test part. Images may lie at any depth below their class folder; hidden files and
folders are passed over. The order is that of sorted names, on every machine.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from ...blocks.errors import InputError
from .files import FOLDER_SIZE, ImageFiles, read_headers, read_images
from .images import ImageData

EXTENSIONS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".ppm"}
HELD_OUT = {"val", "validation", "test"}


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The image files of a folder, not yet opened."""

    files: list[Path]
    """One path for each image."""
    labels: list[int]
    """Its class, an index into `classes`."""
    official_test: list[bool]
    """Whether it lies in the part held out by whoever made the folder."""
    classes: tuple[str, ...]
    """Names of the class folders, sorted."""
    stray: list[Path]
    """Image files outside any class folder."""


def read_folder(root: Path, *, name: str, size: int | None = None) -> ImageData:
    """Read every image below `root` as squares of `size` pixels (64 when None); grey only if all images are.

    Raises:
        InputError: the folder has no class folders, only one, or an empty one; it cannot be read; or more than 1 % of its images cannot.
    """
    listing = list_images(root)
    files = ImageFiles(where=name, names=[_relative(path, root) for path in listing.files], open=listing.files.__getitem__)
    headers = read_headers(files)
    images, kept, skipped = read_images(files, headers, size or FOLDER_SIZE)
    return ImageData(
        name=name,
        images=images,
        labels=np.array(listing.labels, np.int64)[kept],
        classes=listing.classes,
        official_test=np.array(listing.official_test, np.bool_)[kept],
        flip=True,
        skipped=skipped + tuple(f"{_relative(path, root)}: lies in no class folder" for path in listing.stray),
    )


def list_images(root: Path) -> Listing:
    """Find the classes and their files; no image is opened."""
    train, held_out = _parts(root)
    classes = tuple(folder.name for folder in _folders(train))
    if not classes:
        raise InputError(f"{train} holds no class folders: images belong in {train / '<class>'}")
    if len(classes) == 1:
        raise InputError(f"{train} holds the single class folder {classes[0]!r}: at least two classes are needed")
    listing = Listing(files=[], labels=[], official_test=[], classes=classes, stray=[])
    for part in [train, *held_out]:
        for folder in _folders(part):
            if folder.name not in classes:
                raise InputError(f"every class must be in {train}, but {folder} has no folder of its name there (there are: {', '.join(classes[:12])})")
            found = _images_below(folder)
            if not found:
                raise InputError(f"class folder {folder} holds no image ({', '.join(sorted(EXTENSIONS))})")
            listing.files.extend(found)
            listing.labels.extend([classes.index(folder.name)] * len(found))
            listing.official_test.extend([part is not train] * len(found))
    for part in dict.fromkeys([root, train, *held_out]):
        listing.stray.extend(_images_in(part))
    return listing


def _parts(root: Path) -> tuple[Path, list[Path]]:
    """The folder that holds the class folders to train on, and those with the official test part."""
    folders = _folders(root)
    train = root / "train"
    aside = [folder for folder in folders if folder.name in HELD_OUT]
    if train not in folders or not _folders(train) or (not aside and len(folders) > 1):
        return root, []  # a class may well be called "train" or "test"
    others = [folder.name for folder in folders if folder != train and folder not in aside and _images_below(folder)]
    if others:
        raise InputError(f"{root} must hold either classes or train/ and its test part, but it holds both: train, {', '.join(others[:5])}")
    for folder in aside:
        if not _folders(folder) and _images_in(folder):
            raise InputError(f"{folder} holds images but no class folders; to use the labelled images alone give {train}")
    return train, aside


def _folders(parent: Path) -> list[Path]:
    """The visible folders in `parent`, sorted."""
    return [parent / entry.name for entry in _entries(parent) if entry.is_dir()]


def _images_in(parent: Path) -> list[Path]:
    """The image files directly in `parent`, sorted."""
    return [parent / entry.name for entry in _entries(parent) if not entry.is_dir() and Path(entry.name).suffix.lower() in EXTENSIONS]


def _images_below(folder: Path, above: frozenset[str] = frozenset()) -> list[Path]:
    """The image files in `folder` and all folders below it, sorted; a link back to a folder above is not followed."""
    here = os.path.realpath(folder)
    if here in above:
        return []
    found = _images_in(folder)
    for inner in _folders(folder):
        found.extend(_images_below(inner, above | {here}))
    return found


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in `folder` and not hidden, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        _refuse_unreadable(folder, error)


def _refuse_unreadable(folder: Path, error: OSError) -> NoReturn:
    raise InputError(f"folder {folder} cannot be read: {error.strerror or error}") from error


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()
