"""The report of a search: statistics that show how reliable its result is.

They are the comparison with the best reference network, the one with random search at equal cost,
the rank correlation of rungs with full trainings, the quality of the surrogate, the spread over
seeds, and the time spent and saved. All are functions of the study's evaluations; nothing here
trains or imports torch or Ray.
"""

from __future__ import annotations

from .certificate import Certificate, TriedReference, certificate, tried_references
from .certificate_text import certificate_text
from .confirmed_networks import Confirmed, Seeds, seed_noise
from .markdown import report_markdown
from .numbers import Numbers
from .random_baseline import BEAT, NOT, UNCLEAR, UNKNOWN, WAS_RANDOM, Baseline, against_random
from .rung_correlations import Correlation, rank_correlations
from .savings import Savings, savings
from .search_rows import Row, rows
from .study_figures import front_figure, progress_figure
from .summary import Chosen, Evidence, evidence, samplers
from .terminal import report_lines, status_lines
from .verification import Verification, VerifiedNetwork, find_verification, verification
from .verification_text import certificate_files, verification_rows, verification_text

__all__ = [
    "BEAT",
    "NOT",
    "UNCLEAR",
    "UNKNOWN",
    "WAS_RANDOM",
    "Baseline",
    "Certificate",
    "Chosen",
    "Confirmed",
    "Correlation",
    "Evidence",
    "Numbers",
    "Row",
    "Savings",
    "Seeds",
    "TriedReference",
    "Verification",
    "VerifiedNetwork",
    "against_random",
    "certificate",
    "certificate_files",
    "certificate_text",
    "evidence",
    "find_verification",
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
    "tried_references",
    "verification",
    "verification_rows",
    "verification_text",
]
