"""Networks, images and recipes for the benchmarks of training.

It imports the folders below `search/` only where they need neither Ray, Optuna, SQLAlchemy nor
typer, so that the benchmarks run on a machine that has PyTorch and timm alone.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from automl.blocks.errors import AutomlError
from automl.search.training.device import pick_device
from automl.search.training.pixels import Pixels
from automl.search.training.randomness import seeded
from automl.search.training.recipe import Recipe
from automl.spaces import Candidate, load_space
from automl.spaces.draws.bulk import draw, settings
from torch import nn

CLASSES = 10
DRAWS = 600
"""Settings drawn from a space, among which networks of given costs are looked for."""


class Net(NamedTuple):
    """A network of a space at the size at which it is trained."""

    space: str
    size: int
    candidate: Candidate

    @property
    def macs(self) -> float:
        """Millions of multiply-adds for one image."""
        return self.candidate.cost().macs / 1e6

    def build(self, seed: int = 0, **dropout: float) -> nn.Module:
        """The network with weights from the seed."""
        with seeded(seed, "build"):
            return self.candidate.build(**dropout)


def drawn(space: str, size: int, seed: int = 0, count: int = DRAWS) -> Iterator[Net]:
    """Random networks of a shipped space for images of `size` pixels a side."""
    adapted = load_space(space).adapted(classes=CLASSES, image_size=size)
    for row in draw(adapted, count, np.random.default_rng(seed)):
        chosen = settings(adapted, row)
        try:
            if adapted.allows(chosen):
                yield Net(space, size, adapted.candidate(chosen))
        except AutomlError:  # no network can be built from these settings
            continue


def nets(space: str, size: int, targets: Sequence[float]) -> list[Net]:
    """For each target in millions of multiply-adds the network of the draws that comes nearest.

    Only networks of images of `size` pixels are taken. Those more than a third away are left out.
    """
    found = _of_size(space, size)
    nearest = [min(found, key=lambda net: abs(np.log(net.macs / target))) for target in targets]
    return [net for net, target in zip(nearest, targets, strict=True) if 2 / 3 < net.macs / target < 4 / 3]


@cache
def _of_size(space: str, size: int) -> list[Net]:
    return [net for net in drawn(space, size) if net.candidate.image[1] == size]


def generated(count: int, size: int, device: torch.device, seed: int = 0) -> Pixels:
    """Images of noise, each with a bright quarter or stripe that tells its class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    images = random.integers(0, 160, (count, 3, size, size), dtype=np.uint8)
    edges = np.linspace(0, size, CLASSES + 1).astype(int)
    for label in range(CLASSES):
        images[labels == label, label % 3, edges[label] : edges[label + 1]] += 90
    return _pixels(images, labels, count - max(2, count // 6), device)


def stored(path: Path, device: torch.device, most: int | None = None) -> Pixels:
    """The first `most` images of an `.npz` file with `x_train` (n, h, w, c) and `y_train`."""
    arrays = np.load(path)
    images = np.ascontiguousarray(arrays["x_train"][:most].transpose(0, 3, 1, 2))
    return _pixels(images, arrays["y_train"][:most], len(images) * 5 // 6, device)


def _pixels(images: Any, labels: Any, train: int, device: torch.device) -> Pixels:
    rows = np.random.default_rng(0).permutation(len(images)).astype(np.int64)
    return Pixels(images, labels.astype(np.int64), rows[:train], rows[train:], None, device)


def recipe(**changes: Any) -> Recipe:
    """SGD with Nesterov momentum at one image size, so that every loop can do the same."""
    usual: dict[str, Any] = {
        "optimizer": "sgd",
        "learning_rate": 0.02,
        "weight_decay": 5e-4,
        "batch_size": 128,
        "warmup": 1.0,
        "drop_rate": 0.0,
        "drop_path_rate": 0.0,
        "flip": True,
        "shift": 0.1,
        "label_smoothing": 0.1,
    }
    return Recipe(**{**usual, **changes})


def device_of(name: str | None) -> torch.device:
    """The device called `name`; the GPU if there is one and none is named."""
    return torch.device(name) if name else pick_device()


def spread(values: Sequence[float], form: str = ",.0f") -> str:
    """Median (lowest to highest)."""
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def machine(device: torch.device) -> str:
    """Hardware and versions."""
    model = platform.processor() or platform.machine()
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    chip = ""
    if device.type == "cuda":
        about = torch.cuda.get_device_properties(device)
        chip = f"{about.name}, {about.multi_processor_count} multiprocessors, {about.total_memory / 2**30:.0f} GiB; "
    libraries = ", ".join(f"{name} {_version(name)}" for name in ("automl", "torch", "timm", "numpy"))
    return (
        f"{chip}{model}, {os.cpu_count()} CPUs, {platform.system()}; Python {platform.python_version()}, {libraries},"
        f" CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version() if device.type == 'cuda' else None}"
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a folder on the path, not an installed package
        return "from its sources"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first holds numbers."""
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
