"""What networks are trained to give where that is not one class: labels, or numbers.

Numbers are standardised by the images that train, so that networks of all data sets give values
about 0; the exported network gives them in their own units again. Shape letters: n images, k
outputs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...studies.tasks.task import MULTI_LABEL, REGRESSION
from .images import ImageData


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The answer for each image of a data set, as trainings take it."""

    task: str
    """"multi-label" or "regression"."""
    values: NDArray[np.float32]
    """(n, k): 1 for the labels of an image and 0 for others, or standardised numbers."""
    mean: tuple[float, ...] = ()
    """The mean of each number over the images that train, in its unit; empty for labels."""
    std: tuple[float, ...] = ()
    """The standard deviation of each number over them, 1 for a constant one; empty for labels."""

    @classmethod
    def of(cls, data: ImageData, train: NDArray[np.int64]) -> Answers | None:
        """The answers of a data set whose rows `train` train; None if it has classes."""
        if data.task == MULTI_LABEL:
            return cls(task=data.task, values=data.targets.astype(np.float32))
        if data.task != REGRESSION:
            return None
        mean, deviation = data.targets[train].mean(axis=0), data.targets[train].std(axis=0)
        # A constant is off by the rounding of its mean, which must not be blown up to noise.
        std = np.where(deviation > 1e-9 * np.maximum(1.0, np.abs(mean)), deviation, 1.0)
        values = ((data.targets - mean) / std).astype(np.float32)
        return cls(task=data.task, values=values, mean=tuple(mean.tolist()), std=tuple(std.tolist()))
