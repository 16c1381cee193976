"""Registers `automl_network` with timm without importing timm.

timm keeps its models in a module of its own, `REGISTRY`. If that is loaded, the entry is added at
once. Otherwise a finder at the head of `sys.meta_path` adds it as soon as the module has run,
before any model can be looked up. The finder handles this one module name and stays installed, so
that the entry is also added when timm is unloaded and imported again.
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
from ..blocks.modules.timm_private import REGISTRY
from .timm_configs import default_cfgs as default_cfgs  # timm reads it from the module of `automl_network`

if TYPE_CHECKING:
    from torch import nn

    from .named_candidate import Reference


def automl_network(
    pretrained: bool = False, *, candidate: Reference | None = None, storage: str | None = None, **kwargs: Any
) -> nn.Module:
    """Build the network of `candidate` for timm.

    For example `timm.create_model("automl_network", candidate="found.json", num_classes=10)`.

    Args:
        pretrained: load the weights of an exported folder; other references have no weights.
        candidate: see `automl.spaces.find_candidate`.
        storage: database of the studies, for a candidate given by its id.
        kwargs: as for timm's own models; `automl.spaces.timm_model.create` lists them.

    Raises:
        InputError: `candidate` is missing, or `automl.spaces.timm_model.create` refuses it.
    """
    from .timm_model import create

    if candidate is None:
        raise InputError(
            "automl_network needs candidate=: a file, an exported folder, a published network's name, an id of a study,"
            " a dict or a Candidate"
        )
    return create("automl_network", candidate, storage=storage, pretrained=pretrained, **kwargs)


def watch() -> None:
    """Register `automl_network` with timm: now if timm is loaded, otherwise once it is."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    if REGISTRY in sys.modules:
        _register(importlib.import_module(REGISTRY))  # waits where another thread is importing it


def _register(registry: ModuleType) -> None:
    if not registry.is_model("automl_network"):
        registry.register_model(automl_network)


class _Finder(MetaPathFinder):
    """Finds timm's registry through the other finders, and registers the entry once it has run."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != REGISTRY:
            return None
        for finder in [one for one in sys.meta_path if not isinstance(one, _Finder)]:
            find = getattr(finder, "find_spec", None)  # old finders may lack it
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
        vars(loader).pop("exec_module", None)  # leave the loader as it was found
        _register(module)

    # set on the instance only: every module has its own loader
    setattr(loader, "exec_module", exec_module)  # noqa: B010
