"""Makes `automl_network` known to timm, whichever of the two packages is imported first, and
imports no timm to do so.

timm keeps its models in `timm.models._registry`. Where that is loaded, the entry is added at once;
else a finder at the head of `sys.meta_path` adds it as soon as that module has run, before anything
can look a model up. The finder concerns itself with that one name and stays, so that a timm that is
unloaded and imported anew knows the entry too.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..blocks import InputError

if TYPE_CHECKING:
    from torch import nn

    from .reference import Reference

REGISTRY = "timm.models._registry"

STAND_IN = ("in place of a candidate's own configuration, which is not known before the candidate is",)

default_cfgs: dict[str, Any] = {"automl_network": {"notes": STAND_IN}}
"""Where timm looks for how its models are to be fed: here those of `timm_model.name_in_timm`.

timm's training script resolves a configuration before it makes the model, and passes it on; the
note tells `timm_model.create` what of it is a stand-in.
"""


def automl_network(
    pretrained: bool = False, *, candidate: Reference | None = None, storage: str | None = None, **kwargs: Any
) -> nn.Module:
    """The network of `candidate` as timm builds its models: `timm.create_model("automl_network",
    candidate="found.json", num_classes=10)`.

    Args:
        pretrained: load the weights of an exported folder; nothing else has any.
        candidate: see `automl.spaces.find_candidate`.
        storage: database of the studies, for a candidate given by its id.
        kwargs: as for timm's own models; `automl.spaces.timm_model.create` lists them.
    """
    from .timm_model import create

    if candidate is None:
        raise InputError(
            "automl_network needs candidate=: a file, an exported folder, a published network's name, an id of a study,"
            " a dict or a Candidate"
        )
    return create("automl_network", candidate, storage=storage, pretrained=pretrained, **kwargs)


def watch() -> None:
    """Have timm know `automl_network`: now where it is loaded, else once it is."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    if REGISTRY in sys.modules:
        _register(importlib.import_module(REGISTRY))  # waits where another thread is importing it


def _register(registry: ModuleType) -> None:
    if not registry.is_model("automl_network"):
        registry.register_model(automl_network)


class _Finder(MetaPathFinder):
    """Has the others find timm's registry, and registers when it has run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != REGISTRY:
            return None
        for finder in [one for one in sys.meta_path if not isinstance(one, _Finder)]:
            find = getattr(finder, "find_spec", None)  # finders of old may have none
            spec = None if find is None else find(fullname, path, target)
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    _register_after(spec.loader)
                return spec
        return None


def _register_after(loader: Loader) -> None:
    run = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        run(module)
        vars(loader).pop("exec_module", None)  # the loader is as it was
        _register(module)

    setattr(loader, "exec_module", exec_module)  # noqa: B010 (of this instance: each module has a loader of its own)
