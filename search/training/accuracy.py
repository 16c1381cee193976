"""Top-1 accuracy of a network on images that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from ...blocks.errors import Diverged
from .device import has_fast_bf16
from .pixels import Normalise


def autocast(device: torch.device, amp: bool) -> AbstractContextManager[object]:
    """bf16 autocast where it is wanted and fast, nothing elsewhere."""
    return torch.autocast("cuda", dtype=torch.bfloat16) if amp and has_fast_bf16(device) else nullcontext()


def accuracy(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    batch_size: int = 256,
    amp: bool = True,
) -> float:
    """Share of the uint8 `images` (n, c, h, w) whose label has the largest logit; network, images
    and labels lie on one device.

    `mean` and `std` are those of the training images (`Pixels.mean`, `Pixels.std`). The network is
    left in the mode it was in.

    Raises:
        Diverged: a logit is NaN or infinite; its accuracy would be that of always naming the first
            class.
    """
    normalise = Normalise(mean, std, images.device)
    was_training = network.training
    network.eval()
    right = torch.zeros((), dtype=torch.int64, device=images.device)
    finite = torch.ones((), dtype=torch.bool, device=images.device)
    with torch.no_grad(), autocast(images.device, amp):
        for x_bchw, labels_b in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            logits_bk = network(normalise(x_bchw))
            right += (logits_bk.argmax(dim=1) == labels_b).sum()
            finite &= logits_bk.isfinite().all()
    network.train(was_training)
    if not finite:
        raise Diverged("the logits must be finite, but the network gives NaN or infinity on images it is evaluated on")
    return right.item() / len(labels)
