"""How networks are found: proposals, early stopping, training by Ray Tune workers, confirmation of the best.

Importing it imports none of torch, ray and optuna.
"""

from ..spaces.reference import add_finder
from .finals import Best, best, best_json, train
from .plan import SearchOptions
from .run import SearchResult, describe, search
from .samplers import DEFAULT_SAMPLER, sampler_names

__all__ = ["DEFAULT_SAMPLER", "Best", "SearchOptions", "SearchResult", "best", "describe", "sampler_names", "search", "train"]

add_finder("best", best_json)
