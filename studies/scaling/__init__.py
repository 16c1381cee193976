"""Statistics and reports of a compound-scaling grid.

They give the best coefficients, the networks that tie with them, and the comparison with scaling a
single axis.
"""

from __future__ import annotations

from ..statistics.intervals import Estimate, Interval, Noise
from .compare import BestPoint, Comparison, Contrast, compare
from .cost_figure import save, scaling_figure, simplex_figure
from .leave_one_out import Fold
from .markdown import report_markdown
from .response_surface import Surface, fit_surface
from .scaled_points import BASELINE, ScaledPoint
from .terminal import report_lines

__all__ = [
    "BASELINE",
    "BestPoint",
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
