"""Finds the WebDataset shards that a text names, and which of them train, validate and test.

A text is a folder, a file, or a pattern: `{000..010}` and `{train,val}` in braces, `*` and `?`.
"""

from __future__ import annotations

import glob
import itertools
import math
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...blocks.errors import InputError
from ...blocks.regular_file import require_regular
from .file_listing import below, files_in
from .names import check_is_text, shown
from .parts import meaning

PREFIX = "wds:"
ENDING = ".tar"
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
MOST = 100_000
"""Files that a pattern may name."""
BRACES = re.compile(r"\{([^{}]*)\}")
RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")


def absolute(text: str) -> str:
    """The text with an absolute path, so that it names the same shards in every folder.

    Raises:
        InputError: it has no path, or UTF-8 cannot write it.
    """
    if text == PREFIX:
        raise InputError(f"{PREFIX} must be followed by a folder or by names of .tar files, as in {PREFIX}shards/")
    path = os.path.expanduser(text.removeprefix(PREFIX))
    found = os.path.realpath(path) if os.path.exists(path) else os.path.abspath(path)
    check_is_text(found, "--data")
    return PREFIX + found


def find_shards(text: str) -> tuple[Path, list[Path]]:
    """The folder that holds all shards, directly or below, and the shards in order.

    Args:
        text: as `absolute` gives it.

    Raises:
        InputError: there are none, one is missing, or one is no plain .tar file.
    """
    name, pattern = shown(text), text.removeprefix(PREFIX)
    if os.path.isdir(pattern):
        root = Path(pattern)
        files = [path for folder in below(root) for path in files_in(folder)]
        found = [path for path in files if path.name.lower().endswith((ENDING, *COMPRESSED))]
        if not found:
            raise InputError(f"{name} must be a folder with WebDataset shards, but it holds no .tar file")
    else:
        found = list(dict.fromkeys(path for each in expanded(pattern, name) for path in _matching(each)))
        if not found:
            raise InputError(f"{name} must name WebDataset shards, but nothing has that path")
        root = Path(os.path.commonpath([path.parent for path in found]))
    for path in found:
        _check(path, name)
    return root, found


def expanded(pattern: str, name: str) -> list[str]:
    """All texts that a pattern with braces stands for, as a shell reads it.

    >>> expanded("{train,val}-{08..10}.tar", "")[:4]
    ['train-08.tar', 'train-09.tar', 'train-10.tar', 'val-08.tar']

    Raises:
        InputError: they are more than `MOST`.
    """
    pieces = BRACES.split(pattern)  # text, content of braces, text, …
    choices = [_choices(piece, name) if place % 2 else [piece] for place, piece in enumerate(pieces)]
    count = math.prod(map(len, choices))
    if count > MOST:
        raise _too_many(name, count)
    return ["".join(each) for each in itertools.product(*choices)]


def _choices(content: str, name: str) -> list[str]:
    """What braces with this content stand for."""
    ends = RANGE.fullmatch(content)
    if ends is None:
        return content.split(",") if "," in content else [f"{{{content}}}"]
    first, last = int(ends[1]), int(ends[2])
    if abs(last - first) >= MOST:
        raise _too_many(name, abs(last - first) + 1)
    digits = max(map(len, ends.groups())) if any(len(end) > 1 and end[0] == "0" for end in ends.groups()) else 0
    step = 1 if first <= last else -1
    return [f"{number:0{digits}}" for number in range(first, last + step, step)]


def _too_many(name: str, count: int) -> InputError:
    return InputError(f"{name} must name at most {MOST:,} shards, but its braces stand for {count:,}")


def _matching(path: str) -> Iterator[Path]:
    """The file of that path, or those that it matches; a path that is missing, to be reported."""
    if os.path.lexists(path) or not glob.has_magic(path):
        yield Path(path)
    else:
        yield from map(Path, sorted(glob.glob(path)))


def _check(path: Path, name: str) -> None:
    """InputError unless a shard is a file whose name ends in .tar."""
    lower = path.name.lower()
    if not os.path.lexists(path):
        raise InputError(f"{name} must name WebDataset shards, but {shown(str(path))} is not there")
    if lower.endswith(COMPRESSED):
        raise InputError(f"{name}: shards must be plain .tar files, but {shown(path.name)} is compressed; unpack it")
    if not lower.endswith(ENDING):
        raise InputError(f"{name}: shards must be .tar files, but got {shown(path.name)}")
    try:
        require_regular(path)
    except OSError as error:
        raise InputError(f"{name}: {shown(str(path))} cannot be read: {error.strerror or error}") from None


def split_names(root: Path, shards: Sequence[Path]) -> list[str]:
    """The split of each shard: a word of its name, or of its folder's within `root`, that means a
    part, such as `train` in `pets-train-0001.tar`; else its name without numbers. Where no shard
    means the training part, those that mean none train."""
    names = [_split(path, root) for path in shards]
    if any(meaning(name) == "train" for name in names):
        return names
    return [name if meaning(name) else "train" for name in names]


def _split(path: Path, root: Path) -> str:
    for text in reversed(path.relative_to(root).with_suffix("").parts):
        word = next(filter(meaning, re.split(r"[\W\d_]+", text)), None)
        if word is not None:
            return word.lower()
    return re.sub(r"[\W\d_]+$", "", path.stem) or path.stem
