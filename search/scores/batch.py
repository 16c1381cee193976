"""The batch by which a study's candidates are judged: the same images for all of them."""

from __future__ import annotations

import torch
from torch import Tensor

from ...blocks.errors import InputError
from ..training.pixels import Normalise, Pixels
from ..training.randomness import generator
from .combine import BATCH


def batch_of(pixels: Pixels, size: int, *, seed: int, count: int = BATCH) -> tuple[Tensor, Tensor]:
    """`count` training images of `size` pixels a side, normalised, (count, c, size, size), and
    their labels: a class after the other, no image twice.

    Of a data set with fewer distinct images all are taken.

    Raises:
        InputError: fewer than 2 images are asked for, or there are fewer.
    """
    if count < 2:
        raise InputError(f"a batch must have at least 2 images, but got {count}")
    images_nchw, labels_n = pixels.at("train", size)
    order = torch.randperm(len(labels_n), generator=generator(seed, "scores", "batch")).to(labels_n.device)
    place = torch.zeros_like(order)  # of an image among those of its class
    for label in range(pixels.classes):
        rows = order[labels_n[order] == label]
        place[rows] = torch.arange(len(rows), device=order.device)
    order = order[torch.argsort(place[order] * pixels.classes + labels_n[order], stable=True)]
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
    return Normalise(pixels.mean, pixels.std, pixels.device)(images_nchw[chosen]), labels_n[chosen]
