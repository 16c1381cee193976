"""Selects the batch of images from which all candidates of a study are scored."""

from __future__ import annotations

import torch
from torch import Tensor

from ...blocks.errors import InputError
from ...studies.tasks.task import CLASSIFICATION
from ..training.pixels import Normalise, Pixels
from ..training.randomness import generator
from .combine import BATCH


def batch_of(pixels: Pixels, size: int, *, seed: int, count: int = BATCH) -> tuple[Tensor, Tensor]:
    """Normalised training images, (count, c, size, size), and their labels, (count,), all 0 where
    there are no classes.

    The classes, or strata, take turns, and no image occurs twice. If the data set has fewer
    distinct images, all of them are returned.

    Args:
        pixels: the data set.
        size: height and width in pixels.
        seed: seed of the selection.
        count: number of images.

    Raises:
        InputError: `count` or the number of distinct images is below 2.
    """
    if count < 2:
        raise InputError(f"a batch must have at least 2 images, but got {count}")
    images_nchw, labels_n = pixels.at("train", size)[0], pixels.strata("train")
    count_of_strata = int(labels_n.max()) + 1
    order = torch.randperm(len(labels_n), generator=generator(seed, "scores", "batch")).to(labels_n.device)
    place = torch.zeros_like(order)  # position of each image among those of its class
    for label in range(count_of_strata):
        rows = order[labels_n[order] == label]
        place[rows] = torch.arange(len(rows), device=order.device)
    order = order[torch.argsort(place[order] * count_of_strata + labels_n[order], stable=True)]
    rows_b, seen = [], set()
    for row in order.tolist():
        content = images_nchw[row].cpu().numpy().tobytes()
        if content not in seen:
            seen.add(content)
            rows_b.append(row)
        if len(rows_b) == count:
            break
    if len(rows_b) < 2:
        raise InputError("a batch must have at least 2 images, but the training images are all the same")
    chosen = torch.tensor(rows_b, device=images_nchw.device)
    labels_b = labels_n[chosen] if pixels.task == CLASSIFICATION else torch.zeros_like(chosen)
    return Normalise(pixels.mean, pixels.std, pixels.device)(images_nchw[chosen]), labels_b
