"""How trainings at a small size rank networks, beside trainings at 128 px: own strides or fitted.

    uv run python benchmarks/proxy.py [--data cifar10] [--networks 20] [--keep FILE] [--write]

Takes random networks of two spaces, deployed at 224 px within a budget, and trains each at 32 px
with its own strides, at 32 px with strides fitted to a last map of 2 and of 4 pixels, and at
128 px. The rank correlation with the last says what a proxy keeps, the seconds what it costs.
Trainings are kept in a JSON file, from which the same call goes on. `--dry-run` takes noise and
cheap networks, to see that everything runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
from automl.studies import Fidelity
from gpu_tasks import device_of, generated, machine, table
from network_trainings import Network, Trained, Trainings, drawn, images_of, within
from scipy.stats import kendalltau, spearmanr

RESULTS = Path(__file__).resolve().parent / "results" / "proxy.md"
SPACES = ("efficientnet", "resnext-attention")
"""The two families; half of the networks are from each."""


class Proxy(NamedTuple):
    """A way to train a network."""

    size: int
    """Pixels a side."""
    smallest: int
    """Pixels a side that the last map keeps; 0: with the network's own strides."""

    def fidelity(self, epochs: int) -> Fidelity:
        """The fidelity of a training of `epochs`."""
        return Fidelity(epochs=epochs, size=self.size, smallest_map=self.smallest)

    def __str__(self) -> str:
        return f"{self.size} px, " + (f"last map {self.smallest} px" if self.smallest else "own strides")


TRUTH = Proxy(128, 0)
"""The training with which the others are compared: a 32-fold squeeze leaves 4 pixels a side."""
PROXIES = (Proxy(32, 0), Proxy(32, 2), Proxy(32, 4))


def rows(trainings: Trainings, networks: list[Network], *, epochs: int, seeds: int) -> Iterator[list[str]]:
    """One row for each way of training: what it costs, and how it ranks the networks."""
    found = {
        proxy: [
            [trainings.of(network.candidate, proxy.fidelity(epochs), seed) for seed in range(seeds)]
            for network in networks
        ]
        for proxy in (*PROXIES, TRUTH)
    }
    truth = accuracies(found[TRUTH])
    for proxy, every in found.items():
        own, spent = accuracies(every), [one for seeds_of in every for one in seeds_of]
        yield [
            str(proxy),
            f"{np.mean([one['mmacs'] for one in spent]):.1f}",
            f"{np.mean([one['seconds'] for one in spent]):.1f}",
            f"{np.mean(own):.4f}",
            *(
                ["1", "1"]
                if proxy == TRUTH
                else [f"{spearmanr(own, truth)[0]:.2f}", f"{kendalltau(own, truth)[0]:.2f}"]
            ),
            *(within(space, networks, own, truth) for space in SPACES),
        ]


def accuracies(every: list[list[Trained]]) -> np.ndarray:
    """The mean accuracy of each network over its seeds."""
    return np.array([np.mean([one["curve"][-1] for one in seeds]) for seeds in every])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="cifar10", help="the images, as `automl search --data` takes them")
    parser.add_argument("--budget", default="400MFLOPs", help="upper bound on the cost at 224 px")
    parser.add_argument("--networks", type=int, default=20, help="networks, half of them from each space")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each network, each of another seed")
    parser.add_argument("--epochs", type=int, default=20, help="epochs of each training")
    parser.add_argument("--images", type=int, default=10_000, help="training images")
    parser.add_argument("--device", help="the GPU if there is one")
    parser.add_argument("--keep", type=Path, help="a JSON file of trainings to go on from")
    parser.add_argument("--dry-run", action="store_true", help="noise, cheap networks and one epoch")
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/results/proxy.md")
    asked = parser.parse_args()
    device = device_of(asked.device)
    if asked.dry_run:
        pixels, classes, epochs, budget = generated(60, 32, device), 10, 1, "150MFLOPs"
    else:
        pixels, classes, _ = images_of(asked.data, asked.images, device, size=TRUTH.size)
        epochs, budget = asked.epochs, asked.budget
    networks = [network for space in SPACES for network in drawn(space, budget, asked.networks // 2, classes)]
    trainings = Trainings(pixels, asked.keep)
    head = ["training", "MMACs", "seconds", "accuracy", "Spearman ρ", "Kendall τ", *(f"ρ in {name}" for name in SPACES)]
    lines = [
        f"{len(networks)} networks within {budget} at 224 px, {asked.seeds} seed(s), {epochs} epochs on"
        f" {pixels.count('train'):,} images of {'noise' if asked.dry_run else asked.data}; {machine(device)};"
        f" {date.today()}. Correlations are with the training at {TRUTH}.",
        "",
        table(head, list(rows(trainings, networks, epochs=epochs, seeds=asked.seeds))),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if asked.write:
        RESULTS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
