"""Recognises names of classes that mirroring may exchange: left and right, arrows, letters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .names import listed, shown

SIDED = frozenset(
    (
        *("left", "lefthand", "leftward", "leftwards", "right", "righthand", "rightward", "rightwards"),
        *("clockwise", "counterclockwise", "anticlockwise", "arrow", "arrows", "digit", "digits"),
    )
)
"""Words for what a mirror exchanges or makes unreadable."""
MANY = 8
"""From this number of classes with names of one letter or digit, they are taken for signs."""
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")


def sided(classes: Sequence[str]) -> list[str]:
    """A line about classes that mirroring may exchange, and how to switch it off; none if no name
    says so.

    >>> sided(["turn_left", "Right-hand", "stop"])[0].partition("(")[2]
    'turn_left, Right-hand): --no-flip trains without'
    >>> sided(["cat", "bright", "Leftover"]), sided(["0", "1", "2"])
    ([], [])
    """
    found = [name for name in classes if SIDED & {word.lower() for word in WORD.findall(name)}]
    if not found and len(classes) >= MANY and all(len(name) == 1 and name.isalnum() for name in classes):
        found = list(classes)
    if not found:
        return []
    names = listed([shown(name) for name in found], 50, most=3)
    return [f"images are mirrored in training, which may make them another class ({names}): --no-flip trains without"]
