"""Interprets the names of folders, splits and arrays: which part of a data set trains, which
validates, which tests.

Case, hyphens and the like do not count, nor do words such as "set" or "images" around the meaning
one: `Train`, `seg_train` and `training-set` are all the training part.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ...blocks.errors import InputError, unknown
from .names import shown
from .reading_options import Reading

USES = {"train": "training", "validation": "validation", "test": "test"}
"""The parts and what they are called in messages."""
WORDS = {
    "train": "training|train|trn|learn",
    "validation": "validation|validate|valid|val|development|dev|evaluation|eval",
    "test": "testing|test|tst|heldout|holdout",
}
AROUND = "(?:dataset|data|sets?|images?|imgs?|pictures?|photos?|samples?|files?|folder|split|part|seg)*"
MEANINGS = {part: re.compile(f"{AROUND}(?:{words}){AROUND}") for part, words in WORDS.items()}


def meaning(name: str) -> str | None:
    """The part that a name means: "train", "validation" or "test"; None if it means none.

    >>> [meaning(name) for name in ("Train", "seg_test", "val-images", "cat", "dataset")]
    ['train', 'test', 'validation', None, None]
    """
    letters = re.sub(r"[\W_]", "", name.lower())
    return next((part for part, pattern in MEANINGS.items() if pattern.fullmatch(letters)), None)


def assigned(names: Iterable[str], *, where: str, asked: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Which of `names` is which part, and which mean a part that `asked` gives to another name.

    Args:
        where: the data set, for messages.
        asked: parts that the options have named; they come first.

    Raises:
        InputError: two names mean the same part.
    """
    found = dict(asked)
    others: list[str] = []
    for name in names:
        part = meaning(name)
        if part is None or name in asked.values():
            continue
        if part in asked:
            others.append(name)
        elif part in found:
            remedy = (
                f"name the right one by --{part}"
                if part != "train"
                else "move one away, or name it by --validation or --test"
            )
            raise InputError(
                f"{where}: one {USES[part]} part is needed, but both {shown(found[part])} and {shown(name)} are called"
                f" so; {remedy}"
            )
        else:
            found[part] = name
    return found, others


def asked_among(reading: Reading, names: Iterable[str], *, where: str, what: str) -> dict[str, str]:
    """The parts that the options name.

    Raises:
        InputError: there is none of that name among `names`, which are of the kind `what`.
    """
    names = list(names)
    for option, part in reading.parts.items():
        if part not in names:
            error = unknown(what, part, [shown(name) for name in names])
            raise InputError(f"{where}: --{option} must name one of its parts, but got an {error}")
    return reading.parts
