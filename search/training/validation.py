"""Measures a network on the validation images of its training."""

from __future__ import annotations

import math
from functools import partial

from torch import nn

from .accuracy import quality
from .graphs import Graphs
from .pixels import Pixels
from .recipe import Recipe


class Validation:
    """The quality measure of a training."""

    def __init__(self, pixels: Pixels, recipe: Recipe, metric: str, graphs: Graphs) -> None:
        """On a GPU it runs as one of the CUDA graphs of the training, `graphs`."""
        self._pixels, self._recipe, self._metric, self._graphs = pixels, recipe, metric, graphs

    def __call__(self, network: nn.Module, size: int, *, batch_size: int) -> float:
        """The measure of `network` in eval mode on the validation images at `size`, larger being
        better; NaN if there are none. On a GPU batches have the training's size, for which cuDNN
        is prepared.

        Raises:
            Diverged: a logit is not finite.
        """
        pixels = self._pixels
        if not pixels.count("validation"):
            return math.nan
        images_nchw, labels_n = pixels.at("validation", size)
        on_gpu = {"batch_size": batch_size, "run": partial(self._graphs.run, ("validation", size))}
        return quality(
            network,
            images_nchw,
            labels_n,
            metric=self._metric,
            in_units=pixels.in_units,
            mean=pixels.mean,
            std=pixels.std,
            amp=self._recipe.amp,
            **(on_gpu if pixels.device.type == "cuda" else {}),
        )
