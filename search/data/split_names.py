"""Finds by their names the splits of a table or of a set of the hub: which trains, which validates,
which tests."""

from __future__ import annotations

from collections.abc import Sequence

from ...blocks.errors import InputError
from .names import listed, shown
from .parts import asked_among, assigned
from .reading_options import Reading


def parts_by_split(splits: Sequence[str], reading: Reading, where: str) -> dict[str, str]:
    """The split of each part, the training part first, then validation and test.

    Raises:
        InputError: an option names no split, two splits mean the same part, or none trains.
    """
    asked = asked_among(reading, splits, where=where, what="split")
    found, _ = assigned(splits, where=where, asked=asked)
    others = [split for split in splits if split not in found.values()]
    if "train" not in found and asked and len(others) == 1:
        found["train"] = others[0]
    if "train" not in found:
        names = listed([shown(split) for split in splits], 120)
        raise InputError(f"{where} must have a split 'train', but it has: {names}")
    return {part: found[part] for part in ("train", "validation", "test") if part in found}
