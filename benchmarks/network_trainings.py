"""Random networks of a space, and trainings of them that are kept in a file: what the benchmarks of
proxies and of planned fidelities share."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import torch
from automl.search.course.job import Job
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe
from automl.search.workers.job_runner import network_of, trainer_for
from automl.spaces import Candidate, Space, load_space, parse_budget
from automl.spaces.draws.bulk import settings
from automl.spaces.draws.distinct import feasible
from automl.studies import Fidelity, Purpose
from numpy.typing import NDArray
from scipy.stats import spearmanr


class Network(NamedTuple):
    """A network and its space."""

    space: str
    candidate: Candidate


class Trained(TypedDict):
    """What is kept of a training."""

    curve: list[float]
    """Validation accuracy after each epoch."""
    seconds: list[float]
    """Seconds of CPU up to the end of each epoch."""
    mmacs: float
    """Millions of multiply-adds at the size of the training."""


def drawn(
    space: str, budget: str, count: int, classes: int, *, image_size: int | None = None, channels: int = 3
) -> list[Network]:
    """Random networks of a space, all of at least a tenth of the budget; at 224 px if no size is
    given."""
    data = load_space(space).to_dict()
    data["dimensions"]["resolution"] = 1.0  # of one size, so that γ does not rank them
    adapted = Space.from_dict(data, space).adapted(classes=classes, image_size=image_size, channels=channels)
    found: list[Network] = []
    for rows in feasible(adapted, parse_budget([budget]), np.random.default_rng(0), aim=0.1):
        for row in rows:
            found.append(Network(space, adapted.candidate(settings(adapted, row))))
            if len(found) == count:
                return found
    return found


def images_of(data: str, count: int, device: torch.device, *, size: int) -> tuple[Pixels, int, int]:
    """`count` training images of a data set at `size` pixels or less, the number of its classes,
    and that of an image's channels."""
    from automl.search.data import load, split

    loaded = load(data, size=size)
    rows = split(loaded, seed=0)
    train = np.random.default_rng(0).permutation(rows.train)[:count]
    pixels = Pixels(loaded.images, loaded.labels, np.sort(train), rows.validation, None, device)
    return pixels, len(loaded.classes), int(loaded.images.shape[1])


def within(space: str, networks: Sequence[Network], own: NDArray[np.float64], truth: NDArray[np.float64]) -> str:
    """The rank correlation among the networks of one space."""
    chosen = [index for index, network in enumerate(networks) if network.space == space]
    return f"{spearmanr(own[chosen], truth[chosen])[0]:.2f}"


class Trainings:
    """Trains networks and keeps their accuracies."""

    def __init__(self, pixels: Pixels, keep: Path | None, *, flip: bool = True) -> None:
        self.pixels, self.keep, self.flip = pixels, keep, flip
        self.known: dict[str, Trained] = {}
        if keep is not None and keep.exists():
            self.known = json.loads(keep.read_text())

    def of(self, candidate: Candidate, fidelity: Fidelity, seed: int) -> Trained:
        """One training."""
        key = f"{candidate.id}/{fidelity.key}/{seed}"
        if key not in self.known:
            self.known[key] = self._train(candidate, fidelity, seed)
            if self.keep is not None:
                self.keep.with_suffix(".new").write_text(json.dumps(self.known))
                self.keep.with_suffix(".new").replace(self.keep)
        return self.known[key]

    def _train(self, candidate: Candidate, fidelity: Fidelity, seed: int) -> Trained:
        job = Job(
            candidate=candidate.spec,
            params=int(candidate.cost().params),
            fidelity=fidelity,
            seed=seed,
            purpose=Purpose.SEARCH,
        )
        recipe = Recipe.for_data(images=self.pixels.count("train"), size=fidelity.size, flip=self.flip)
        clock = time.process_time if self.pixels.device.type == "cpu" else time.perf_counter
        began, curve, seconds = clock(), list[float](), list[float]()
        trainer = trainer_for(job, self.pixels, recipe, self.pixels.device)
        while not trainer.finished:
            curve.append(float(trainer.epoch().accuracy))
            seconds.append(clock() - began)
        image = [candidate.image[0], fidelity.size, fidelity.size]
        trained = Candidate.from_dict({**network_of(job, candidate).to_dict(), "image": image})
        return {"curve": curve, "seconds": seconds, "mmacs": trained.cost().macs / 1e6}
