"""Derives random numbers from a seed and their purpose alone.

A worker trains many candidates one after the other, and dropout and drop-path draw from torch's
global generator, so that a result could depend on what ran before it. Every stream is therefore
seeded from the SHA-256 of (seed, purpose, number). No generator state has to be kept across epochs
or saved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, the same in every process and on every machine.

    >>> derive(0, "epoch", 1) == derive(0, "epoch", 1) != derive(0, "epoch", 2)
    True
    """
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A new generator for one purpose, on the CPU, so that draws are the same for all devices."""
    return torch.Generator().manual_seed(derive(seed, *purpose))


@contextmanager
def seeded(seed: int, *purpose: str | int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seed torch's global generators within the `with` block and restore their states afterwards.

    To build a network whose initial weights follow from the seed: `with seeded(seed, "build"):
    network = …`. Only the generators of the CPU and of `device` are seeded, since seeding those of
    other GPUs would initialise them.
    """
    device = torch.device(device)
    on_cuda = device.type == "cuda"
    index = (device.index if device.index is not None else torch.cuda.current_device()) if on_cuda else 0
    with torch.random.fork_rng(devices=[index] if on_cuda else []):
        value = derive(seed, *purpose)
        torch.default_generator.manual_seed(value)
        if on_cuda:
            torch.cuda.default_generators[index].manual_seed(value)
        yield
