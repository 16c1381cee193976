"""How an exported network is used: functions at the end of every model.py, copied from here.

Those of `usage_classes`, `usage_labels` or `usage_numbers` follow them. The generated file defines
the names that are only declared here. Shape letters: c channels, h height, w width.
"""

# ruff: noqa: F821 (to it, a name that is declared without a value is undefined)

import argparse
import io
import random
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file

from ...blocks.modules.network import Network
from ..tasks.preprocessing import read_pixels

SIZE: int
STEPS: tuple[tuple[int, str], ...]
LEVELS: tuple[float, float] | None
MEAN: tuple[float, ...]
STD: tuple[float, ...]
build: Callable[[], Network]


def load(path: str | Path | None = None) -> Network:
    """The trained network in eval mode; the weights lie beside this file unless `path` names
    another."""
    network = build()
    network.load_state_dict(load_file(path or Path(__file__).with_name("model.safetensors")))
    return network.eval()


def preprocess(image: Image.Image | str | Path | np.ndarray) -> torch.Tensor:
    """An image, an array (h, w, c) or a path -> the network's input, (1, c, SIZE, SIZE), as in
    training; see `read_pixels`."""
    x_hwc = torch.from_numpy(read_pixels(image, STEPS, len(MEAN), LEVELS)).float()
    scale = torch.tensor([1 / (255 * std) for std in STD])
    shift = torch.tensor([-mean / std for mean, std in zip(MEAN, STD, strict=True)])
    return (x_hwc * scale + shift).permute(2, 0, 1).unsqueeze(0)


def run(described: Callable[[Network, Image.Image | str | Path | np.ndarray], str], outputs: str) -> None:
    """Print what `described` says of the images named on the command line, or without any of a
    synthetic one, to see that everything is in place."""
    parser = argparse.ArgumentParser(description="Describe images; without any, a synthetic one.")
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="image files")
    parser.add_argument("--weights", metavar="FILE", help="default: model.safetensors beside this file")
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a class may have a name that the terminal cannot show
    try:
        network = load(arguments.weights)
    except (OSError, RuntimeError, SafetensorError) as error:
        parser.error(f"the weights cannot be loaded: {error}")
    print(
        f"{sum(parameter.numel() for parameter in network.parameters()):,} parameters, {outputs}, {SIZE}x{SIZE} pixels"
    )
    channels = 3 if len(MEAN) in (1, 3) else len(MEAN)
    pixels = np.frombuffer(random.Random(0).randbytes(channels * SIZE * SIZE), np.uint8).reshape(SIZE, SIZE, channels)
    noise = Image.fromarray(pixels) if channels == 3 else pixels
    for name, image in [(path, path) for path in arguments.images] or [("synthetic image", noise)]:
        try:
            print(f"{name}:", described(network, image))
        except (
            OSError,
            ValueError,
            SyntaxError,
        ) as error:  # what Pillow raises on files that are no images, or damaged
            parser.error(f"{name} cannot be read: {error}")
