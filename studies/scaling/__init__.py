"""What a grid of compound scalings shows: the best coefficients, what ties with them, and whether
one axis alone would have done as well."""

from __future__ import annotations

from ..statistics.intervals import Estimate, Interval, Noise
from .compare import Best, Comparison, Contrast, compare
from .figures import save, scaling_figure, simplex_figure
from .points import BASELINE, ScaledPoint
from .report import report_lines, report_markdown
from .resampling import Fold
from .surface import Surface, fit_surface

__all__ = [
    "BASELINE",
    "Best",
    "Comparison",
    "Contrast",
    "Estimate",
    "Fold",
    "Interval",
    "Noise",
    "ScaledPoint",
    "Surface",
    "compare",
    "fit_surface",
    "report_lines",
    "report_markdown",
    "save",
    "scaling_figure",
    "simplex_figure",
]
