"""What a search shows for its result: random search of the same price, rungs against the end, the
surrogate, seeds, hours spent and avoided.

The statistics are functions of rows; nothing here trains, and nothing imports torch or Ray.
"""

from __future__ import annotations

from .baseline import BEAT, NOT, UNCLEAR, UNKNOWN, WAS_RANDOM, Baseline, against_random
from .evidence import Chosen, Evidence, evidence, samplers
from .fidelities import Correlation, rank_correlations
from .figures import front_figure, progress_figure
from .markdown import report_markdown
from .rows import Row, rows
from .savings import Savings, savings
from .seeds import Confirmed, Seeds, seed_noise
from .terminal import Numbers, report_lines, status_lines

__all__ = [
    "BEAT",
    "NOT",
    "UNCLEAR",
    "UNKNOWN",
    "WAS_RANDOM",
    "Baseline",
    "Chosen",
    "Confirmed",
    "Correlation",
    "Evidence",
    "Numbers",
    "Row",
    "Savings",
    "Seeds",
    "against_random",
    "evidence",
    "front_figure",
    "progress_figure",
    "rank_correlations",
    "report_lines",
    "report_markdown",
    "rows",
    "samplers",
    "savings",
    "seed_noise",
    "status_lines",
]
