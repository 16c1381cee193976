"""Computes the accuracy of a network, or another quality measure.

Shape letters: b batch, c channels, h height, w width, k classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ...blocks.errors import Diverged
from ...studies.quality import ACCURACY, measure
from .device import has_fast_bf16
from .pixels import Images, Normalise


def autocast(device: torch.device, amp: bool) -> AbstractContextManager[object]:
    """bf16 autocast if `amp` asks for it and the device is fast with it; else no change."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if amp and has_fast_bf16(device) else nullcontext()


def accuracy(network: nn.Module, images: Images, labels: Tensor, **how: Any) -> float:
    """The share of `images` whose label has the largest logit; arguments and errors are those of
    `each_batch`."""
    right = torch.zeros((), dtype=torch.int64, device=images.device)

    def count(logits_bk: Tensor, labels_b: Tensor) -> None:
        right.add_((logits_bk.argmax(dim=1) == labels_b).sum())

    each_batch(count, network, images, labels, **how)
    return right.item() / len(labels)


def quality(
    network: nn.Module,
    images: Images,
    labels: Tensor,
    *,
    metric: str = ACCURACY,
    in_units: Callable[[Tensor], Tensor] = lambda outputs: outputs,
    **how: Any,
) -> float:
    """The quality measure `metric` of a network on `images`, larger being better, of outputs and
    labels `in_units`; the other arguments and errors are those of `each_batch`."""
    if metric == ACCURACY:
        return accuracy(network, images, labels, **how)
    parts: list[Tensor] = []
    each_batch(lambda logits_bk, _: parts.append(logits_bk.float().cpu().clone()), network, images, labels, **how)
    found = measure(metric)
    return found.turned(found.of(in_units(torch.cat(parts)), in_units(labels.cpu())))


def each_batch(
    use: Callable[[Tensor, Tensor], object],
    network: nn.Module,
    images: Images,
    labels: Tensor,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    batch_size: int = 256,
    amp: bool = True,
    run: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor] | None = None,
) -> None:
    """Call `use` with the logits, bk, and the labels, b or bk, of each batch of `images`, uint8
    bchw.

    Network, images and labels must be on the same device. `mean` and `std` are those of the
    training images (`Pixels.mean`, `Pixels.std`). The network keeps its mode (train or eval). `run`
    calls the function that it is given on a batch, for instance as a graph; it gets batches of one
    size, the last one filled up with its first image.

    Raises:
        Diverged: a logit is NaN or infinite; the accuracy would be that of the first class alone.
    """
    normalise = Normalise(mean, std, images.device)
    was_training = network.training
    network.eval()
    finite = torch.ones((), dtype=torch.bool, device=images.device)

    def logits(x_bchw: Tensor) -> Tensor:
        with autocast(images.device, amp):
            return network(normalise(x_bchw))

    with torch.no_grad():
        for x_bchw, labels_b in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            if run is None:
                logits_bk = logits(x_bchw)
            else:
                missing = x_bchw[:1].expand(batch_size - len(x_bchw), -1, -1, -1)
                logits_bk = run(logits, torch.cat([x_bchw, missing]))[: len(x_bchw)]
            use(logits_bk, labels_b)
            finite &= logits_bk.isfinite().all()
    network.train(was_training)
    if not finite:
        raise Diverged("the logits must be finite, but the network gives NaN or infinity on images it is evaluated on")
