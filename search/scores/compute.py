"""Computes the scores of a candidate or of a network, with a pass that several scores share.

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
from .registry import Score, score, score_names
from .subject import Subject
from .tracing import evaluating


class NoScore(AutomlError):
    """A score of a network is not finite. Recorded as FAIL if the score is the evaluation; left out
    if it is a hint."""


def scores_of(
    candidate: Candidate,
    images: Tensor,
    labels: Tensor,
    *,
    names: Sequence[str] | None = None,
    size: int | None = None,
    seed: int = 0,
    device: torch.device | str = "cpu",
    proxy: Candidate | None = None,
) -> dict[str, float]:
    """The scores of `candidate` by name. The same seed and batch give the same scores.

    Args:
        candidate: the network to score; it is initialised from `seed`.
        images: (b, c, h, w), floats of zero mean and unit variance, at least 2; see `batch_of`.
        labels: (b,), int64.
        names: names of the scores; None computes all.
        size: height and width in pixels to which images are resized; None leaves them.
        seed: seed of the initial weights and of all draws.
        device: the device that computes them.
        proxy: the network that is built in the candidate's place; None builds the candidate. Scores
            of the cost are always the candidate's.

    Raises:
        InputError: an unknown score, or a batch that does not fit the candidate.
        NoScore: a score is not finite.
    """
    wanted = score_names() if names is None else list(dict.fromkeys(names))
    kinds = [score(name) for name in wanted]
    _check(images, labels)
    if images.shape[1] != candidate.image[0] or int(labels.max()) >= candidate.classes:
        got = f"{images.shape[1]} channels and label {int(labels.max())}"
        raise InputError(
            f"a batch must fit the candidate's {candidate.image[0]} channels and {candidate.classes} classes, but got"
            f" {got}"
        )
    cost = candidate.cost()
    if any(kind.network for kind in kinds):
        layout = _layout(device, kinds)
        with seeded(seed, "build", device=device):
            network = (proxy or candidate).build().to(device).to(memory_format=layout)
        images, labels = _prepared(images, labels, size, device, layout)
    else:
        network = nn.Identity()
    return _scores(network, images, labels, kinds, seed, cost)


def network_scores(
    network: nn.Module, images: Tensor, labels: Tensor, *, names: Sequence[str] | None = None, seed: int = 0
) -> dict[str, float]:
    """The scores of any network with its present weights, by name. Parameters, buffers, gradients
    and modes of the network are left unchanged.

    Args:
        network: the network to score.
        images, labels, seed: as in `scores_of`.
        names: names of the scores; None computes all that need no candidate.

    Raises:
        InputError: an unknown score, one that needs a candidate, or a batch that does not fit.
        NoScore: a score is not finite.
    """
    if names is None:
        kinds = [kind for kind in map(score, score_names()) if kind.network]
    else:
        kinds = [score(name) for name in dict.fromkeys(names)]
    _check(images, labels)
    return _scores(network, images, labels, kinds, seed, None)


def _scores(
    network: nn.Module, images: Tensor, labels: Tensor, kinds: Sequence[Score], seed: int, cost: Cost | None
) -> dict[str, float]:
    subject = Subject(
        network=network,
        images=images,
        labels=labels,
        seed=seed,
        cost=cost,
        patterns=any(kind.patterns for kind in kinds),
        gradients=any(kind.gradients for kind in kinds),
    )
    with evaluating(network):
        found = {kind.name: kind.of(subject) for kind in kinds}
    for kind in kinds:
        value = found[kind.name]
        if not math.isfinite(value):
            why = kind.if_nan if math.isnan(value) else kind.if_infinite
            raise NoScore(f"a score must be a finite number, but {kind.name} is {value}{'; ' + why if why else ''}")
    return found


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


def _prepared(
    images: Tensor, labels: Tensor, size: int | None, device: torch.device | str, layout: torch.memory_format
) -> tuple[Tensor, Tensor]:
    if size is not None and size < 1:
        raise InputError(f"size must be at least 1, but got {size}")
    images = images.to(device)
    if size is not None and images.shape[2:] != (size, size):
        images = nn.functional.interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return images.contiguous(memory_format=layout), labels.to(device)


def _layout(device: torch.device | str, kinds: Sequence[Score]) -> torch.memory_format:
    """The memory format with the faster kernels, channels last, unless gradients are taken on the
    CPU: the gradients of narrow strided convolutions may crash in it (`training.strided`), and
    scores call them in ways that cannot be replaced there."""
    backward = any(kind.backward for kind in kinds)
    return torch.contiguous_format if backward and torch.device(device).type == "cpu" else torch.channels_last
