"""The searches that are killed: of a generated table in simulated time, and with tiny trainings."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from ..squares import write_images

STUDY = "s"
TABLE: dict[str, Any] = {
    "name": "faults",
    "skeleton": "efficientnet",
    "image": [1, 32, 32],
    "classes": 10,
    "dimensions": {
        "depth": [0.2, 0.6, 1.0],
        "width": [0.25, 0.5, 0.75, 1.0],
        "expansion": {"choices": [3, 6], "each": "stage"},
        "attention": ["none", "se", "eca"],
    },
}
"""Some 2,000 networks."""
TINY: dict[str, Any] = {
    "name": "tiny",
    "skeleton": "resnet",
    "image": [1, 18, 18],
    "dimensions": {
        "depth": 0.2,
        "width": {"low": 0.125, "high": 0.25, "step": 0.125},
        "repeats": 1,
        "stem": ["plain", "deep"],
        "cardinality": [1, 2],
        "radix": [0, 1, 2],
        "attention": ["none", "se", "eca", "cbam"],
    },
}
EPOCHS = 4
SEEDS = 4


@dataclass(frozen=True, kw_only=True)
class Search:
    """A search, as it is typed."""

    name: str
    """What makes it another search than the others."""
    options: tuple[str, ...]
    trials: int
    trains: bool = False
    """Whether networks are trained, by Ray's workers."""


def of_table(sampler: str, trials: int, seed: int) -> Search:
    """A search of the table by one simulated worker, which finds the same whenever it runs."""
    options = ("--space", "space.json", "--evaluator", "table:table.json", "--sampler", sampler, "--finals", "2")
    return Search(
        name=f"{sampler}-{trials}-{seed}",
        options=(*options, "--seeds", "2", "--trials", str(trials), "--seed", str(seed)),
        trials=trials,
    )


def of_trainings(trials: int, seed: int, workers: int = 2) -> Search:
    """A search that trains networks for seconds."""
    options = ("--space", "tiny.json", "--data", "images.npz", "--budget", "600kFLOPs", "--epochs", "3", "--no-flip")
    more = ("--workers", str(workers), "--finals", "1", "--seeds", "2", "--references", "2")
    return Search(
        name=f"trainings-{trials}-{seed}",
        options=(*options, *more, "--trials", str(trials), "--seed", str(seed)),
        trials=trials,
        trains=True,
    )


def write_files(folder: Path, search: Search) -> None:
    """Write what a search reads."""
    if search.trains:
        (folder / "tiny.json").write_text(json.dumps(TINY))
        write_images(folder / "images.npz")
        return
    (folder / "space.json").write_text(json.dumps(TABLE))
    (folder / "table.json").write_text(json.dumps(_rows()))


def _rows() -> list[dict[str, Any]]:
    """A row for each setting of the space, with curves that cross."""
    from automl.spaces import Space

    draw = random.Random(0)
    space = Space.from_dict(TABLE)
    parameters = [(one.name, one.values) for one in space.parameters]
    worth = {(name, choice): draw.uniform(0, 4) for name, choices in parameters for choice in choices}
    rows = []
    for values in product(*(choices for _, choices in parameters)):
        settings = {name: value for (name, _), value in zip(parameters, values, strict=True)}
        end, steep = 40 + sum(worth[pair] for pair in settings.items()), draw.uniform(0.4, 1.0)
        curves = [
            [[epoch, round(end * (1 - steep / 2**epoch) + draw.gauss(0, 0.5), 2)] for epoch in range(1, EPOCHS + 1)]
            for _ in range(SEEDS)
        ]
        rows.append({"settings": settings, "curve": curves, "seconds": [draw.randint(20, 90)] * SEEDS})
    return rows
