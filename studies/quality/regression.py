"""Quality measures of networks that give numbers, by torchmetrics.

Of one target values are in its unit; of several, whose units may differ, in standard deviations of
the training images, and measures are means over the targets. Shape letters: n images, t targets.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ...blocks.errors import InputError
from ..tasks.task import REGRESSION
from .protocol import Measure

if TYPE_CHECKING:
    from torch import Tensor


class MeanAbsoluteError(Measure):
    """Mean distance of a prediction from the truth."""

    name = "mae"
    words = "MAE"
    task = REGRESSION
    smaller_is_better = True
    highest: float = math.inf

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The mean over images and targets; both arguments are numbers, (n, t)."""
        from torchmetrics.functional.regression import mean_absolute_error

        return mean_absolute_error(logits_nk.double(), labels_n.double()).item()


class RootMeanSquaredError(Measure):
    """Root of the mean squared distance of a prediction from the truth."""

    name = "rmse"
    words = "RMSE"
    task = REGRESSION
    smaller_is_better = True
    highest: float = math.inf

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The mean over the targets; both arguments are numbers, (n, t)."""
        from torchmetrics.functional.regression import mean_squared_error

        count = logits_nk.shape[1]
        each_t = mean_squared_error(logits_nk.double(), labels_n.double(), squared=False, num_outputs=count)
        return each_t.mean().item()


class R2(Measure):
    """Share of the variance that predictions explain; 0 for the mean, negative for worse."""

    name = "r2"
    words = "R²"
    task = REGRESSION
    lowest: float = -math.inf

    def of(self, logits_nk: Tensor, labels_n: Tensor) -> float:
        """The mean over the targets; both arguments are numbers, (n, t).

        Raises:
            InputError: a target is the same for all images.
        """
        from torchmetrics.functional.regression import r2_score

        if len(labels_n) < 2 or not bool((labels_n.amax(dim=0) > labels_n.amin(dim=0)).all()):
            raise InputError("R² needs two images with other values of each target, but has none")
        return r2_score(logits_nk.double(), labels_n.double()).item()
