"""Searches for networks under a cost budget: calling this module runs a search.

    import automl

    result = automl.search(automl.SearchOptions(budget=["400MFLOPs"]), listener=automl.Printing())
    network = result.best.load()

`automl.search` is a package and a function at once: `automl.search(options)` is the function
`search` below, and `from automl.search import …` gives what the package holds. Importing it
imports none of torch, ray and optuna.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..spaces.named_candidate import add_finder
from ..spaces.surveys.census_lines import describe
from ..studies.choosing.chosen import Best, best, best_json
from .course.events import Counts, Listener, Printing, Running
from .handover.export import export
from .handover.longer_training import train
from .options import SearchOptions
from .proposing.samplers import DEFAULT_SAMPLER, sampler_names, samplers
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
    "samplers",
    "search",
    "train",
]

add_finder("best", best_json)


def __getattr__(name: str) -> Any:
    """Import the samplers, which need Optuna, on first use."""
    if name == "PredictorSampler":
        from .sampling.predictor import PredictorSampler

        return PredictorSampler
    if name in ("EvolutionSampler", "RandomSampler"):
        from .sampling import evolution

        return getattr(evolution, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """All public names, those imported on first use included."""
    return sorted({*globals(), *__all__})


class _Search(ModuleType):
    """A module that is called as the function `search` in it."""

    def __call__(
        self,
        options: SearchOptions,
        *,
        listener: Listener | None = None,
        command: str = "",
        began: float | None = None,
        gpus: int | None = None,
    ) -> SearchResult:
        return search(options, listener=listener, command=command, began=began, gpus=gpus)

    __call__.__doc__ = search.__doc__


sys.modules[__name__].__class__ = _Search
