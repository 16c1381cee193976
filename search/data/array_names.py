"""Finds by their names the arrays of an archive that hold the images and labels of each part:
`x_train`, `train_images`, `Y_val` ..."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...blocks.errors import InputError
from .names import listed
from .parts import asked_among, assigned, meaning
from .reading_options import Reading
from .skipped import UNUSED

LAYOUTS = (("x", "y"), ("images", "labels"))
"""What images and labels are called, alone or with the name of a part before or behind."""
NAME = re.compile(r"(?:(?P<before>.+)[_-])?(?P<word>x|y|images|labels)(?:[_-](?P<behind>.+))?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The names of the arrays of one part."""

    images: str
    """Name of the array of images."""
    labels: str
    """Name of the array of labels."""


def find_pairs(names: Sequence[str], reading: Reading, where: str) -> tuple[dict[str, Pair], tuple[str, ...]]:
    """The arrays of each part, the training part first, then validation and test; and which images
    are left out.

    Arrays with the name of no part are the training part where no others are.

    Raises:
        InputError: there is no training part, one of two arrays is missing, or two parts mean the
            same.
    """
    by_part = _by_part(names)
    parts = [part for part in by_part if part]
    of_array = {name.lower(): part for part, arrays in by_part.items() for name in arrays.values()}  # x_dev means dev
    options = {option: of_array.get(part.lower(), part.lower()) for option, part in reading.parts.items()}
    asked = asked_among(replace(reading, **options), parts, where=where, what="part")
    found, _ = assigned(parts, where=where, asked=asked)
    if "train" not in found:
        others = [part for part in parts if part not in found.values()]
        if "" in by_part:
            found["train"] = ""
        elif asked and len(others) == 1:
            found["train"] = others[0]
        else:
            raise InputError(
                f"{where} must hold the arrays x_train and y_train, or x and y, or images and labels, but it holds:"
                f" {listed(names, 120) or 'none'}"
            )
    pairs = {
        part: _pair(by_part[found[part]], names, where) for part in ("train", "validation", "test") if part in found
    }
    unused = [arrays["images"] for part, arrays in by_part.items() if part not in found.values() and len(arrays) == 2]
    return pairs, tuple(f"{name}: {UNUSED}, its name means no part" for name in unused)


def _by_part(names: Sequence[str]) -> dict[str, dict[str, str]]:
    """The arrays called as images or labels of each part ("" for those of none), by "images" and
    "labels"."""
    by_part: dict[str, dict[str, str]] = {}
    for layout in LAYOUTS:  # within a part, x and y come before images and labels, and are not mixed with them
        found: dict[str, dict[str, str]] = {}
        for name in names:
            match = NAME.fullmatch(name)
            if match is None or match["word"].lower() not in layout or (match["before"] and match["behind"]):
                continue
            part = (match["before"] or match["behind"] or "").lower()
            if part and layout[0] == "x" and match["before"] and meaning(part) is None:
                continue  # "mean_x" is no part; "x_mean" may be one that an option names
            found.setdefault(part, {}).setdefault("images" if match["word"].lower() == layout[0] else "labels", name)
        for part, arrays in found.items():
            if len(by_part.get(part, {})) < len(arrays):
                by_part[part] = arrays
    return by_part


def _pair(arrays: dict[str, str], names: Sequence[str], where: str) -> Pair:
    """The image and label arrays of a part. If one is missing, the error derives its name from the
    other's."""
    if len(arrays) < 2:
        have, name = next(iter(arrays.items()))
        word = next(
            word
            for layout in LAYOUTS
            for word in layout
            if re.search(rf"(?:^|[_-]){word}(?:[_-]|$)", name, re.IGNORECASE)
        )
        partner = {"x": "y", "y": "x", "images": "labels", "labels": "images"}[word]
        missing = re.sub(rf"(^|[_-]){word}(?=[_-]|$)", rf"\g<1>{partner}", name, count=1, flags=re.IGNORECASE)
        wanted = f"{name} and {missing}" if have == "images" else f"{missing} and {name}"
        raise InputError(
            f"{where} must hold the arrays {wanted}, but {missing} is missing; it holds: {listed(names, 120)}"
        )
    return Pair(images=arrays["images"], labels=arrays["labels"])
