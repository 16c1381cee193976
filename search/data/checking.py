"""Checks a data set before a search: its classes, sizes and kinds of files, what is broken, what is
there twice, how it will be read and split, and whether a search would take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError
from .answers_shown import class_counts, quantiles
from .contact_sheet import check_sheet, write_sheet
from .data_summary import called, described, remarks
from .dealing import Split, split
from .file_facts import QUANTILES, FileFacts, file_facts
from .images import ImageData
from .load import load
from .names import shown
from .near_copies import near_copies
from .reading_options import Reading, columns_of
from .skipped import broken
from .source import find_source

PARTS = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """What was found out about a data set."""

    name: str
    """The data set as it was given."""
    kind: str
    """The data source that reads it: folder, npz, named, …"""
    task: str
    """What is predicted: "classification", "multi-label" or "regression"."""
    targets: Mapping[str, Mapping[str, float]]
    """Target -> quantiles, mean and standard deviation, for numbers; else empty."""
    images: int
    """Number of images in all parts."""
    classes: Mapping[str, Mapping[str, int]]
    """Class, label or target -> part (train, validation, test) -> number of images; the parts are
    those of a search with this seed, or the official ones alone where a search would refuse the
    data."""
    size: int
    """Side of the squares in pixels at which the images are stored for a search."""
    channels: int
    """Channels that a network gets: 1 for grey, 3 for red, green, blue."""
    sizes: Mapping[str, list[int]] | None
    """width, height, shorter: pixels at the quantiles 0, 0.05, 0.25, 0.5, 0.75, 0.95 and 1, for
    data in files; else None."""
    kinds: Mapping[str, int]
    """Kind of file -> number of images."""
    special: Mapping[str, int]
    """What is special about files and how it is treated -> number of files."""
    skipped: tuple[str, ...]
    """Files that are left out, each with the reason; those that are broken are among them."""
    broken: tuple[str, ...]
    """Images that cannot be read, each with the reason."""
    copies: int
    """Images that are equal to an earlier one, pixel by pixel."""
    conflicting: int
    """Copies whose class is another than that of the first of their kind."""
    near: tuple[tuple[str, str], ...]
    """Images that validate or test, each with one of another part that looks nearly the same."""
    refused: str | None
    """Why a search would refuse the data; None if it would take them."""
    lines: tuple[str, ...]
    """All of this in lines for people, without the table of classes and the list of broken
    images."""
    sheet: Path | None = None
    """The contact sheet that was written."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON with stable keys."""
        return {
            "data": shown(self.name),
            "kind": self.kind,
            "task": self.task,
            "images": self.images,
            **({"targets": {name: dict(each) for name, each in self.targets.items()}} if self.targets else {}),
            "classes": {name: dict(parts) for name, parts in self.classes.items()},
            "size": self.size,
            "channels": self.channels,
            "sizes": None if self.sizes is None else {"quantiles": list(QUANTILES), **self.sizes},
            "kinds": dict(self.kinds),
            "special": dict(self.special),
            "skipped": list(self.skipped),
            "broken": list(self.broken),
            "copies": self.copies,
            "conflicting": self.conflicting,
            "near": [list(pair) for pair in self.near],
            "refused": self.refused,
            "lines": list(self.lines),
            "sheet": None if self.sheet is None else shown(str(self.sheet)),
        }


