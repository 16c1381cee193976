"""The files of one decoded data set in the cache, written and read again as `ImageData`.

An entry is a folder of `images.npy`, the pixels; `rows.npz`, labels and flags; and `about.json`,
everything else. The time of `about.json` is when the entry was last used.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, overload

import numpy as np

from ...studies.tasks.task import CLASSIFICATION, task_of
from .images import ImageData
from .mapped import mapped

IMAGES, ROWS, ABOUT = "images.npy", "rows.npz", "about.json"
BY_ROW = ("labels", "official_test", "official_validation", "first")
FURTHER = ("groups", "targets")
"""Arrays by row that not every data set has."""
PAIRS = ("kinds", "sources", "dropped")
FORMAT = 1
"""Raised when entries are written otherwise; it is a part of their keys."""


class Paths(Sequence[Path]):
    """Paths below a folder, made when they are asked for: a million of them would take a second."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self._root, self._names = root, names

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Path, ...]: ...

    def __getitem__(self, index: int | slice) -> Path | tuple[Path, ...]:
        if isinstance(index, slice):
            return tuple(self._root / name for name in self._names[index])
        return self._root / self._names[index]


def write_entry(folder: Path, data: ImageData, root: Path) -> None:
    """Write all but the images, which are there; files below `root` are kept by their names within
    it.

    Raises:
        OSError: the disk refuses.
    """
    with open(folder / ROWS, "wb") as file:
        names = (*BY_ROW, *(name for name in FURTHER if len(getattr(data, name))))
        np.savez(file, **{name: getattr(data, name) for name in names})
    about = {
        "data": data.name,
        "shape": data.images.shape,
        "fingerprint": data.fingerprint,
        "classes": data.classes,
        "flip": data.flip,
        **({} if data.task == CLASSIFICATION else {"task": data.task}),
        "native": data.native,
        "skipped": data.skipped,
        **{name: getattr(data, name) for name in PAIRS},
        "files": [str(path.relative_to(root) if path.is_relative_to(root) else path) for path in data.files],
    }
    (folder / ABOUT).write_text(json.dumps(about), encoding="ascii")  # which takes names that are not UTF-8


def read_about(folder: Path) -> dict[str, Any]:
    """What is known of the images of an entry.

    Raises:
        OSError: there is no such entry.
        ValueError: it is damaged.
    """
    about = json.loads((folder / ABOUT).read_text(encoding="ascii"))
    if not isinstance(about, dict) or len(about.get("shape", ())) != 4:
        raise ValueError(f"{folder / ABOUT} must describe images")
    return about


def read_entry(folder: Path, *, name: str, root: Path) -> ImageData:
    """The data set of an entry, its images memory-mapped; `name` is the value of `--data`, and
    `root` the folder that its files are in now.

    Raises:
        OSError: there is no such entry.
        ValueError, KeyError: it is damaged.
    """
    images = mapped(folder / IMAGES)  # first: from here on nobody removes it
    about = read_about(folder)
    if tuple(about["shape"]) != images.shape:
        raise ValueError(f"{folder} must hold images of the shape {tuple(about['shape'])}, but holds {images.shape}")
    with open(folder / ROWS, "rb") as file, np.load(file, allow_pickle=False) as rows:
        by_row = {each: rows[each] for each in (*BY_ROW, *(name for name in FURTHER if name in rows))}
    first = by_row.pop("first")
    if first.shape != images.shape[:1]:
        raise ValueError(f"{folder / ROWS} must hold one number for each image")
    pairs: dict[str, Any] = {each: tuple((str(key), value) for key, value in about[each]) for each in PAIRS}
    data = ImageData(
        name=name,
        images=images,
        classes=tuple(about["classes"]),
        flip=about["flip"],
        task=task_of(about),
        native=about["native"],
        skipped=tuple(about["skipped"]),
        files=Paths(root, about["files"]) if about["files"] else (),
        stored=f"images are read from {folder} ({images.nbytes / 1e9:.2g} GB)",
        **by_row,
        **pairs,
    )
    data.__dict__.update(first=first, fingerprint=str(about["fingerprint"]))
    with suppress(OSError):  # a cache that may only be read
        os.utime(folder / ABOUT)
    return data


def used(folder: Path) -> float:
    """When an entry was last used, in seconds since 1970."""
    return (folder / ABOUT).stat().st_mtime
