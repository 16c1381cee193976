"""How networks are found: proposals, early stopping, training by Ray Tune workers, confirmation of
the best.

Importing it imports none of torch, ray and optuna.
"""

from typing import TYPE_CHECKING, Any

from ..spaces.describe import describe
from ..spaces.reference import add_finder
from ..studies.chosen import Best, best, best_json
from .course.events import Counts, Listener, Printing, Running
from .handover.export import export
from .handover.training import train
from .options import SearchOptions
from .proposing.samplers import DEFAULT_SAMPLER, sampler_names
from .run import SearchResult, search

if TYPE_CHECKING:
    from .sampling.evolution import EvolutionSampler, RandomSampler
    from .sampling.predictor import PredictorSampler

__all__ = [
    "DEFAULT_SAMPLER",
    "Best",
    "Counts",
    "EvolutionSampler",
    "Listener",
    "PredictorSampler",
    "Printing",
    "RandomSampler",
    "Running",
    "SearchOptions",
    "SearchResult",
    "best",
    "describe",
    "export",
    "sampler_names",
    "search",
    "train",
]

add_finder("best", best_json)


def __getattr__(name: str) -> Any:
    """The samplers, which need Optuna, when they are asked for."""
    if name == "PredictorSampler":
        from .sampling.predictor import PredictorSampler

        return PredictorSampler
    if name in ("EvolutionSampler", "RandomSampler"):
        from .sampling import evolution

        return getattr(evolution, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
