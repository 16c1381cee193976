"""How the trainings that a search plans, and their first epochs, rank networks.

    uv run python benchmarks/fidelity.py --data FILE --budget 3MFLOPs --keep FILE [--write NAME]

Takes random networks of two spaces within a budget, trains each at every fidelity that a plan may
have (`3x0.41`: three epochs of 41 % of the images), and once for long, from another seed. The rank
correlation with the long training says what a fidelity is worth as a judge; that of its first
epochs whether training can be stopped there. Trainings are kept in a JSON file, from which the
same call goes on. `--dry-run` takes noise and cheap networks, to see that everything runs.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from automl.studies import Fidelity
from gpu_tasks import device_of, generated, machine, table
from network_trainings import Network, Trainings, drawn, images_of, within
from numpy.typing import NDArray
from scipy.stats import bootstrap, kendalltau, spearmanr

RESULTS = Path(__file__).resolve().parent / "results"
SPACES = ("resnet-basic", "efficientnet")
"""The two families."""


class Length(NamedTuple):
    """How long a training is."""

    epochs: int
    fraction: float

    @classmethod
    def parse(cls, text: str) -> Length:
        """`8x0.25` is eight epochs of a quarter of the images."""
        epochs, fraction = text.split("x")
        return cls(int(epochs), float(fraction))

    def fidelity(self, size: int) -> Fidelity:
        """The fidelity of a training at `size` pixels."""
        return Fidelity(epochs=self.epochs, size=size, fraction=self.fraction)

    def __str__(self) -> str:
        return f"{self.epochs} epochs of {self.fraction:.0%}"


def rows(
    trainings: Trainings, networks: Sequence[Network], lengths: Sequence[Length], long: Length, size: int
) -> Iterator[list[str]]:
    """One row for each epoch of each fidelity: what it costs, and how it ranks the networks."""
    truths = [trainings.of(network.candidate, long.fidelity(size), 1) for network in networks]
    truth = np.array([one["curve"][-1] for one in truths])
    for length in lengths:
        found = [trainings.of(network.candidate, length.fidelity(size), 0) for network in networks]
        for epoch in range(1, length.epochs + 1):
            own = np.array([one["curve"][epoch - 1] for one in found])
            spent = np.array([one["seconds"][epoch - 1] for one in found])
            low, high = interval(own, truth)
            yield [
                f"{length}, epoch {epoch}",
                f"{np.mean(spent):.1f}",
                f"{np.mean(spent / [one['seconds'][-1] for one in found]):.0%}",
                f"{np.mean(own):.4f} ± {np.std(own, ddof=1):.4f}",
                f"{spearmanr(own, truth)[0]:.2f} ({low:.2f} to {high:.2f})",
                f"{kendalltau(own, truth)[0]:.2f}",
                *(within(space, networks, own, truth) for space in SPACES),
            ]
    seconds = np.mean([one["seconds"][-1] for one in truths])
    yield [f"{long}, the end", f"{seconds:.1f}", "", f"{np.mean(truth):.4f} ± {np.std(truth, ddof=1):.4f}", *"1111"]


def interval(own: NDArray[np.float64], truth: NDArray[np.float64]) -> tuple[float, float]:
    """A 95 % interval of the rank correlation, over networks drawn anew."""

    def correlation(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
        return float(spearmanr(left, right)[0]) if len({*left}) > 1 and len({*right}) > 1 else 0.0

    found = bootstrap((own, truth), correlation, paired=True, vectorized=False, n_resamples=999, method="percentile",
                      rng=np.random.default_rng(0)).confidence_interval  # fmt: skip
    return float(found.low), float(found.high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="cifar10", help="the images, as `automl search --data` takes them")
    parser.add_argument("--budget", default="3MFLOPs", help="upper bound on the cost")
    parser.add_argument("--size", type=int, default=32, help="pixels a side")
    parser.add_argument("--networks", type=int, default=20, help="networks, half of them from each space")
    parser.add_argument("--lengths", nargs="+", default=["3x0.41", "8x0.25", "8x0.5"], help="fidelities of plans")
    parser.add_argument("--long", default="8x1.0", help="the long training")
    parser.add_argument("--images", type=int, default=10_200, help="training images")
    parser.add_argument("--no-flip", action="store_true", help="images are not mirrored")
    parser.add_argument("--device", help="the GPU if there is one")
    parser.add_argument("--keep", type=Path, help="a JSON file of trainings to go on from")
    parser.add_argument("--dry-run", action="store_true", help="noise, cheap networks and short trainings")
    parser.add_argument("--write", metavar="NAME", help="keep the table in benchmarks/results/NAME.md")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    device = device_of(asked.device)
    lengths, long = [Length.parse(text) for text in asked.lengths], Length.parse(asked.long)
    if asked.dry_run:
        pixels, classes, channels = generated(60, 32, device), 10, 3
        lengths, long = [Length(1, 1.0)], Length(2, 1.0)
    else:
        pixels, classes, channels = images_of(asked.data, asked.images, device, size=asked.size)
    networks = [
        network
        for space in SPACES
        for network in drawn(
            space, asked.budget, asked.networks // 2, classes, image_size=asked.size, channels=channels
        )
    ]
    trainings = Trainings(pixels, asked.keep, flip=not asked.no_flip)
    head = ["training", "CPU-s", "of the whole", "accuracy", "Spearman ρ (95 %)", "Kendall τ"]
    head += [f"ρ in {name}" for name in SPACES]
    data = "noise" if asked.dry_run else Path(asked.data).name
    lines = [
        f"{len(networks)} networks within {asked.budget} at {asked.size} px, {pixels.count('train'):,} images of"
        f" {data} to train; {machine(device)}; {date.today()}. Accuracies are the networks' mean ± standard"
        " deviation; correlations are with the last row, which is of another seed.",
        "",
        table(head, list(rows(trainings, networks, lengths, long, asked.size))),
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    if asked.write:
        (RESULTS / f"{asked.write}.md").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