def check_data(
    data: str,
    *,
    sheet: str | Path | None = None,
    validation: str | None = None,
    test: str | None = None,
    drop_small_classes: int = 0,
    image_column: str | None = None,
    label_column: str | None = None,
    group: str | None = None,
    fit: str = "crop",
    task: str | None = None,
    targets: Sequence[str] = (),
    data_dir: str | None = None,
    download: bool = False,
    cache: str | None = None,
    seed: int = 0,
) -> DataCheck:
    """Check a data set as a search with the same options would read and split it.

    Data that a search would refuse are described as far as they can be read; `refused` says why.

    Args:
        data: what `--data` of a search takes.
        sheet: where to write a contact sheet, a PNG file; None writes none.
        validation: the part that validates, as for a search.
        test: the part that tests, as for a search.
        drop_small_classes: classes with fewer images are left out.
        image_column: the column of paths in a table of paths and labels.
        label_column: the column of labels in it.
        group: what keeps images together, as for a search.
        fit: how a picture becomes square, as for a search.
        task: what is predicted, as for a search.
        targets: the columns of numbers to be predicted, as for a search.
        data_dir: the folder of downloaded data sets.
        download: whether to download a known set that is missing.
        cache: where large sets are kept decoded, as for a search, which then finds them there.
        seed: the seed of the split.

    Raises:
        InputError: there is no such data set, nothing of it can be read, or the sheet cannot be
            written there.
        AutomlError: a download failed, or the machine refuses a file.
    """
    kind = find_source(data).name
    path = None if sheet is None else Path(sheet).expanduser()
    if path is not None:
        check_sheet(path)
    reading = Reading(
        validation=validation,
        test=test,
        drop_small_classes=drop_small_classes,
        image_column=image_column,
        label_column=label_column,
        group=group,
        fit=fit,
        task=task,
        targets=columns_of(targets),
    )
    folder, refused = data_dir, None
    try:
        loaded = load(data, data_dir=folder, download=download, reading=reading, cache=cache)
    except InputError as error:
        refused = error
        loaded = load(data, data_dir=folder, reading=replace(reading, tolerant=True), cache="none")
    rows = None
    try:
        rows = split(loaded, seed=seed)
    except InputError as error:
        refused = refused or error
    loaded = loaded.levelled(None if rows is None else rows.train)
    facts = file_facts(loaded.files) if loaded.files else None
    near = np.zeros((0, 2), np.int64) if rows is None else near_copies(loaded, rows)
    if path is not None:
        write_sheet(loaded, path)
    copied = loaded.first != np.arange(len(loaded.labels))
    said = [] if rows is None else remarks(loaded, rows, near, mirrored=loaded.flip)
    return DataCheck(
        name=data,
        kind=kind,
        task=loaded.task,
        targets=quantiles(loaded),
        images=sum(map(len, _parts(loaded, rows))),
        classes=_classes(loaded, rows),
        size=loaded.size,
        channels=loaded.channels,
        sizes=None if facts is None or not len(facts.sides) else facts.quantiles(),
        kinds=dict(loaded.kinds),
        special={} if facts is None else dict(facts.special),
        skipped=loaded.skipped,
        broken=broken(loaded.skipped),
        copies=int(copied.sum()),
        conflicting=int(loaded.differ(np.arange(len(copied)), loaded.first)[copied].sum()),
        near=tuple((called(loaded, one), called(loaded, other)) for one, other in near.tolist()),
        refused=None if refused is None else str(refused),
        lines=(*described(loaded), *_read_so(loaded, facts), *said),
        sheet=path,
    )


def _classes(data: ImageData, rows: Split | None) -> dict[str, dict[str, int]]:
    """Images of each class, label or target in each part."""
    counts = [class_counts(data, part).tolist() for part in _parts(data, rows)]
    return {
        shown(name): dict(zip(PARTS, each, strict=True))
        for name, each in zip(data.classes, zip(*counts, strict=True), strict=True)
    }


def _parts(data: ImageData, rows: Split | None) -> list[NDArray[np.int64]]:
    """The rows of each part; without a split those of the official parts."""
    if rows is not None:
        return [rows.train, rows.validation, rows.test]
    official = (data.official_validation, data.official_test)
    return [np.flatnonzero(flags).astype(np.int64) for flags in (~(official[0] | official[1]), *official)]


def _read_so(data: ImageData, facts: FileFacts | None) -> list[str]:
    """The sizes of the pictures, and what is done to them."""
    from ...studies.tasks.preprocessing import Preprocessing

    colours = {1: "grey", 3: "RGB"}.get(data.channels, f"{data.channels} channels")
    steps = Preprocessing.to(data.size, data.size, channels=data.channels, levels=data.levels, fit=data.fit)
    lines = []
    if facts is None or not len(facts.sides):
        lines.append(f"sizes: the images hold squares of {data.native} pixels")
    else:
        low, _, _, middle, _, _, high = facts.quantiles()["shorter"]
        (least_w, least_h), (most_w, most_h) = facts.sides.min(axis=0), facts.sides.max(axis=0)
        lines.append(
            f"sizes: widths of {least_w} to {most_w} and heights of {least_h} to {most_h} pixels; the shorter side is"
            f" {low} to {high}, the median {middle}"
        )
    lines.append(f"read so: {colours}, {steps}{_lost(data, facts)}")
    if facts is not None:
        lines += [f"{count:,} file{'' if count == 1 else 's'} {what}" for what, count in facts.special]
    return lines


def _lost(data: ImageData, facts: FileFacts | None) -> str:
    """How much of the pictures the square leaves out, and how many are made larger."""
    if facts is None or not len(facts.sides):
        return ""
    kept = np.quantile(facts.shorter / facts.sides.max(axis=1), (0.5, 0.0), method="nearest")
    small = int((facts.shorter < data.size).sum())
    cropped = data.fit == "crop" and kept[1] < 1
    crop = f"; the square holds {kept[0]:.0%} of the median picture, {kept[1]:.0%} of the longest" if cropped else ""
    return crop + (f"; {small:,} are smaller and are made larger" if small else "")
