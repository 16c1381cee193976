"""Does one update: the gradient of a batch, the optimiser's step, the averaged weights.

Shape letters: b batch, c channels, h height, w width, k classes, 5 = the draws of `augmentation`.
"""

from __future__ import annotations

import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from .accuracy import autocast
from .batches import Batches
from .loss import Loss
from .ranks import ALONE, Ranks
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
        loss: Loss | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Begin with the network and what trains it.

        Args:
            network: trained in place.
            optimizer: makes the steps.
            average: the averaged weights; None averages none.
            recipe: number of parts of a batch, clipping and precision.
            device: where the batches are.
            loss: None takes the recipe's, without class weights.
            ranks: the processes that share each batch.
        """
        self._network, self._optimizer, self._average = network, optimizer, average
        self._recipe, self._device = recipe, device
        self._loss = loss or Loss(recipe)
        self._ranks = ranks

    def __call__(self, batches: Batches, rows_b: Tensor, draws_b5: Tensor, update: int) -> Tensor:
        """Train on one batch and return its mean loss; `update` counts the updates before it.

        The loss is valid until the next call. Of several processes each returns its part of it: the
        sum over the processes is the mean loss.
        """
        own_b = self._ranks.own(rows_b)
        share = len(own_b) / len(rows_b)
        loss = self._gradients(*batches(own_b, self._ranks.own(draws_b5)), share) * share
        self._optimizer.step()
        if self._average is not None:
            self._average.update(self._network, step=update + 1)
        return loss

    def _gradients(self, x_bchw: Tensor, target: Tensor, share: float = 1.0) -> Tensor:
        """Compute the gradients of a batch and clip them; returns the mean loss of these images,
        which are a `share` of the batch."""
        parts = min(self._recipe.accumulate, len(x_bchw) // 2)  # batch normalisation needs two images
        if parts <= 1:
            loss = self._forward(x_bchw, target)
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
        else:
            self._optimizer.zero_grad(set_to_none=True)
            loss = torch.zeros((), device=x_bchw.device)
            for x_pchw, target_p in zip(x_bchw.tensor_split(parts), target.tensor_split(parts), strict=True):
                part = self._forward(x_pchw, target_p) * (len(x_pchw) / len(x_bchw))
                part.backward()
                loss += part.detach()
        self._ranks.sum_gradients(self._network, share)
        if self._recipe.clip is not None:
            nn.utils.clip_grad_norm_(self._network.parameters(), self._recipe.clip)
        return loss.detach()

    def _forward(self, x_bchw: Tensor, target: Tensor) -> Tensor:
        with autocast(self._device, self._recipe.amp):
            logits_bk = self._network(x_bchw)
        return self._loss(logits_bk, target)
