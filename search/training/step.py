"""Does one update: the gradient of a batch, the optimiser's step, the averaged weights.

Shape letters: b batch, c channels, h height, w width, k classes, 5 = the draws of `augmentation`.
"""

from __future__ import annotations

import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn import functional

from .accuracy import autocast
from .batches import Batches
from .recipe import Recipe


class Step:
    """Does the updates of one network."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: ModelEmaV3 | None,
        recipe: Recipe,
        device: torch.device,
    ) -> None:
        self._network, self._optimizer, self._average = network, optimizer, average
        self._recipe, self._device = recipe, device

    def __call__(self, batches: Batches, rows_b: Tensor, draws_b5: Tensor, update: int) -> Tensor:
        """Train on one batch and return its mean loss; `update` counts the updates before it.

        The loss is valid until the next call.
        """
        loss = self._gradients(*batches(rows_b, draws_b5))
        self._optimizer.step()
        if self._average is not None:
            self._average.update(self._network, step=update + 1)
        return loss

    def _gradients(self, x_bchw: Tensor, labels_b: Tensor) -> Tensor:
        with autocast(self._device, self._recipe.amp):
            logits_bk = self._network(x_bchw)
        loss = functional.cross_entropy(logits_bk.float(), labels_b, label_smoothing=self._recipe.label_smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self._recipe.clip is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.clip)
        return loss.detach()
