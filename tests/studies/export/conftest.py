"""Tiny networks with weights that hide nothing, facts about them, and modules of a user's in a file
of his own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from automl.blocks import block
from automl.spaces import Candidate
from automl.spaces.skeletons import skeleton
from automl.studies.export import Facts
from automl.studies.tasks.preprocessing import Preprocessing
from torch import Tensor

torch.set_num_threads(1)

TINY: dict[str, tuple[dict[str, Any], tuple[int, int, int]]] = {
    "efficientnet": ({"width": 0.3, "depth": 0.2}, (1, 32, 32)),
    "resnet": ({"width": 0.125, "depth": 0.3}, (3, 32, 32)),
}


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Candidate]:
    """tiny(skeleton, **settings): a candidate of ten classes."""

    def make(name: str, **settings: Any) -> Candidate:
        given, image = TINY[name]
        return skeleton(name).candidate({**given, **settings}, image, 10)

    return make


@pytest.fixture(scope="session")
def trained() -> Callable[[Candidate], dict[str, Tensor]]:
    """Weights as if trained: no scale is zero, no shift and no statistic is what it began as."""

    def make(candidate: Candidate) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        network = candidate.build()
        return {
            name: (
                torch.rand(tensor.shape, generator=generator) + 0.5
                if tensor.ndim == 1
                else torch.randn(tensor.shape, generator=generator) * 0.1
            )
            for name, tensor in network.state_dict().items()
            if tensor.is_floating_point()
        } | {name: tensor for name, tensor in network.state_dict().items() if not tensor.is_floating_point()}

    return make


@pytest.fixture(scope="session")
def facts() -> Callable[..., Facts]:
    """facts(candidate, **changes): what is said about it."""

    def make(candidate: Candidate, **changes: Any) -> Facts:
        channels = candidate.image[0]
        plain: dict[str, Any] = {
            "study": "digits-1M",
            "command": "automl search --budget 1MFLOPs --data digits",
            "data": "digits",
            "classes": tuple("0123456789"),
            "preprocessing": Preprocessing.to(16, 16, channels=channels),
            "mean": (0.25, 0.5, 0.75)[:channels],
            "std": (0.5, 0.25, 0.125)[:channels],
            "accuracy": 0.9731,
            "test_accuracy": 0.96,
            "epochs": 12,
            "seed": 3,
            "budget": "macs<=1000000",
            "settings": {"width": 0.3, "attention": "eca"},
            "versions": {"torch": "2.15.0", "timm": "1.0.31"},
        }
        return Facts(**{**plain, **changes})

    return make


@pytest.fixture
def user_file(tmp_path: Path) -> Iterator[Callable[..., ModuleType]]:
    """user_file(source, name): a Python file of a user's, imported from its path; what it registers
    is forgotten afterwards."""
    registered = dict(block.blocks.known)
    names: list[str] = []

    def load(source: str, name: str = "mine") -> ModuleType:
        path = tmp_path / f"{name}.py"
        path.write_text(source, "utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        names.append(name)
        spec.loader.exec_module(module)
        return module

    yield load
    block.blocks.known.clear()
    block.blocks.known.update(registered)
    for name in names:
        del sys.modules[name]
