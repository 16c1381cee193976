"""What one GPU finds in a few minutes: random candidates trained one after another by the Trainer.

Candidates of the shipped spaces with few multiply-adds, the recipe and the epochs of a search; no
sampler, no early stopping, no Ray: a lower bound of what a search reaches.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe, default_epochs
from automl.search.training.trainer import Trainer
from gpu_tasks import Net, drawn, table

SPACES = ("efficientnet", "resnext-attention")
MACS = (3.0, 20.0)
"""Millions of multiply-adds between which candidates are taken."""


class Trained(NamedTuple):
    """One candidate that was trained to its end."""

    at: float
    """Seconds since the start when it ended."""
    net: Net
    accuracy: float
    """Accuracy on the validation images after the last epoch."""
    making: float
    """Seconds for drawing, building and moving it to the device."""
    training: float
    """Seconds of training, captures included."""
    validating: float
    """Seconds of validation."""


def candidates(size: int, macs: tuple[float, float]) -> Iterator[Net]:
    """Random candidates within the bounds, of each space in turn."""
    streams = [_within(space, size, macs) for space in SPACES]
    while True:
        for stream in streams:
            yield next(stream)


def _within(space: str, size: int, macs: tuple[float, float]) -> Iterator[Net]:
    for seed in count():
        yield from (net for net in drawn(space, size, seed, count=100) if macs[0] <= net.macs <= macs[1])


def searched(
    pixels: Pixels,
    seconds: float,
    *,
    size: int = 32,
    flip: bool = True,
    epochs: int | None = None,
    least: int = 1,
    most: int = 10**6,
) -> list[Trained]:
    """Train candidates until `seconds` are over, but at least `least`; one that is not done is left
    out."""
    images = pixels.count("train")
    how = Recipe.for_data(images, size, flip)
    found: list[Trained] = []
    start = time.perf_counter()
    ready = start
    for seed, net in enumerate(candidates(size, MACS)):
        trainer = Trainer(
            net.build(seed),
            pixels,
            epochs=epochs or default_epochs(images),
            size=size,
            recipe=how,
            seed=seed,
            device=pixels.device,
        )
        making = time.perf_counter() - ready
        reports = []
        while not trainer.finished and (len(found) < least or time.perf_counter() - start < seconds):
            reports.append(trainer.epoch())
        ready = time.perf_counter()
        if not trainer.finished:
            return found
        training = sum(report.training for report in reports)
        validating = sum(report.seconds for report in reports) - training
        found.append(Trained(ready - start, net, reports[-1].accuracy, making, training, validating))
        if (ready - start >= seconds and len(found) >= least) or len(found) >= most:
            return found
    return found


def search_table(found: list[Trained], seconds: float) -> str:
    """How many reached which accuracy, and the best by time."""
    lines = []
    for share in (0.25, 0.5, 0.75, 1.0):
        done = [each for each in found if each.at <= share * seconds or share == 1.0]
        best = max((each.accuracy for each in done), default=0.0)
        above = [sum(each.accuracy >= level for each in done) for level in (0.5, 0.6, 0.65, 0.7)]
        lines.append([f"{share * seconds:.0f}", str(len(done)), *map(str, above), f"{100 * best:.1f}"])
    head = ["seconds", "trained", "50 % or more", "60 %", "65 %", "70 %", "best, %"]
    return table(head, lines) + "\n\n" + _about(found)


def _about(found: list[Trained]) -> str:
    best = max(found, key=lambda each: each.accuracy)
    parts = [
        statistics.median(each.making for each in found),
        statistics.median(each.training for each in found),
        statistics.median(each.validating for each in found),
    ]
    by_space = [
        f"{sum(each.net.space == space for each in found)} of {space}, best"
        f" {100 * max((each.accuracy for each in found if each.net.space == space), default=0):.1f} %"
        for space in SPACES
    ]
    return (
        f"A candidate took {sum(parts):.1f} s (medians: {parts[0]:.2f} s for building it, {parts[1]:.2f} s for training"
        f" with its captures, {parts[2]:.2f} s for validation). {'; '.join(by_space)}. The best one is of"
        f" {best.net.space}, {best.net.macs:.1f} MMACs."
    )
