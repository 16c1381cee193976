"""What candidates gain by beginning from the weights of another network of their family.

    uv run python benchmarks/pretrained.py [--data FOLDER] [--seeds 3] [--minutes 9] [--write]

A source network of each of three families is trained on the classes 0 to 4 of a data set. Random
candidates of the family are then trained on the classes 5 to 9, from noise and from the source, on
the same images for the same number of epochs, and for three times as many. Accuracy is that of the
test images, by which nothing is chosen. Every training is a line of a file of JSON lines, from
which the same call goes on; `--minutes` begins no further training after that time, and `--write`
writes the results.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import platform
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from automl.search.course.job import Job
from automl.search.pretrained.kept import share
from automl.search.pretrained.source_weights import Source
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe
from automl.search.workers.job_runner import trainer_for
from automl.spaces import Candidate
from automl.studies import Fidelity, Purpose
from automl.studies.trained.checkpoint import load, save
from pretrained_families import FAMILIES
from scipy.stats import spearmanr

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"
ROWS, RESULTS = HERE / "results" / "pretrained.jsonl", HERE / "results" / "pretrained.md"
SETS = {"cifar10-small": 32, "fashion-mnist": 28}
"""Name of a data set and the size of its images in pixels."""
SOURCE_IMAGES, SOURCE_EPOCHS = 6000, 8
IMAGES, TESTED = 1000, 1500
"""Images of the classes 5 to 9 that train, and that test."""
SHORT, LONG = 4, 12
"""Epochs of a trial, and of the training whose order of the networks is to be foretold."""
CANDIDATES = 5


def images_of(name: str, data: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Part → images (n, c, h, w) and labels."""
    if name == "cifar10-small":
        with np.load(data / name / f"{name}.npz", allow_pickle=False) as found:
            return {
                part: (found[f"x_{part}"].transpose(0, 3, 1, 2), found[f"y_{part}"].reshape(-1))
                for part in ("train", "test")
            }
    found = {}
    for part, stem in (("train", "train"), ("test", "t10k")):
        pixels = gzip.decompress((data / name / f"{stem}-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((data / name / f"{stem}-labels-idx1-ubyte.gz").read_bytes())
        found[part] = (
            np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 1, 28, 28),
            np.frombuffer(labels, np.uint8, offset=8),
        )
    return found


def pixels_of(parts: dict[str, tuple[np.ndarray, np.ndarray]], classes: range, images: int) -> Pixels:
    """The images of five classes; those that validate are test images."""
    chosen = {}
    for part, count in (("train", images), ("test", TESTED)):
        labels = parts[part][1]
        chosen[part] = np.concatenate([np.flatnonzero(labels == k)[: count // 5] for k in classes])
    whole = np.concatenate([parts[part][0][rows] for part, rows in chosen.items()])
    labels = np.concatenate([parts[part][1][rows] for part, rows in chosen.items()]).astype(np.int64) - classes[0]
    count = len(chosen["train"])
    return Pixels(
        np.ascontiguousarray(whole), labels, np.arange(count), np.arange(count, len(labels)), None, torch.device("cpu")
    )


def trained(
    candidate: Candidate, pixels: Pixels, *, epochs: int, size: int, flip: bool, seed: int, source: Source | None
) -> tuple[float, dict[str, torch.Tensor], float]:
    """Accuracy, weights and seconds of one training."""
    job = Job(
        candidate=candidate.spec,
        params=int(candidate.cost().params),
        fidelity=Fidelity(epochs=epochs, size=size),
        seed=seed,
        purpose=Purpose.SEARCH,
    )
    began = time.perf_counter()
    recipe = Recipe.for_data(pixels.count("train"), size, flip=flip)
    trainer = trainer_for(job, pixels, recipe, "cpu", source)
    accuracy = 0.0
    while not trainer.finished:
        accuracy = trainer.epoch().accuracy
    return accuracy, trainer.network_for_use().state_dict(), time.perf_counter() - began


def source_of(name: str, family: str, parts: Any, keep: Path) -> Source:
    """The source network of a family, trained once; its classifier is of other classes and left
    out."""
    size, file = SETS[name], keep / f"{name}-{family}.pt"
    candidate = FAMILIES[family].candidate({}, parts["train"][0].shape[1], size)
    if not file.exists():
        pixels = pixels_of(parts, range(5), SOURCE_IMAGES)
        flip = name == "cifar10-small"
        reached, weights, _ = trained(
            candidate, pixels, epochs=SOURCE_EPOCHS, size=size, flip=flip, seed=0, source=None
        )
        print(f"source {family} on {name}: accuracy {reached:.3f} on its own classes", flush=True)
        keep.mkdir(parents=True, exist_ok=True)
        save(file, {"accuracy": reached, "weights": dict(weights)})
    head = "classifier." if candidate.layout == "efficientnet" else "fc."
    kept = load(file)["weights"]
    return Source.of(family, candidate, {key: value for key, value in kept.items() if not key.startswith(head)})


def rows_missing(asked: argparse.Namespace, known: set[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """What is still to be trained: short trainings, long ones, short ones from further seeds."""
    further = [(SHORT, seed) for seed in range(1, asked.seeds)]
    wanted = [
        (name, family, number, epochs, start, seed)
        for name in SETS
        for epochs, seed in [(SHORT, 0), (LONG, 0), *further]
        for family in FAMILIES
        for number in range(CANDIDATES)
        for start in ("noise", "source")
    ]
    return [one for one in wanted if one not in known]


def page(rows: list[dict[str, Any]]) -> str:
    """The results in Markdown."""
    parts = [
        "# Candidates that begin from weights",
        f"`uv run python benchmarks/pretrained.py --write`, {date.today()}, {platform.machine()} CPU, one thread,"
        f" Python {platform.python_version()}, PyTorch {torch.__version__}.",
        __doc__.split("\n\n")[2].split(" Every training")[0].replace("\n", " "),
        f"Sources: {SOURCE_EPOCHS} epochs of {SOURCE_IMAGES:,} images. Candidates: {CANDIDATES} of each family,"
        f" {IMAGES:,} images, {SHORT} epochs from several seeds and {LONG} epochs from one, all by the default recipe"
        f" of a search, which was chosen for trainings from noise. {TESTED:,} test images. ± is the standard error over"
        " candidates of the mean over seeds. ρ is the rank correlation (Spearman) of the candidates' short accuracies"
        " with those of long trainings; among five candidates it is uncertain by about 0.5. What has not been"
        " trained yet is missing.",
    ]
    for name in SETS:
        own = [row for row in rows if row["set"] == name]
        if own:
            parts += [f"## {name}", _table(own)]
    return "\n\n".join(parts) + "\n"


def _table(rows: list[dict[str, Any]]) -> str:
    heads = [
        *("family", "carried (%)", "seeds", f"{SHORT} epochs from noise (%)", f"{SHORT} epochs from source (%)"),
        *("gain (points)", f"{LONG} epochs, noise (%)", f"{LONG} epochs, source (%)"),
        *("ρ noise → noise", "ρ source → source", "ρ noise → long source", "ρ source → long noise"),
    ]
    lines = [f"| {' | '.join(heads)} |", "|---|" + "---:|" * (len(heads) - 1)]
    for family in FAMILIES:
        own = [row for row in rows if row["family"] == family]
        means = {
            (start, epochs): _means([row for row in own if (row["start"], row["epochs"]) == (start, epochs)])
            for start in ("noise", "source")
            for epochs in (SHORT, LONG)
        }
        short = sorted(means["noise", SHORT].keys() & means["source", SHORT].keys())
        if not short:
            continue
        gains = [means["source", SHORT][one] - means["noise", SHORT][one] for one in short]
        carried = [row["carried"] for row in own if row["start"] == "source"]
        cells = [
            family,
            f"{100 * min(carried):.0f} to {100 * max(carried):.0f}",
            str(len({row["seed"] for row in own if row["epochs"] == SHORT})),
            *(_cell([means[start, SHORT][one] for one in short]) for start in ("noise", "source")),
            _cell(gains),
            *(_cell(list(means[start, LONG].values())) for start in ("noise", "source")),
            *(
                _rank(means[a, SHORT], means[b, LONG])
                for a, b in (("noise", "noise"), ("source", "source"), ("noise", "source"), ("source", "noise"))
            ),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _means(rows: list[dict[str, Any]]) -> dict[int, float]:
    """Candidate → mean accuracy over seeds."""
    found: dict[int, list[float]] = {}
    for row in rows:
        found.setdefault(row["candidate"], []).append(row["accuracy"])
    return {number: statistics.mean(values) for number, values in found.items()}


def _cell(values: list[float]) -> str:
    if len(values) < 2:
        return "-"
    return f"{100 * statistics.mean(values):.1f} ± {100 * statistics.stdev(values) / len(values) ** 0.5:.1f}"


def _rank(short: dict[int, float], long: dict[int, float]) -> str:
    both = sorted(short.keys() & long.keys())
    if len(both) < 4:
        return "-"
    return f"{spearmanr([short[one] for one in both], [long[one] for one in both])[0]:.2f}"


def main() -> None:
    """Train what is missing, and show or write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    parser.add_argument("--keep", type=Path, default=cache / "automl" / "benchmark-pretrained")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    rows = [json.loads(line) for line in ROWS.read_text().splitlines()] if ROWS.exists() else []
    keys = ("set", "family", "candidate", "epochs", "start", "seed")
    for name, family, number, epochs, start, seed in rows_missing(
        asked, {tuple(row[key] for key in keys) for row in rows}
    ):
        if time.monotonic() - began > 60 * asked.minutes:
            break
        parts, size = images_of(name, asked.data), SETS[name]
        source = source_of(name, family, parts, asked.keep)
        candidate = FAMILIES[family].drawn(CANDIDATES, parts["train"][0].shape[1], size)[number]
        accuracy, _, seconds = trained(
            candidate,
            pixels_of(parts, range(5, 10), IMAGES),
            epochs=epochs,
            size=size,
            flip=name == "cifar10-small",
            seed=seed,
            source=source if start == "source" else None,
        )
        row = {
            **dict(zip(keys, (name, family, number, epochs, start, seed), strict=True)),
            "macs": int(candidate.cost().macs),
            "carried": round(share(source, candidate), 4) if start == "source" else 0.0,
            "accuracy": round(accuracy, 4),
            "seconds": round(seconds, 1),
        }
        rows.append(row)
        with ROWS.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
    text = page(rows)
    print(text)
    if asked.write:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
