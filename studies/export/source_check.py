"""Checks that a generated file builds the network it was generated from: the same names of weights,
the same outputs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

import torch
from torch import Tensor, nn

from ...blocks.errors import AutomlError

TOLERANCE = 1e-6
"""Largest difference of an output, relative where outputs exceed 1. The operations are the same, so
the difference is 0 where kernels are deterministic."""
TOLERANCE_IN_TRAINING = 1e-4
"""The same in training mode, where batch statistics magnify rounding errors."""
BATCHES = (1, 3)
"""Numbers of images at which outputs are compared."""


@contextmanager
def loaded(path: Path) -> Iterator[Any]:
    """The generated file at `path` as a module, without leaving compiled code beside it."""
    module = ModuleType(f"exported_{uuid4().hex}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look there for the module they are defined in
    try:
        with torch.random.fork_rng(devices=[]):
            exec(compile(path.read_text("utf-8"), str(path), "exec"), vars(module))
            yield module
    finally:
        del sys.modules[module.__name__]


def verify(path: Path, network: nn.Module, image: tuple[int, int, int]) -> None:
    """Compare `network`, in eval mode, with what the file at `path` builds and loads, on random
    images of shape `image`.

    Outputs are compared with the weights, in eval mode, and then with random scales and shifts, in
    training mode: where residual branches are scaled by zero, or nearly, outputs are the same
    whatever is wrong in them; and where scales are random, only batch statistics keep the numbers
    within bounds.

    Raises:
        AutomlError: says what differs.
    """
    with loaded(path) as module:
        try:
            rebuilt: nn.Module = module.load()
        except Exception as error:
            raise AutomlError(
                f"{path.name} does not rebuild the network: {type(error).__name__}: {_short(error)}"
            ) from error
        ours, theirs = set(network.state_dict()), set(rebuilt.state_dict())
        if ours != theirs:
            missing, unexpected = sorted(ours - theirs), sorted(theirs - ours)
            raise AutomlError(
                f"{path.name} does not rebuild the network: weights missing {missing[:3]}, unexpected {unexpected[:3]}"
            )
        weights = {name: tensor.clone() for name, tensor in network.state_dict().items()}
        try:
            for count in BATCHES:
                _compare(path.name, network, rebuilt, random_images(count, image), TOLERANCE)
            stirred = _stirred(network)
            for each in (network, rebuilt):
                each.load_state_dict(stirred)
                each.train()
            _compare(path.name, network, rebuilt, random_images(BATCHES[-1], image), TOLERANCE_IN_TRAINING)
        finally:
            network.load_state_dict(weights)
            network.eval()


def random_images(count: int, image: tuple[int, int, int]) -> Tensor:
    """The same `count` images of normally distributed numbers at every call."""
    return torch.randn(count, *image, generator=torch.Generator().manual_seed(count))


def _compare(file: str, network: nn.Module, rebuilt: nn.Module, images: Tensor, tolerance: float) -> None:
    outputs = []
    for each in (network, rebuilt):
        torch.manual_seed(0)  # the same for both, if a module draws numbers; `loaded` puts the generator back
        with torch.no_grad():
            outputs.append(each(images))
    wanted, got = outputs
    if wanted.shape != got.shape:
        raise AutomlError(
            f"{file} does not rebuild the network: outputs have shape {tuple(got.shape)} instead of"
            f" {tuple(wanted.shape)}"
        )
    allowed = tolerance * max(1.0, float(wanted.abs().max().nan_to_num()))
    if not torch.allclose(wanted, got, rtol=0.0, atol=allowed, equal_nan=True):
        difference = float((wanted - got).abs().max())
        raise AutomlError(
            f"{file} does not rebuild the network: outputs differ by up to {difference:.3g}, and at most {allowed:.3g}"
            " is allowed"
        )


def _stirred(network: nn.Module) -> dict[str, Tensor]:
    """The network's weights, every scale and shift drawn from 0.5 to 1.5."""
    generator = torch.Generator().manual_seed(0)
    shifts = {name for name, parameter in network.named_parameters() if parameter.ndim == 1}
    return {
        name: torch.rand(tensor.shape, generator=generator) + 0.5 if name in shifts else tensor.clone()
        for name, tensor in network.state_dict().items()
    }


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
