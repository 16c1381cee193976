"""How an exported network that gives numbers is used: the functions that end its model.py, copied
from here."""

# ruff: noqa: F821 (to it, a name that is declared without a value is undefined)

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...blocks.modules.network import Network
from .usage import preprocess, run

TARGETS: tuple[str, ...]


def predict(network: Network, image: Image.Image | str | Path | np.ndarray) -> dict[str, float]:
    """The number of each target, in the unit of the table that the network was trained on."""
    with torch.inference_mode():
        numbers = network(preprocess(image))[0].tolist()
    return dict(zip(TARGETS, numbers, strict=True))


def main() -> None:
    """Predict the numbers of the images named on the command line, or without any of a synthetic
    one."""
    run(
        lambda network, image: ", ".join(f"{name} {value:.7g}" for name, value in predict(network, image).items()),
        f"{len(TARGETS)} target{'s' * (len(TARGETS) > 1)}",
    )
