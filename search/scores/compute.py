"""Scores of a candidate or of a network, sharing their passes.

Shape letters: b batch, c channels, h height, w width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ...blocks import AutomlError, Cost, InputError
from ...spaces import Candidate
from ..training.randomness import seeded
from .registry import score, score_names
from .subject import Subject
from .tracing import evaluating

FREE = ("log_params", "log_macs")
"""Scores for which no network is built."""


class NoScore(AutomlError):
    """A score of a network is infinite or no number: recorded as FAIL where the score was the
    evaluation, left out where it was a hint."""


def scores_of(
    candidate: Candidate,
    images: Tensor,
    labels: Tensor,
    *,
    names: Sequence[str] | None = None,
    size: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> dict[str, float]:
    """The scores called `names` (None: all) of `candidate`, its network initialised from `seed`.
    The same seed and batch give the same scores.

    Args:
        candidate: what is judged.
        images: (b, c, h, w), floats of zero mean and unit deviation, at least 2: see `batch_of`.
        labels: (b,), int64.
        names: of scores; None takes all.
        size: pixels a side that the images are brought to; None leaves them.
        seed: of the initial weights and of what scores draw.
        device: where it is computed.

    Raises:
        InputError: an unknown score, or a batch that does not fit.
        NoScore: a score is infinite or no number.
    """
    wanted = _known(names)
    _check(images, labels)
    if images.shape[1] != candidate.image[0] or int(labels.max()) >= candidate.classes:
        got = f"{images.shape[1]} channels and label {int(labels.max())}"
        raise InputError(
            f"a batch must fit the candidate's {candidate.image[0]} channels and {candidate.classes} classes, but got"
            f" {got}"
        )
    cost = candidate.cost()
    if set(wanted) <= set(FREE):
        network: nn.Module = nn.Identity()
    else:
        with seeded(seed, "build", device=device):
            network = candidate.build().to(device).to(memory_format=_layout(device, wanted))
        images, labels = _brought(images, labels, size, device, _layout(device, wanted))
    return _scores(network, images, labels, wanted, seed, cost)


def network_scores(
    network: nn.Module, images: Tensor, labels: Tensor, *, names: Sequence[str] | None = None, seed: int = 0
) -> dict[str, float]:
    """The scores called `names` of a network as it is, which stays as it was: parameters, buffers,
    gradients and modes. (None: all but those of costs.)

    Raises:
        InputError: an unknown score, one that needs a candidate, or a batch that does not fit.
        NoScore: a score is infinite or no number.
    """
    wanted = [name for name in score_names() if name not in FREE] if names is None else _known(names)
    _check(images, labels)
    return _scores(network, images, labels, wanted, seed, None)


def _scores(
    network: nn.Module, images: Tensor, labels: Tensor, names: Sequence[str], seed: int, cost: Cost | None
) -> dict[str, float]:
    gradients = any(score(name).gradients for name in names)
    subject = Subject(
        network=network,
        images=images,
        labels=labels,
        seed=seed,
        cost=cost,
        patterns="naswot" in names,
        gradients=gradients,
    )
    with evaluating(network):
        found = {name: score(name).of(subject) for name in names}
    for name, value in found.items():
        if not math.isfinite(value):
            raise NoScore(f"a score must be a finite number, but {name} is {value}{_why(name, value)}")
    return found


def _why(name: str, value: float) -> str:
    if name == "naswot" and value == -math.inf:
        return "; two images of the batch have one pattern: are two the same?"
    if name == "naswot":
        return "; the network has no activation"
    return "; the network has no `forward_features`, or its maps are not finite" if name == "zen" else ""


def _known(names: Sequence[str] | None) -> list[str]:
    return score_names() if names is None else [score(name).name for name in dict.fromkeys(names)]


def _check(images: Tensor, labels: Tensor) -> None:
    if images.ndim != 4 or not images.is_floating_point() or len(images) < 2:
        raise InputError(
            f"a batch must be at least 2 images as floats of shape (b, c, h, w), but got {images.dtype} of shape"
            f" {tuple(images.shape)}"
        )
    if labels.shape != images.shape[:1] or labels.dtype != torch.int64:
        raise InputError(
            f"labels must be int64 of shape ({len(images)},), one for each image, but got {labels.dtype} of shape"
            f" {tuple(labels.shape)}"
        )
    if int(labels.min()) < 0:
        raise InputError(f"labels must be 0 or above, but got {int(labels.min())}")


def _brought(
    images: Tensor, labels: Tensor, size: int | None, device: torch.device | str, layout: torch.memory_format
) -> tuple[Tensor, Tensor]:
    if size is not None and size < 1:
        raise InputError(f"size must be at least 1, but got {size}")
    images = images.to(device)
    if size is not None and images.shape[2:] != (size, size):
        images = nn.functional.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return images.contiguous(memory_format=layout), labels.to(device)


def _layout(device: torch.device | str, names: Sequence[str]) -> torch.memory_format:
    """That of the fast kernels, but for gradients on the CPU: those of narrow strided convolutions
    may die of it (`training.strided`), and scores take them through calls that cannot be exchanged.
    """
    forward_only = set(names) <= {"naswot", "zen", *FREE}
    return torch.channels_last if forward_only or torch.device(device).type != "cpu" else torch.contiguous_format
