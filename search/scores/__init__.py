"""Zero-cost scores: rank networks without training them, from one small batch of images.

Larger scores are better. A score is worth its time only if it ranks networks better than
`log_params` and `log_macs`, which take no time at all. Importing this package imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .combine import BATCH, DEFAULT, rank_average, zero_cost_value
from .registry import Score, register, score, score_names, scores

if TYPE_CHECKING:
    from .batch import batch_of
    from .compute import NoScore, network_scores, scores_of

__all__ = [
    "BATCH",
    "DEFAULT",
    "NoScore",
    "Score",
    "batch_of",
    "network_scores",
    "rank_average",
    "register",
    "score",
    "score_names",
    "scores",
    "scores_of",
    "zero_cost_value",
]

_WITH_TORCH = {"batch_of": "batch", "NoScore": "compute", "network_scores": "compute", "scores_of": "compute"}


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_WITH_TORCH[name]}", __name__), name)
