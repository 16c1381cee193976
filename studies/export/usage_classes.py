"""How an exported classifier is used: the functions that end its model.py, copied from here."""

# ruff: noqa: F821 (to it, a name that is declared without a value is undefined)

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...blocks.modules.network import Network
from .usage import preprocess, run

CLASSES: tuple[str, ...]


def classify(network: Network, image: Image.Image | str | Path | np.ndarray, top: int = 3) -> list[tuple[str, float]]:
    """The `top` classes of an image, each with its probability, the most probable first."""
    with torch.inference_mode():
        probabilities = network(preprocess(image))[0].softmax(0)
    found = probabilities.topk(min(top, len(CLASSES)))
    return [(CLASSES[index], value) for value, index in zip(found.values.tolist(), found.indices.tolist(), strict=True)]


def main() -> None:
    """Classify the images named on the command line, or without any a synthetic one."""
    run(
        lambda network, image: ", ".join(f"{label} {share:.1%}" for label, share in classify(network, image)),
        f"{len(CLASSES)} classes",
    )
