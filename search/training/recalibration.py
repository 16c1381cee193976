"""Computes the statistics of batch normalisation anew from images that are not augmented.

Running statistics are those of augmented, perhaps mixed, images under weights that have changed
since; averaged weights have none of their own. Shape letters: n images, b batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .accuracy import autocast
from .batches import Batches
from .recipe import Recipe
from .schedule import EpochPlan


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Batches, rows_n: Tensor, plan: EpochPlan, recipe: Recipe) -> None:
    """Replace the running statistics of `network` by the means over the first of the images
    `rows_n`, as many as the recipe says, in batches as large as those of the epoch."""
    from torch.optim.swa_utils import update_bn

    device, rows_n = batches.labels_n.device, rows_n[: recipe.recalibrate]
    count = max(1, min(-(-len(rows_n) // plan.largest), len(rows_n) // 2))  # a batch has two images at least
    plain = (batches.normalise(batches.images_nchw[rows_b]) for rows_b in rows_n.to(device).tensor_split(count))
    with autocast(device, recipe.amp):
        update_bn(plain, network)
