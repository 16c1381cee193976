"""Draws a histogram in text."""

from __future__ import annotations

from collections.abc import Sequence

BARS = "▏▎▍▌▋▊▉█"


def histogram(values: Sequence[int], *, bins: int = 12, width: int = 40) -> list[tuple[float, float, int, str]]:
    """Bins of equal width on a logarithmic scale: (lower edge, upper edge, count, bar).

    Bars are at most `width` characters long.
    """
    import numpy as np

    low, high = max(1, min(values)), max(1, *values)
    if low == high:
        return [(low, high, len(values), BARS[-1] * width)]
    counts, edges = np.histogram(np.log(np.maximum(values, 1)), bins=bins, range=(np.log(low), np.log(high)))
    edges = np.exp(edges)
    return [
        (float(a), float(b), int(n), _bar(n / counts.max() * width))
        for a, b, n in zip(edges, edges[1:], counts, strict=False)
    ]


def _bar(length: float) -> str:
    eighths = round(length * 8)
    return BARS[-1] * (eighths // 8) + (BARS[eighths % 8 - 1] if eighths % 8 else "")
