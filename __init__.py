"""Neural architecture search for image classification under a cost budget.

Every command of `automl` is a function that returns a typed result:

    search(SearchOptions(...))      finds the best network under a budget, and the front around it
    grid(GridOptions(...))          finds how to share a cost among depth, width and resolution
    scale("resnet50", phi=[0, 1])   a family of networks scaled from a baseline
    references("3MFLOPs")           published networks, each scaled to a budget
    cost("resnet50")                MACs, parameters, activations and peak memory of a network
    train(study)                    trains the network chosen for longer
    export(study, "found")          writes it as Python, safetensors and ONNX
    report(study)                   what a result rests on
    check_data("photos")            classes, sizes, broken files and copies of a data set
    verify(study)                   trains the network chosen beside published ones, and tests them
    status(study)                   settings of a study, its progress, its best network
    front(study)                    networks that no other beats in accuracy and cost
    delete(study)                   removes a study from its database
    doctor()                        CPUs, memory, GPUs, versions, the database

The commands of a group are functions of two words: `list_studies`, `check_studies` and
`upgrade_studies`; `check_space`, `describe_space` and `sample_space`; `list_cache` and
`clear_cache`.

`load_space` reads a space, `parse_budget` a budget; `Study` opens what was found; `Printing` shows
the progress of a search. What is raised on purpose is an `AutomlError`; an `InputError` says that
a value cannot be used. Importing `automl` imports nothing else: each name is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .blocks.errors import AutomlError, InputError
    from .search.course.events import Printing
    from .search.data.checking import check_data
    from .search.data.kept_images import clear_cache, list_cache
    from .search.doctor import doctor
    from .search.grid import search_grid as grid
    from .search.grid_options import GridOptions
    from .search.handover.export import export
    from .search.handover.longer_training import train
    from .search.network_cost import cost
    from .search.options import SearchOptions
    from .search.run import search
    from .search.scale import scale
    from .search.verification.verifying import verify
    from .spaces.budget import Budget, parse_budget
    from .spaces.references import references
    from .spaces.space import load_space
    from .spaces.surveys.preview import check_space, describe_space, sample_space
    from .studies.results.reporting import report
    from .studies.results.status import status
    from .studies.results.status import study_front as front
    from .studies.study import Study
    from .studies.upkeep.integrity import check as check_studies
    from .studies.upkeep.managing import delete_study as delete
    from .studies.upkeep.managing import list_studies
    from .studies.upkeep.upgrade import upgrade as upgrade_studies

    __version__: str

__all__ = [
    "AutomlError",
    "Budget",
    "GridOptions",
    "InputError",
    "Printing",
    "SearchOptions",
    "Study",
    "__version__",
    "check_data",
    "check_space",
    "check_studies",
    "clear_cache",
    "cost",
    "delete",
    "describe_space",
    "doctor",
    "export",
    "front",
    "grid",
    "list_cache",
    "list_studies",
    "load_space",
    "parse_budget",
    "references",
    "report",
    "sample_space",
    "scale",
    "search",
    "status",
    "train",
    "upgrade_studies",
    "verify",
]

_PLACES = {
    "AutomlError": ("blocks.errors", "AutomlError"),
    "Budget": ("spaces.budget", "Budget"),
    "GridOptions": ("search.grid_options", "GridOptions"),
    "InputError": ("blocks.errors", "InputError"),
    "Printing": ("search.course.events", "Printing"),
    "SearchOptions": ("search.options", "SearchOptions"),
    "Study": ("studies.study", "Study"),
    "check_data": ("search.data.checking", "check_data"),
    "check_space": ("spaces.surveys.preview", "check_space"),
    "check_studies": ("studies.upkeep.integrity", "check"),
    "clear_cache": ("search.data.kept_images", "clear_cache"),
    "cost": ("search.network_cost", "cost"),
    "delete": ("studies.upkeep.managing", "delete_study"),
    "describe_space": ("spaces.surveys.preview", "describe_space"),
    "doctor": ("search.doctor", "doctor"),
    "export": ("search.handover.export", "export"),
    "front": ("studies.results.status", "study_front"),
    "grid": ("search.grid", "search_grid"),
    "list_cache": ("search.data.kept_images", "list_cache"),
    "list_studies": ("studies.upkeep.managing", "list_studies"),
    "load_space": ("spaces.space", "load_space"),
    "parse_budget": ("spaces.budget", "parse_budget"),
    "references": ("spaces.references", "references"),
    "report": ("studies.results.reporting", "report"),
    "sample_space": ("spaces.surveys.preview", "sample_space"),
    "scale": ("search.scale", "scale"),
    "status": ("studies.results.status", "status"),
    "train": ("search.handover.longer_training", "train"),
    "upgrade_studies": ("studies.upkeep.upgrade", "upgrade"),
    "verify": ("search.verification.verifying", "verify"),
}
"""Public name -> module and name in it."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name == "search":  # the package, which is callable: see search/__init__.py
        return import_module(".search", __name__)
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("automl")
    elif name in _PLACES:
        module, own = _PLACES[name]
        value = getattr(import_module(f".{module}", __name__), own)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, whether imported yet or not."""
    return sorted({*globals(), *__all__})
