"""What was left out of a data set, in one line: `ImageData.skipped` itself names every file."""

from __future__ import annotations

from collections.abc import Sequence

from .names import LINE, listed

NO_IMAGE = "no image"
"""Reason for a file that is none: a list of labels, a thumbnail cache."""
NO_FILE = "no file to be read"
"""Reason for a pipe, a socket or a device, which are never opened."""
STRAY = "lies in no class folder"
"""Reason for an image beside the class folders."""
UNUSED = "left out"
"""How the reason for a folder, a split or arrays begins that belong to no part."""
SORTS = ((UNUSED, "unused"), (STRAY, "in no class folder"), (NO_FILE, "no files"), (NO_IMAGE, "files that are no images"))


def summary(skipped: Sequence[str]) -> str:
    """How many files were left out for which reason, and the first of each; empty if there is none.

    >>> summary(["a/x.png: truncated", "labels.txt: no image", "a/Thumbs.db: no image"])
    'skipped: 2 files that are no images (labels.txt, a/Thumbs.db), 1 unreadable (a/x.png: truncated)'
    """
    sorts: dict[str, list[str]] = {}
    for line in skipped:
        name, _, reason = line.rpartition(": ")
        sort = next((sort for start, sort in SORTS if reason.startswith(start)), "unreadable")
        sorts.setdefault(sort, []).append(line if sort == "unreadable" else name)
    order = [*(sort for _, sort in SORTS), "unreadable"]
    room = (LINE - 10) // max(1, len(sorts)) - 34
    parts = [f"{len(sorts[sort]):,} {_worded(sort, len(sorts[sort]))} ({listed(sorts[sort], room, most=3)})" for sort in order if sort in sorts]
    return f"skipped: {', '.join(parts)}" if parts else ""


def _worded(sort: str, count: int) -> str:
    return "file that is no image" if count == 1 and sort == "files that are no images" else sort
