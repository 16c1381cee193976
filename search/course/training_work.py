"""Counts what a training asks of a worker: the images, updates and operations of each epoch.

It is arithmetic on the description of a network; nothing is built.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from ...blocks import Cost, InvalidBlock
from ...spaces import Candidate
from ...spaces.candidates.fitted_strides import proxy_network
from ...studies import Fidelity
from ..training.recipe import Recipe
from ..training.schedule import EpochPlan, schedule


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one epoch, or a single update, asks of a worker."""

    images: int
    """Images that are trained on."""
    updates: int
    """Updates of the weights."""
    validated: int = 0
    """Images that are only classified."""
    macs: float
    """Multiply-adds of the network for one image of the size at which it is trained."""
    activations: float
    """Output elements of its layers for one such image."""
    params: float
    """Its trainable numbers."""
    layers: int
    """Its units, the repeated ones counted as often as they are repeated."""


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """The trainings of a study: the recipe and the images that all of them share."""

    recipe: Recipe
    """How every network is trained."""
    images: int
    """Images of the training part."""
    validated: int
    """Images of the validation part."""

    def epochs(self, candidate: Candidate, fidelity: Fidelity) -> tuple[Work, ...]:
        """The work of each epoch of a training of `candidate`."""
        layers = _layers(candidate)
        return tuple(
            _work(plan.images, plan.updates, self.validated, _cost(candidate.spec, fidelity, plan.size), layers)
            for plan in self.plans(fidelity)
        )

    def update(self, candidate: Candidate, fidelity: Fidelity, images: int, *, side: int | None = None) -> Work:
        """The work of one update on `images` images of `side` pixels, by default of the full
        size."""
        cost = _cost(candidate.spec, fidelity, side or fidelity.size)
        return _work(images, 1, 0, cost, _layers(candidate))

    def plans(self, fidelity: Fidelity) -> tuple[EpochPlan, ...]:
        """The images and updates of each epoch of a training."""
        images = max(2, round(fidelity.fraction * self.images))
        return schedule(self.recipe, epochs=fidelity.epochs, size=fidelity.size, images=images)


@lru_cache(maxsize=512)
def candidate_of(spec: str) -> Candidate:
    """The candidate of its canonical JSON; those read last are remembered."""
    return Candidate.from_spec(spec)


def _cost(spec: str, fidelity: Fidelity, side: int) -> Cost:
    return _costs(spec, fidelity.size, fidelity.smallest_map, side)


@lru_cache(maxsize=8192)
def _costs(spec: str, size: int, smallest_map: int, side: int) -> Cost:
    """Cost of the network that is trained at `size`, for images of `side` pixels."""
    candidate = candidate_of(spec)
    network = proxy_network(candidate, size, smallest_map) if smallest_map else candidate
    try:
        return replace(network, image=(network.image[0], side, side)).cost()
    except InvalidBlock:  # its last maps would have no pixel left: it is trained, but has no cost at this size
        cost, height, width = network.cost(), *network.image[1:]
        share = side * side / (height * width)
        return replace(cost, macs=share * cost.macs, activations=share * cost.activations)


def _layers(candidate: Candidate) -> int:
    return sum(repeats for _, _, _, repeats in candidate.walk())


def _work(images: int, updates: int, validated: int, cost: Cost, layers: int) -> Work:
    return Work(
        images=images,
        updates=updates,
        validated=validated,
        macs=float(cost.macs),
        activations=float(cost.activations),
        params=float(cost.params),
        layers=layers,
    )
