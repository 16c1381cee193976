"""Statistics and reports of compound scaling.

Of a grid: the best coefficients, the networks that tie with them, and the comparison with scaling a
single axis. Of the rules of scaling: the compound rule and each axis alone at several costs.
"""

from __future__ import annotations

from ..statistics.intervals import Estimate, Interval, Noise
from .compare import BestPoint, Comparison, Contrast, compare
from .cost_figure import rules_figure, save, scaling_figure, simplex_figure
from .grid_markdown import report_markdown
from .grid_terminal import report_lines
from .leave_one_out import Fold
from .response_surface import Surface, fit_surface
from .rules_compared import AtMultiple, RulesCompared, RuleVerdict, compare_rules
from .rules_text import accuracy_table, network_table, rule_conclusions, rules_markdown
from .scaled_points import BASELINE, ScaledPoint

__all__ = [
    "BASELINE",
    "AtMultiple",
    "BestPoint",
    "Comparison",
    "Contrast",
    "Estimate",
    "Fold",
    "Interval",
    "Noise",
    "RuleVerdict",
    "RulesCompared",
    "ScaledPoint",
    "Surface",
    "accuracy_table",
    "compare",
    "compare_rules",
    "fit_surface",
    "network_table",
    "report_lines",
    "report_markdown",
    "rule_conclusions",
    "rules_figure",
    "rules_markdown",
    "save",
    "scaling_figure",
    "simplex_figure",
]
