"""Draws the bars of a histogram in text."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▏▎▍▌▋▊▉█"


def bars(counts: Sequence[int], *, width: int = 40) -> list[str]:
    """One bar for each count; the longest is `width` characters long."""
    return [_bar(count / max(counts) * width) for count in counts]


def _bar(length: float) -> str:
    eighths = round(length * 8)
    return BARS[-1] * (eighths // 8) + (BARS[eighths % 8 - 1] if eighths % 8 else "")
