"""How networks are found: proposals, early stopping, training by Ray Tune workers, confirmation of the best.

Importing it imports none of torch, ray and optuna.
"""

from .finals import Best, best, train
from .plan import SearchOptions
from .run import SearchResult, describe, search
from .samplers import sampler_names

__all__ = ["Best", "SearchOptions", "SearchResult", "best", "describe", "sampler_names", "search", "train"]
