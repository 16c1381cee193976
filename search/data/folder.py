"""A folder of class folders: `root/cat/1.jpg`, or `root/train/cat/1.jpg` beside
`root/val/cat/2.jpg` and `root/test/cat/3.jpg`.

Images may lie at any depth below their class folder, under any name; hidden files and folders are
passed over.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from .file_listing import below, files_in, folders_in, specials_in
from .folder_parts import FolderParts, find_parts
from .groups import BY_FOLDER, numbered
from .image_files import FOLDER_SIZE, ImageFiles, read_headers, read_images
from .images import NO_GROUPS, ImageData
from .kinds import is_called_an_image
from .names import escaped, listed, shown
from .reading_options import Reading
from .room import IN_MEMORY, Room
from .shard_names import ENDING, PREFIX
from .skipped import NO_FILE, STRAY


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder, not yet opened: images, and what lies beside them."""

    files: list[Path] = field(default_factory=list)
    """The path of each file."""
    labels: list[int] = field(default_factory=list)
    """The class of each file, an index into `classes`."""
    parts: list[str] = field(default_factory=list)
    """The part of each file: "train", "validation" or "test"."""
    classes: list[str] = field(default_factory=list)
    """Names of the class folders, sorted."""
    folders: list[tuple[Path, range]] = field(default_factory=list)
    """Every class folder of every part, and the numbers of its files."""
    groups: list[str | None] = field(default_factory=list)
    """The folder within its class folder that each file lies in, with part and class; None for a
    file directly in the class folder."""
    skipped: list[str] = field(default_factory=list)
    """Entries that are not opened, each with the reason."""


def read_folder(
    root: Path, *, name: str, size: int | None = None, reading: Reading | None = None, room: Room = IN_MEMORY
) -> ImageData:
    """Read every image below `root` as squares of `size` pixels (64 when None), into `room`; grey
    only if all images are.

    Raises:
        InputError: the folder has no class folders, only one, or an empty one; it cannot be read;
            or more than 1 % of its images cannot.
    """
    reading = reading or Reading()
    parts = find_parts(root, reading)
    empty_allowed = reading.drop_small_classes > 0 or reading.tolerant
    listing = list_files(root, parts, empty_allowed=empty_allowed)
    files = ImageFiles(
        where=shown(name),
        names=[_relative(path, root) for path in listing.files],
        open=listing.files.__getitem__,
        tolerant=reading.tolerant,
        fit=reading.fit,
    )
    headers = read_headers(files)
    if not empty_allowed:
        _check_no_class_is_empty(listing, np.array(list(headers.found), np.int64))
    images = read_images(files, headers, size or FOLDER_SIZE, room)
    if not empty_allowed:
        _check_no_class_is_empty(listing, images.numbers)
    part = np.array(listing.parts)[images.numbers]
    return ImageData(
        name=name,
        images=images.pixels,
        labels=np.array(listing.labels, np.int64)[images.numbers],
        classes=tuple(escaped(folder) for folder in listing.classes),
        official_test=part == "test",
        official_validation=part == "validation",
        deep=images.deep,
        groups=numbered(listing.groups)[images.numbers] if reading.group == BY_FOLDER else NO_GROUPS,
        flip=True,
        native=images.native,
        kinds=images.kinds,
        files=tuple(listing.files[number] for number in images.numbers.tolist()),
        sources=_sources(root, parts),
        skipped=(*images.skipped, *listing.skipped),
    )


def _sources(root: Path, parts: FolderParts) -> tuple[tuple[str, str], ...]:
    """The name of each part for people, if there is more than the class folders in `root`."""
    named = {
        part: "the rest of the folder" if folder == root else f"{_relative(folder, root)}/"
        for part, folder in parts.named.items()
    }
    return tuple(named.items()) if parts.named != {"train": root} else ()


def list_files(root: Path, parts: FolderParts, *, empty_allowed: bool = False) -> Listing:
    """Find the classes and their files; no file is opened.

    Args:
        empty_allowed: whether the training part may lack classes of the other parts, as they will
            be left out.
    """
    train = parts.named["train"]
    classes = [folder.name for folder in parts.classes]
    if empty_allowed:
        others = {folder.name for part in parts.others for folder in folders_in(part)}
        classes = sorted({*classes, *others})
    if not classes:
        raise InputError(
            f"{shown(str(train))} holds no class folders: images belong in {shown(str(train / '<class>'))}"
            f"{_shards(train)}"
        )
    if len(classes) == 1:
        inner = folders_in(parts.classes[0]) if parts.classes else []
        hint = f"; give {shown(str(parts.classes[0]))} if its folders are the classes" if len(inner) > 1 else ""
        raise InputError(
            f"{shown(str(train))} holds the single class folder {shown(classes[0])!r}: at least two classes are"
            f" needed{hint}"
        )
    listing = Listing(classes=classes, skipped=[*parts.skipped])
    places = {
        unicodedata.normalize("NFC", name): place for place, name in enumerate(classes)
    }  # macOS writes an é in two letters
    places |= {name: place for place, name in enumerate(classes)}
    for part, folder in parts.in_order():
        for inner in parts.classes if part == "train" else folders_in(folder):
            place = places.get(inner.name, places.get(unicodedata.normalize("NFC", inner.name)))
            if place is None:
                known = listed([shown(name) for name in classes], 120)
                raise InputError(
                    f"every class must be in {shown(str(train))}, but {shown(str(inner))} has no folder of its name"
                    f" there (there are: {known}); add its images there, or give --drop-small-classes 1"
                )
            _list_class(listing, root, inner, place, part)
    for folder in dict.fromkeys([root, *parts.named.values()]):
        listing.skipped.extend(
            f"{_relative(path, root)}: {STRAY}" for path in files_in(folder) if is_called_an_image(path.name)
        )
    return listing


def _shards(folder: Path) -> str:
    """What to write where the folder holds tar files; empty if it holds none."""
    tars = any(path.suffix.lower() == ENDING for path in files_in(folder))
    return f"; give {PREFIX}{shown(str(folder))} if its .tar files are WebDataset shards" if tars else ""


def _list_class(listing: Listing, root: Path, folder: Path, place: int, part: str) -> None:
    """Add the files below a class folder to the listing."""
    start = len(listing.files)
    for inner in below(folder):
        files = files_in(inner)
        listing.files.extend(files)
        within = inner.relative_to(folder).parts
        listing.groups.extend([f"{part}/{place}/{within[0]}" if within else None] * len(files))
        listing.skipped.extend(f"{_relative(path, root)}: {NO_FILE}" for path in specials_in(inner))
    count = len(listing.files) - start
    listing.labels.extend([place] * count)
    listing.parts.extend([part] * count)
    listing.folders.append((folder, range(start, start + count)))


def _check_no_class_is_empty(listing: Listing, images: NDArray[np.int64]) -> None:
    """Raise InputError if none of the `images` (numbers of files) lies in some class folder."""
    for folder, numbers in listing.folders:
        if not np.searchsorted(images, numbers.stop) - np.searchsorted(images, numbers.start):
            others = [shown(listing.files[number].name) for number in numbers]
            beside = (
                f", but {len(others)} file{'s' if len(others) > 1 else ''} that {'are' if len(others) > 1 else 'is'}"
                f" none ({listed(others, 80, most=3)})"
                if others
                else ""
            )
            raise InputError(
                f"class folder {shown(str(folder))} holds no image that can be read{beside}; add images, or move it"
                " away"
            )


def _relative(path: Path, root: Path) -> str:
    """A path for people: within the data set, where it lies there."""
    return shown((path.relative_to(root) if path.is_relative_to(root) else path).as_posix())
