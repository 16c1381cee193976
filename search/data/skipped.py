"""Summarises in one line which files of a data set were left out; `ImageData.skipped` names every
one."""

from __future__ import annotations

from collections.abc import Sequence

from .names import LINE, listed

NO_IMAGE = "no image"
"""Reason for a file that is no image, such as a list of labels or a thumbnail cache."""
NO_FILE = "no file to be read"
"""Reason for a pipe, a socket or a device, which are never opened."""
STRAY = "lies in no class folder"
"""Reason for an image beside the class folders."""
UNUSED = "left out"
"""Start of the reason for a folder, a split or arrays that belong to no part."""
BROKEN = "unreadable"
"""The sort of all other files: images that cannot be read."""
SORTS = (
    (UNUSED, "unused"),
    (STRAY, "in no class folder"),
    (NO_FILE, "pipes or devices"),
    (NO_IMAGE, "files that are no images"),
)


def broken(skipped: Sequence[str]) -> tuple[str, ...]:
    """The lines of images that cannot be read, each with its reason."""
    return tuple(line for line in skipped if _sort(line.rpartition(": ")[2]) == BROKEN)


def summary(skipped: Sequence[str]) -> str:
    """How many files were left out for which reason, and the first of each; empty if there is none.

    >>> summary(["a/x.png: truncated", "labels.txt: no image", "a/Thumbs.db: no image"])
    'skipped: 2 files that are no images (labels.txt, a/Thumbs.db), 1 unreadable (a/x.png:
    truncated)'
    """
    sorts: dict[str, list[str]] = {}
    for line in skipped:
        name, _, reason = line.rpartition(": ")
        sort = _sort(reason)
        sorts.setdefault(sort, []).append(line if sort == BROKEN else name)
    present = {sort: sorts[sort] for sort in (*(sort for _, sort in SORTS), BROKEN) if sort in sorts}
    for most, of_unreadable in (
        (3, 3),
        (2, 2),
        (1, 1),
        (0, 2),
        (0, 1),
    ):  # the unreadable ones are what somebody may have to mend
        parts = [_counted(sort, names, of_unreadable if sort == BROKEN else most) for sort, names in present.items()]
        if len(line := f"skipped: {', '.join(parts)}") <= LINE:
            return line if present else ""
    return f"skipped: {', '.join(_counted(sort, names, 0) for sort, names in present.items())}"


def _sort(reason: str) -> str:
    """The sort of a reason, in the words of the summary."""
    return next((sort for start, sort in SORTS if reason.startswith(start)), BROKEN)


def _counted(sort: str, names: Sequence[str], most: int) -> str:
    """How many there are, with the first `most` of them."""
    sort = "file that is no image" if len(names) == 1 and sort == "files that are no images" else sort
    return f"{len(names):,} {sort}" + (f" ({listed(names, LINE, most=most)})" if most else "")
