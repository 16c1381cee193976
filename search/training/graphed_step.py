"""Does one update on a GPU, replayed as a CUDA graph.

A graph holds kernels and the addresses that they read and write, but no Python. What changes from
update to update is therefore kept in tensors on the device: rows, draws, learning rates, and the
share of the new weights in the averaged ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import torch
from timm.utils import ModelEmaV3
from torch import Tensor, nn

from .batches import Batches
from .graphs import Graphs
from .loss import Loss
from .ranks import Ranks
from .recipe import Recipe
from .step import Step


def step_of(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: ModelEmaV3 | None,
    recipe: Recipe,
    graphs: Graphs,
    loss: Loss,
    ranks: Ranks,
) -> Step:
    """The step of a network on its device. Several processes take theirs without graphs: networks
    for which several GPUs pay are so large that a graph gains little."""
    device = next(network.parameters()).device
    if device.type == "cuda" and ranks.alone:
        return GraphedStep(network, optimizer, average, recipe, device, graphs, loss)
    return Step(network, optimizer, average, recipe, device, loss, ranks)


class GraphedStep(Step):
    """Does the updates of one network, as graphs wherever `graphs` can capture them."""

    def __init__(
        self,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        average: ModelEmaV3 | None,
        recipe: Recipe,
        device: torch.device,
        graphs: Graphs,
        loss: Loss | None = None,
    ) -> None:
        super().__init__(network, optimizer, average, recipe, device, loss)
        self._graphs = graphs
        self._rates = [torch.zeros((), device=device) for _ in optimizer.param_groups]
        self._share = torch.zeros((), device=device)

    def __call__(self, batches: Batches, rows_b: Tensor, draws_b5: Tensor, update: int) -> Tensor:
        for rate, group in zip(self._rates, self._optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        if self._average is not None:
            self._share.fill_(1 - self._average.get_decay(update + 1))
        if batches.transforms is not None:  # a graph would repeat the choices that are made in Python
            return self._graphs.run("prepared", self._prepared, *batches(rows_b, draws_b5))
        return self._graphs.run(batches.augmentation, partial(self._whole, batches), rows_b, draws_b5)

    def _whole(self, batches: Batches, rows_b: Tensor, draws_b5: Tensor) -> Tensor:
        return self._prepared(*batches(rows_b, draws_b5))

    def _prepared(self, x_bchw: Tensor, target: Tensor) -> Tensor:
        loss = self._gradients(x_bchw, target)
        with self._rates_on_device():
            self._optimizer.step()
        if self._average is not None:
            self._move_average(self._average.module)
        return loss

    @contextmanager
    def _rates_on_device(self) -> Iterator[None]:
        """Give the optimiser learning rates that a graph reads anew in each replay."""
        groups = self._optimizer.param_groups
        plain = [group["lr"] for group in groups]
        try:
            for group, rate in zip(groups, self._rates, strict=True):
                group["lr"] = rate
            yield
        finally:
            for group, rate in zip(groups, plain, strict=True):
                group["lr"] = rate

    @torch.no_grad()
    def _move_average(self, averaged: nn.Module) -> None:
        """As `ModelEmaV3.update`, which takes the share as a number: buffers are copied."""
        averages: list[Tensor] = list(averaged.parameters())
        weights: list[Tensor] = list(self._network.parameters())
        moves = torch._foreach_sub(weights, averages)
        torch._foreach_mul_(moves, self._share)
        torch._foreach_add_(averages, moves)
        buffers = list(zip(averaged.buffers(), self._network.buffers(), strict=True))
        for kind in {latest.dtype for _, latest in buffers}:  # one kernel copies tensors of one type
            pairs = [(kept, latest) for kept, latest in buffers if latest.dtype == kind]
            torch._foreach_copy_([kept for kept, _ in pairs], [latest for _, latest in pairs])
