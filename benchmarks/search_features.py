"""A real table in miniature: random, untrained convolutional features of scikit-learn's digits, and
a ridge classifier on them.

    uv run python benchmarks/search_features.py

Writes benchmarks/results/search_features.json: for every network of the space the validation
accuracies of three draws of its weights, and its MACs.
"""

import itertools
import json
import os
from pathlib import Path

# ruff: noqa: E402
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and torch are imported

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch.nn import functional

SPACE = {
    "width1": [2, 4, 8, 16],
    "kernel1": [1, 3, 5],
    "activation": ["relu", "tanh", "abs"],
    "pool": ["none", "mean", "max"],
    "width2": [4, 8, 16, 32],
    "kernel2": [1, 3, 5],
}
ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "abs": torch.abs}
RESULT = Path(__file__).resolve().parent / "results" / "search_features.json"
SIDE = 3
"""Maps are averaged to a square of this side before the classifier."""
PENALTY = 0.1


def layer(x_bchw: torch.Tensor, width: int, kernel: int, activation: str, generator: torch.Generator) -> torch.Tensor:
    channels = x_bchw.shape[1]
    weight = torch.randn(width, channels, kernel, kernel, generator=generator) / (channels * kernel**2) ** 0.5
    mapped = functional.conv2d(x_bchw, weight, padding=kernel // 2)
    mapped = (mapped - mapped.mean((0, 2, 3), keepdim=True)) / (mapped.std((0, 2, 3), keepdim=True) + 1e-5)
    return ACTIVATIONS[activation](mapped)


def accuracy(one: dict, x_bchw: torch.Tensor, y: torch.Tensor, train: int, seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    x = layer(x_bchw, one["width1"], one["kernel1"], one["activation"], generator)
    x = {
        "none": lambda t: t,
        "mean": lambda t: functional.avg_pool2d(t, 2),
        "max": lambda t: functional.max_pool2d(t, 2),
    }[one["pool"]](x)
    x = layer(x, one["width2"], one["kernel2"], one["activation"], generator)
    flat = functional.adaptive_avg_pool2d(x, SIDE).flatten(1).double()
    flat = (flat - flat[:train].mean(0)) / (flat[:train].std(0) + 1e-6)
    flat = torch.cat([flat, torch.ones(len(flat), 1)], 1)
    a, target = flat[:train], functional.one_hot(y[:train], 10).double()
    weights = torch.linalg.solve(a.T @ a + PENALTY * train * torch.eye(a.shape[1]) / 10, a.T @ target)
    return 100 * float(((flat[train:] @ weights).argmax(1) == y[train:]).double().mean())


def macs(one: dict) -> int:
    side = 8 if one["pool"] == "none" else 4
    first = 64 * one["width1"] * one["kernel1"] ** 2
    return first + side**2 * one["width1"] * one["width2"] * one["kernel2"] ** 2 + (one["width2"] * SIDE**2 + 1) * 10


def main() -> None:
    torch.set_num_threads(1)
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x = torch.tensor(data.images[order, None] / 16, dtype=torch.float32)
    y = torch.tensor(data.target[order])
    every = [dict(zip(SPACE, values, strict=True)) for values in itertools.product(*SPACE.values())]
    found = [[round(accuracy(one, x, y, 900, seed), 3) for seed in range(3)] for one in every]
    RESULT.write_text(json.dumps({"space": SPACE, "accuracies": found, "macs": [macs(one) for one in every]}))


if __name__ == "__main__":
    main()
