"""Describes in lines for people what was read and how it was split."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .names import LINE, listed, shown
from .skipped import summary

if TYPE_CHECKING:
    from .dealing import Split
    from .images import ImageData

FEW = 100
"""Below this number of validating images a remark gives the uncertainty of an accuracy."""
USES = {
    (): {"train": "trains, validates and tests"},
    ("test",): {"train": "trains and validates", "test": "tests"},
    ("validation",): {"train": "trains and tests", "validation": "validates"},
    ("validation", "test"): {"train": "trains", "validation": "validates", "test": "tests"},
}
"""What each part of a data set is used for, by the official parts that it has."""


def described(data: ImageData) -> tuple[str, ...]:
    """Lines for people: classes, parts, kinds of files, and what was left out.

    Each has at most about 160 characters.
    """
    lines = [
        f"{len(data.classes):,} classes: {listed([shown(name) for name in data.classes], LINE - 20)}",
        _parts(data),
    ]
    if len(data.kinds) > 1:
        lines.append(f"kinds of files: {listed([f'{count:,} {kind}' for kind, count in data.kinds], LINE - 20)}")
    if data.dropped:
        dropped = listed([f"{shown(name)} with {_images(count)}" for name, count in data.dropped], LINE - 60)
        lines.append(f"{_classes(len(data.dropped))} left out as too small: {dropped}")
    if data.deep.any():
        lines.append(_grey(data))
    lines.append(data.stored)
    return tuple(line for line in (*lines, summary(data.skipped)) if line)


def remarks(data: ImageData, rows: Split) -> list[str]:
    """Lines about a split for people: its parts, copies of images, and the uncertainty if few
    images validate."""
    parts = {"train": rows.train, "validation": rows.validation, "test": rows.test}
    lines = [f"split: {'; '.join(f'{part} {_shown_part(data, part_rows)}' for part, part_rows in parts.items())}"]
    lines += _missing_classes(data, rows)
    if rows.duplicates:
        lines += _copies(data, rows)
    if len(rows.validation) < FEW:
        points = min(50, round(98 / math.sqrt(max(1, len(rows.validation)))))  # 1.96 standard deviations at p = 0.5
        count = _images(len(rows.validation))
        verb = "validates" if len(rows.validation) == 1 else "validate"
        lines.append(
            f"only {count} {verb}: an accuracy is known to ± {points} points (95 %), so networks cannot be told apart"
        )
    return lines


def _parts(data: ImageData) -> str:
    """What each folder, split or array is used for, and how many images it has."""
    flags = {"validation": data.official_validation, "test": data.official_test}
    official = tuple(part for part, rows in flags.items() if rows.any())
    counts = {
        "train": int((~(data.official_test | data.official_validation)).sum()),
        **{part: int(flags[part].sum()) for part in official},
    }
    sources = dict(data.sources)
    if not official:
        where = f" in {listed([sources['train']], 80)}" if "train" in sources else ""
        return f"{_images(counts['train'])}{where}; validation and test images are drawn from them"
    names = {part: listed([sources.get(part, f"the {part} part")], 40) for part in counts}
    return "; ".join(f"{names[part]} {USES[official][part]} ({_images(count)})" for part, count in counts.items())


def _grey(data: ImageData) -> str:
    """The range of grey of more than 8 bits."""
    depths = {kind.partition(" (")[2].removesuffix(")") for kind, _ in data.kinds} - {""}
    what = depths.pop() if len(depths) == 1 else "grey of more than 8 bits"
    count = "" if data.deep.all() else f" ({_images(int(data.deep.sum()))})"
    if data.levels is None:
        return f"{what}{count}: the range of the training images decides what is black and white"
    return f"{what}{count}: {data.levels[0]:g} is black, {data.levels[1]:g} white, from the training images"


def _shown_part(data: ImageData, rows: NDArray[np.int64]) -> str:
    return f"{_images(len(rows))} of {_classes(len(np.unique(data.labels[rows])))}"


def _missing_classes(data: ImageData, rows: Split) -> list[str]:
    """Which classes a part does not show: an official validation part need not show all."""
    shown_classes = np.bincount(data.labels[rows.validation], minlength=len(data.classes))
    missing = [shown(data.classes[number]) for number in np.flatnonzero(shown_classes == 0)]
    return [f"no image validates {_classes(len(missing))}: {listed(missing, LINE - 40)}"] if missing else []


def _copies(data: ImageData, rows: Split) -> list[str]:
    """How many images are the same, on which side of the split they are, and the first two of
    different classes."""
    same = (
        "1 image is an exact copy of another"
        if rows.duplicates == 1
        else f"{rows.duplicates:,} images are exact copies of others"
    )
    unused = (
        f"; {rows.unused:,} of them, copies of official validation or test images, are in no part"
        if rows.unused
        else ""
    )
    lines = [f"{same}: copies are kept on one side of the split{unused}"]
    first = data.first
    if rows.conflicting:
        row = int(np.flatnonzero((first != np.arange(len(first))) & (data.labels[first] != data.labels))[0])
        names = [
            f"{_called(data, each)} ({listed([shown(data.classes[data.labels[each]])], 24)})"
            for each in (int(first[row]), row)
        ]
        verb = "has" if rows.conflicting == 1 else "have"
        lines.append(
            f"{rows.conflicting:,} of the copies {verb} another class than the first of their kind, as"
            f" {' and '.join(names)}"
        )
    both = int(np.isin(first[rows.validation], first[rows.test]).sum())
    if both:
        lines.append(f"{both:,} of the images that validate are also in the official test part")
    return lines


def _called(data: ImageData, row: int) -> str:
    name = "/".join(data.files[row].parts[-2:]) if data.files else f"row {row}"
    return listed([shown(name)], 30)


def _images(count: int) -> str:
    return f"{count:,} image" + ("" if count == 1 else "s")


def _classes(count: int) -> str:
    return f"{count:,} class" + ("" if count == 1 else "es")
