"""How an exported network that gives labels is used: the functions that end its model.py, copied
from here."""

# ruff: noqa: F821 (to it, a name that is declared without a value is undefined)

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...blocks.modules.network import Network
from .usage import preprocess, run

LABELS: tuple[str, ...]


def label(
    network: Network, image: Image.Image | str | Path | np.ndarray, threshold: float = 0.0
) -> list[tuple[str, float]]:
    """The labels of an image whose probability is at least `threshold`, each with it, the most
    probable first."""
    with torch.inference_mode():
        probabilities = network(preprocess(image))[0].sigmoid().tolist()
    found = [(name, value) for name, value in zip(LABELS, probabilities, strict=True) if value >= threshold]
    return sorted(found, key=lambda one: -one[1])


def described(network: Network, image: Image.Image | str | Path | np.ndarray) -> str:
    """The labels of an image with a probability of a half or more, in words; the most probable one
    if there are none."""
    found = label(network, image, 0.5)
    best = label(network, image)[0]
    words = ", ".join(f"{name} {share:.1%}" for name, share in found)
    return words or f"none of the labels (the most probable is {best[0]}, {best[1]:.1%})"


def main() -> None:
    """Label the images named on the command line, or without any a synthetic one."""
    run(described, f"{len(LABELS)} labels")
