"""How accurate the reference networks of a budget are, trained by the recipe of a search.

    uv run python benchmarks/references.py --data FILE.npz --budget 3MFLOPs [--seeds 3] [--write]

Trains every network of `automl references`, and those of `--also` (found.json, STUDY:best), from
several seeds, on one thread and without Ray: the same data split, recipe, epochs and share of the
images as a search on these data. Each network is trained at the input size at which its cost is
counted. All networks are trained from one seed before any from the next. A finished training is a
line of `--rows`, and the same command goes on with what is missing. Prints a Markdown table;
`--write` keeps it in benchmarks/results/references.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

# ruff: noqa: E402
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and torch are imported

import torch
from automl.blocks.errors import Diverged
from automl.search.data import ImageData, Split, load, split
from automl.search.network_cost import cost
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe, default_epochs, default_fraction
from automl.search.training.trainer import Trainer
from automl.spaces import Candidate
from automl.spaces.references import references
from cost import machine

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network that is trained."""

    name: str
    candidate: Candidate
    macs: int


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all trainings share."""

    data: ImageData
    rows: Split
    part: str
    """What accuracy is measured on: "test" or "validation"."""
    recipe: Recipe
    epochs: int
    fraction: float

    @classmethod
    def of(cls, arguments: argparse.Namespace, part: str | None = None) -> Setting:
        """What a command line asks for; where it leaves something open, as a search has it."""
        data = load(arguments.data)
        rows = split(data, seed=0)
        data, images = data.levelled(rows.train), len(rows.train)
        return cls(
            data=data,
            rows=rows,
            part=part or arguments.part,
            recipe=Recipe.for_data(images=images, size=arguments.image_size or data.size, flip=data.flip),
            epochs=arguments.epochs or default_epochs(images),
            fraction=arguments.fraction or default_fraction(images),
        )

    def key(self, network: Network, seed: int) -> dict[str, Any]:
        """What makes a training this one."""
        return {
            "id": network.candidate.id,
            "seed": seed,
            "data": self.data.fingerprint,
            "part": self.part,
            "recipe": self.recipe.to_dict(),
            "epochs": self.epochs,
            "fraction": self.fraction,
        }

    def trained(self, network: Network, seed: int) -> dict[str, Any]:
        """Train a network and return its accuracy after each epoch, and the seconds it took."""
        measured = self.rows.test if self.part == "test" else self.rows.validation
        pixels = Pixels(self.data.images, self.data.labels, self.rows.train, measured, None, "cpu", self.data.levels)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            built = network.candidate.build(drop_rate=self.recipe.drop_rate, drop_path_rate=self.recipe.drop_path_rate)
        began = time.perf_counter()
        trainer = Trainer(
            built,
            pixels,
            epochs=self.epochs,
            size=network.candidate.image[1],
            recipe=self.recipe,
            seed=seed,
            fraction=self.fraction,
        )
        curve, reason = [], None
        try:
            while not trainer.finished:
                curve.append(trainer.epoch().accuracy)
        except Diverged as error:
            reason = str(error)
        seconds = time.perf_counter() - began
        return {"accuracy": None if reason else curve[-1], "curve": curve, "seconds": seconds, "reason": reason}


def networks(arguments: argparse.Namespace, data: ImageData) -> list[Network]:
    """The references of the budget for the data, then the networks of `--also`."""
    found = references(
        arguments.budget,
        image_size=arguments.image_size or data.size,
        classes=len(data.classes),
        channels=data.channels,
    )
    listed = [
        Network(name=one.name, candidate=one.candidate, macs=int(one.cost.macs))
        for one in found
        if not arguments.only or one.reference in arguments.only
    ]
    for text in arguments.also:
        other = cost(text)
        if other.candidate.classes != len(data.classes) or other.candidate.image[0] != data.channels:
            raise SystemExit(f"{text} must have {len(data.classes)} classes and {data.channels} channels")
        listed.append(Network(name=text, candidate=other.candidate, macs=other.macs))
    return listed


def finished(file: Path) -> list[dict[str, Any]]:
    """The trainings that a file holds; a last line that was cut off is removed from it."""
    text = file.read_text() if file.exists() else ""
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        file.write_text(whole)
    return [json.loads(line) for line in whole.splitlines()]


def rows_of(setting: Setting, listed: list[Network], seeds: int, file: Path) -> Iterator[dict[str, Any]]:
    """Yield every training, those of the file first; the others are trained and appended to it."""
    known = {json.dumps(row["key"], sort_keys=True): row for row in finished(file)}
    for seed in range(seeds):
        for network in listed:
            key = setting.key(network, seed)
            text = json.dumps(key, sort_keys=True)
            if text not in known:
                row = {"key": key, "name": network.name, "macs": network.macs, **setting.trained(network, seed)}
                with file.open("a") as lines:
                    lines.write(json.dumps(row) + "\n")
                result = row["reason"] or f"{row['accuracy']:.4f}"
                print(f"{network.name}, seed {seed}: {result} in {row['seconds']:.0f} s", file=sys.stderr)
                known[text] = row
            yield known[text]


def table(listed: list[Network], rows: list[dict[str, Any]], part: str) -> list[str]:
    """The Markdown table, the most accurate network first; trainings that diverged do not count."""
    lines: list[tuple[float, str]] = []
    for network in listed:
        own = [row for row in rows if row["key"]["id"] == network.candidate.id and row["accuracy"] is not None]
        if not own:
            lines.append((-1.0, f"| {network.name} | {network.macs / 1e6:.2f} | | diverged | 0 | |"))
            continue
        accuracies = [100 * row["accuracy"] for row in own]
        deviation = f" ± {statistics.stdev(accuracies):.2f}" if len(own) > 1 else ""
        mean, seconds = statistics.mean(accuracies), statistics.mean(row["seconds"] for row in own)
        cells = [
            network.name,
            f"{network.macs / 1e6:.2f}",
            f"{network.candidate.image[1]}",
            f"{mean:.2f}{deviation}",
            f"{len(own)}",
            f"{seconds:.0f}",
        ]
        lines.append((mean, f"| {' | '.join(cells)} |"))
    head = [
        f"| network | MMACs | px | {part} accuracy in %: mean ± sd | n | seconds a training |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    return [*head, *(line for _, line in sorted(lines, key=lambda each: -each[0]))]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="as of automl search: an .npz file, a folder, digits, …")
    parser.add_argument("--budget", action="append", required=True, help="bound on cost; may be given several times")
    parser.add_argument("--image-size", type=int, help="image size in pixels; without: that of the data")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each network")
    parser.add_argument("--epochs", type=int, help="epochs of a training; without: those of a search")
    parser.add_argument("--fraction", type=float, help="share of the images in an epoch; without: that of a search")
    parser.add_argument("--part", choices=("test", "validation"), default="test", help="what accuracy is measured on")
    parser.add_argument("--only", action="append", default=[], help="train this reference alone, e.g. resnet18")
    parser.add_argument("--also", action="append", default=[], help="train this candidate too: a file, STUDY:best, ID")
    parser.add_argument("--rows", type=Path, default=RESULTS / "references.jsonl", help="file of finished trainings")
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/results/references.md")
    return parser.parse_args()


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(1)
    setting = Setting.of(arguments)
    data, images = setting.data, len(setting.rows.train)
    listed = networks(arguments, data)
    trained = list(rows_of(setting, listed, arguments.seeds, arguments.rows))
    text = "\n".join(
        [
            f"# Reference networks within {', '.join(arguments.budget)}",
            "",
            f"{Path(arguments.data).stem}: {images:,} images to train, {setting.epochs} epochs of"
            f" {setting.fraction:.0%} of them, {setting.recipe.optimizer}; {date.today()}, {machine()}.",
            "",
            *table(listed, trained, arguments.part),
            "",
        ]
    )
    print(text)
    if arguments.write:
        (RESULTS / "references.md").write_text(text)


if __name__ == "__main__":
    main()
