"""What class weights and balanced sampling do where classes are of unequal size.

    uv run python benchmarks/imbalance.py [--data FILE.npz] [--seeds 3] [--minutes 9] [--write]

Two sets are drawn from CIFAR-10-small: ten classes of 1,000 to 50 training images in a geometric
series, and two of 190 and 10; test images are unequal in the same ratios. One small network is
trained on each with neither, with class weights (`--balance weights`) and with balanced sampling
(`--balance sampling`), from the same seeds, and measured on the test images, by which nothing is
chosen. Every training is a line of a file of JSON lines, from which the same call goes on;
`--minutes` begins no further training after that time, and `--write` writes the results.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from automl.search.training.measures import logits_of, measures
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import BALANCES, Recipe
from automl.search.training.trainer import Trainer
from automl.spaces import Candidate, load_space, parse_budget
from automl.spaces.draws.bulk import settings
from automl.spaces.draws.distinct import feasible

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data" / "cifar10-small" / "cifar10-small.npz"
ROWS, RESULTS = HERE / "results" / "imbalance.jsonl", HERE / "results" / "imbalance.md"
SHOWN = ("accuracy", "balanced_accuracy", "macro_f1", "smallest_recall", "never")
BUDGET = "2M..3MFLOPs"


@dataclass(frozen=True, kw_only=True)
class Unequal:
    """A set of classes of unequal size."""

    name: str
    train: tuple[int, ...]
    """Training images of each class; the classes are the first of CIFAR-10."""
    test: tuple[int, ...]
    """Test images of each class."""
    epochs: int
    """Epochs of a training."""


SETS = (
    Unequal(
        name="ten classes, 1,000 to 50",
        train=tuple(round(1000 * 20 ** (-k / 9)) for k in range(10)),
        test=tuple(round(300 * 20 ** (-k / 9)) for k in range(10)),
        epochs=12,
    ),
    Unequal(name="two classes, 190 and 10", train=(190, 10), test=(300, 16), epochs=40),
)


def images_of(one: Unequal, data: Path) -> Pixels:
    """The images of a set; those that validate are its test images."""
    with np.load(data, allow_pickle=False) as found:
        parts = [(found[f"x_{part}"], found[f"y_{part}"].reshape(-1)) for part in ("train", "test")]
    rows = [
        np.concatenate([np.flatnonzero(labels == k)[:count] for k, count in enumerate(counts)])
        for (_, labels), counts in zip(parts, (one.train, one.test), strict=True)
    ]
    images = np.concatenate([images[chosen] for (images, _), chosen in zip(parts, rows, strict=True)])
    labels = np.concatenate([labels[chosen] for (_, labels), chosen in zip(parts, rows, strict=True)])
    count = len(rows[0])
    whole = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    return Pixels(whole, labels.astype(np.int64), np.arange(count), np.arange(count, len(labels)), None, "cpu")


def network_of(classes: int) -> Candidate:
    """The first network of a uniform order of small residual networks."""
    space = load_space("resnet-basic").adapted(classes=classes, image_size=32)
    rows = next(iter(feasible(space, parse_budget([BUDGET]), np.random.default_rng(0))))
    return space.candidate(settings(space, rows[0]))


def trained(one: Unequal, pixels: Pixels, balance: str, seed: int) -> dict[str, Any]:
    """One training and what is measured of it on the test images."""
    candidate = network_of(len(one.train))
    torch.manual_seed(seed)
    recipe = replace(Recipe.for_data(sum(one.train), 32, flip=True), balance=balance)
    began = time.perf_counter()
    trainer = Trainer(candidate.build(), pixels, epochs=one.epochs, size=32, recipe=recipe, seed=seed)
    while not trainer.finished:
        trainer.epoch()
    images, labels_n = pixels.at("validation", 32)
    logits_nk = logits_of(trainer.network_for_use(), images, mean=pixels.mean, std=pixels.std, amp=False)
    found = measures(logits_nk, labels_n, [str(k) for k in range(len(one.train))])
    smallest = min(range(len(one.train)), key=lambda k: one.train[k])
    return {
        "set": one.name,
        "balance": balance,
        "seed": seed,
        "epochs": one.epochs,
        "macs": int(candidate.cost().macs),
        "accuracy": found.accuracy,
        "balanced_accuracy": found.balanced_accuracy,
        "macro_f1": found.macro_f1,
        "smallest_recall": found.classes[smallest].recall,
        "never": len(found.never_predicted),
        "seconds": round(time.perf_counter() - began, 1),
    }


def _key(row: dict[str, Any]) -> tuple[str, str, int, int]:
    """What makes a training unique."""
    return row["set"], row["balance"], row["seed"], row["epochs"]


def page(rows: list[dict[str, Any]]) -> str:
    """The results in Markdown."""
    heads = "balance | n | accuracy (%) | balanced accuracy (%) | macro F1 (%) | recall of the smallest class (%)"
    parts = [
        "# Classes of unequal size",
        f"`uv run python benchmarks/imbalance.py --write`, {date.today()}, {platform.machine()} CPU, one thread,"
        f" Python {platform.python_version()}, PyTorch {torch.__version__}. Mean ± standard deviation over seeds.",
        __doc__.split("\n\n")[2].split(" Every training")[0].replace("\n", " "),
    ]
    for one in SETS:
        own = [row for row in rows if row["set"] == one.name]
        if not own:
            continue
        lines = [f"| {heads} | classes never predicted |", "|---|" + "---:|" * 6]
        for balance in BALANCES:
            several = [row for row in own if row["balance"] == balance]
            cells = [_cell([row[name] for row in several], 1 if name == "never" else 100) for name in SHOWN]
            lines.append(f"| {balance} | {len(several)} | {' | '.join(cells)} |")
        counts = ", ".join(f"{count:,}" for count in one.train)
        parts += [
            f"## {one.name[:1].upper()}{one.name[1:]}",
            f"Training images of the classes: {counts}. {one.epochs} epochs at 32 px, a residual network of"
            f" {own[0]['macs'] / 1e6:.1f} million multiply-adds, the default recipe of a search.",
            "\n".join(lines),
        ]
    return "\n\n".join(parts) + "\n"


def _cell(values: list[float], scale: float) -> str:
    if not values:
        return "-"
    spread = f" ± {scale * statistics.stdev(values):.1f}" if len(values) > 1 else ""
    return f"{scale * statistics.mean(values):.1f}{spread}"


def main() -> None:
    """Train what is missing, and show or write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    rows = {_key(row): row for row in map(json.loads, ROWS.read_text().splitlines() if ROWS.exists() else ())}
    for one in SETS:
        pixels = images_of(one, asked.data)
        for seed in range(asked.seeds):
            for balance in BALANCES:
                late = time.monotonic() - began > 60 * asked.minutes
                if late or (one.name, balance, seed, one.epochs) in rows:
                    continue
                row = trained(one, pixels, balance, seed)
                rows[_key(row)] = row
                with ROWS.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)
    text = page(list(rows.values()))
    print(text)
    if asked.write:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
