"""A tiny space, data and study for the tests of the search."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from automl.search.workers import cluster
from automl.spaces import Space

from .played_grid import Workers

cluster.set_environment(
    local=True
)  # before any test imports Ray, which reads it then: under `uv run` every worker would be started by uv

SPACE = {
    "name": "tiny",
    "skeleton": "efficientnet",
    "image": [1, 18, 18],
    "classes": 3,
    "dimensions": {
        "depth": {"low": 0.2, "high": 0.6, "step": 0.2},
        "width": {"low": 0.25, "high": 0.5, "step": 0.125},
        "expansion": [2, 3],
        "kernel": [3, 5],
        "attention": ["none", "se", "eca"],
        "eca_kernel": {"choices": ["auto", 3, 5], "when": {"attention": "eca"}},
        "eca_padding": {"choices": ["zeros", "circular"], "when": {"attention": "eca"}},
    },
}


@pytest.fixture
def space() -> Space:
    return Space.from_dict(SPACE)


def write_images(path: Path, *, images: int = 150, size: int = 12, classes: int = 3, seed: int = 0) -> Path:
    """Images whose class is where the bright square stands: learnable in an epoch or two."""
    rng = np.random.default_rng(seed)
    labels = np.arange(images) % classes
    pixels = rng.integers(0, 90, (images, size, size), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        start = label * (size // classes)
        image[start : start + size // classes, start : start + size // classes] += 150
    np.savez(path, x=pixels, y=labels)
    return path


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    """Played workers in place of Ray, for trainings of listed networks."""
    from automl.search.workers import ray_tune

    found = Workers()
    resources = cluster.Resources(workers=2, cpus=1.0, gpus=0.0, total_gpus=0.0)
    monkeypatch.setattr(cluster, "session", lambda *asked: nullcontext(resources))
    monkeypatch.setattr(ray_tune, "run", found)
    return found
