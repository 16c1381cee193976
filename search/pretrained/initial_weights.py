"""Begins a training with the weights of a source network.

The normalisations of the new network have read neither these channels nor these images, so their
running statistics are computed anew from images of the training (Once-for-All, arXiv:1908.09791,
section 3.4, and Slimmable Networks, arXiv:1812.08928, section 3.3, show that a cut network is
useless without). Shape letters: n images.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from ...blocks.modules.network import Network
from ...studies.tasks.task import REGRESSION
from ..training.batches import batches_of
from ..training.pixels import Normalise, Pixels
from ..training.randomness import seeded
from ..training.recalibration import recalibrate
from ..training.recipe import Recipe
from ..training.schedule import schedule
from ..training.subset import rows_used
from .carrying import Carried, carry
from .new_parts import undo
from .source_weights import Source

IMAGES = 512
"""Training images, not augmented, from which statistics are computed before a training begins."""


def begin(
    network: Network,
    source: Source,
    pixels: Pixels,
    recipe: Recipe,
    *,
    epochs: int,
    size: int,
    fraction: float,
    seed: int,
) -> Carried:
    """Give `network`, which is moved to the device of the images, the weights of `source`, and
    statistics of training images at the size of the first epoch.

    The same network, source, images and seed give the same bits on the CPU with one thread. A
    network of which nothing is carried stays as it is.
    """
    carried = carry(network, source.network(), seed=seed)
    if pixels.task == REGRESSION:  # an exported head gives numbers in units, and this one standardised ones
        with seeded(seed, "head", device="cpu"):
            network.reset_classifier(network.num_classes)
    network.to(pixels.device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    if not carried.carried:
        return carried
    labels_n = pixels.labels("train")
    rows_n = rows_used(pixels.strata("train").cpu(), fraction, seed)[:IMAGES]
    plan = replace(schedule(recipe, epochs=epochs, size=size, images=max(2, len(rows_n)))[0], images=len(rows_n))
    plan = replace(plan, updates=-(-len(rows_n) // recipe.batch_size))
    batches = batches_of(
        pixels,
        replace(recipe, augment="none", crop=1.0, erasing=0.0, mixup=0.0, cutmix=0.0),
        plan.size,
        labels_n=labels_n,
        normalise=Normalise(pixels.mean, pixels.std, pixels.device),
        seed=seed,
    )
    with seeded(seed, "pretrained", device=pixels.device), torch.no_grad():
        if carried.undone:
            first_n = rows_n[: 2 * recipe.batch_size].to(pixels.device)
            undo(network, carried.undone, batches.normalise(batches.images_nchw[first_n]))
        recalibrate(network, batches, rows_n, plan, replace(recipe, recalibrate=IMAGES))
    network.train()
    return carried
