"""Describes in lines for people what was read and how it was split."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...studies.tasks.task import CLASSIFICATION, MULTI_LABEL, REGRESSION, counted
from .answers_shown import answer_of, answers_in_words, class_counts, guess
from .names import LINE, listed, shown
from .sides import sided
from .skipped import summary

if TYPE_CHECKING:
    from .dealing import Split
    from .images import ImageData

FEW_VALIDATE = 100
"""Below this number of validating images a remark gives the uncertainty of an accuracy."""
UNEQUAL = 5
"""From this ratio of the largest to the smallest class a remark speaks of it."""
MANY = 100_000
"""Above this number of images `remarks` does not look for images that look nearly the same, which
would take more than seconds."""
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
    lines = [answers_in_words(data), _parts(data)]
    if len(data.kinds) > 1:
        lines.append(f"kinds of files: {listed([f'{count:,} {kind}' for kind, count in data.kinds], LINE - 20)}")
    if data.dropped:
        dropped = listed([f"{shown(name)} with {_images(count)}" for name, count in data.dropped], LINE - 60)
        lines.append(f"{counted(data.task, len(data.dropped))} left out as too small: {dropped}")
    if data.deep.any():
        lines.append(_grey(data))
    lines.append(data.stored)
    return tuple(line for line in (*lines, summary(data.skipped)) if line)


def remarks(
    data: ImageData, rows: Split, near: NDArray[np.int64] | None = None, *, if_unequal: str = "", mirrored: bool = False
) -> list[str]:
    """Lines about a split for people: its parts, unequal classes, copies of images and images that
    look nearly the same, and the uncertainty if few images validate.

    Args:
        data: the images.
        rows: their split.
        near: what `near_copies` has found; None looks for them, unless there are more than `MANY`
            images.
        if_unequal: what is added where classes are unequal, such as the options that help.
        mirrored: whether images are mirrored at random in training without having been asked for.
    """
    parts = {"train": rows.train, "validation": rows.validation, "test": rows.test}
    lines = [f"split: {'; '.join(f'{part} {_shown_part(data, part_rows)}' for part, part_rows in parts.items())}"]
    lines += _missing_classes(data, rows)
    lines += _unequal(data, rows, if_unequal) if data.task == CLASSIFICATION else guess(data, rows)
    lines += sided(data.classes) if mirrored and data.files else []
    lines += _grouped(data, rows)
    if rows.duplicates:
        lines += _copies(data, rows)
    if near is None and len(data.labels) <= MANY:
        from .near_copies import near_copies

        near = near_copies(data, rows)
    if near is not None and len(near):
        lines.append(_near(data, near))
    if len(rows.validation) < FEW_VALIDATE:
        points = min(50, round(98 / math.sqrt(max(1, len(rows.validation)))))  # 1.96 standard deviations at p = 0.5
        count = _images(len(rows.validation))
        verb = "validates" if len(rows.validation) == 1 else "validate"
        known = f"an accuracy is known to ± {points} points (95 %)" if data.task == CLASSIFICATION else "chance weighs"
        lines.append(f"only {count} {verb}: {known}, so networks cannot be told apart")
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
    if data.task == REGRESSION:
        return _images(len(rows))
    return f"{_images(len(rows))} of {counted(data.task, int((class_counts(data, rows) > 0).sum()))}"


def _missing_classes(data: ImageData, rows: Split) -> list[str]:
    """Which classes a part does not show: official validation and test parts need not show all."""
    lines = []
    for verb, part in (("validates", rows.validation), ("tests", rows.test)):
        counts = class_counts(data, part)
        missing = [shown(data.classes[number]) for number in np.flatnonzero(counts == 0)]
        if missing:
            lines.append(f"no image {verb} {counted(data.task, len(missing))}: {listed(missing, LINE - 40)}")
    return lines


def _unequal(data: ImageData, rows: Split, hint: str = "") -> list[str]:
    """How unequal the classes are, and the accuracy that a guess of the largest would have."""
    counts = np.bincount(data.labels[rows.train], minlength=len(data.classes))
    most, least = int(counts.argmax()), int(counts.argmin())
    if counts[most] < UNEQUAL * max(1, counts[least]):
        return []
    names = [listed([shown(data.classes[number])], 24) for number in (most, least)]
    return [
        f"unequal classes: {counts[most]:,} images of {names[0]} train and {counts[least]:,} of {names[1]}; guessing"
        f" {names[0]} is {counts[most] / counts.sum():.0%} accurate, so judge by balanced accuracy, the mean over the"
        f" classes{hint}"
    ]


def _grouped(data: ImageData, rows: Split) -> list[str]:
    """How many groups of images there are, and how many images are in no part for their sake."""
    if not len(data.groups):
        return []
    unused = (
        f"; {_images(rows.unused)} of groups of the official parts {'is' if rows.unused == 1 else 'are'} in no part"
        if rows.unused
        else ""
    )
    return [f"{len(np.unique(data.groups)):,} groups of images, each on one side of the split{unused}"]


def _near(data: ImageData, pairs: NDArray[np.int64]) -> str:
    """How many images look nearly like one of another part, and the first two."""
    names = " and ".join(called(data, row) for row in pairs[0].tolist())
    many = len(pairs) != 1
    hint = "" if len(data.groups) else "; --group keeps images of one object together"
    return (
        f"{_images(len(pairs))} that validate{'' if many else 's'} or test{'' if many else 's'}"
        f" look{'' if many else 's'} nearly like one of another part, as {names}{hint}"
    )


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
        if rows.unused and not len(data.groups)
        else ""
    )
    lines = [f"{same}: copies are kept on one side of the split{unused}"]
    first = data.first
    if rows.conflicting:
        row = int(np.flatnonzero(data.differ(np.arange(len(first)), first))[0])
        names = [f"{called(data, each)} ({listed([answer_of(data, each)], 24)})" for each in (int(first[row]), row)]
        verb = "has" if rows.conflicting == 1 else "have"
        what = {CLASSIFICATION: "another class", MULTI_LABEL: "other labels", REGRESSION: "other numbers"}[data.task]
        lines.append(
            f"{rows.conflicting:,} of the copies {verb} {what} than the first of their kind, as {' and '.join(names)}"
        )
    both = int(np.isin(first[rows.validation], first[rows.test]).sum())
    if both:
        lines.append(f"{both:,} of the images that validate are also in the official test part")
    return lines


def called(data: ImageData, row: int) -> str:
    """A row in a few words: the end of its file's path, or its number."""
    name = "/".join(data.files[row].parts[-2:]) if data.files else f"row {row}"
    return listed([shown(name)], 30)


def _images(count: int) -> str:
    return f"{count:,} image" + ("" if count == 1 else "s")
