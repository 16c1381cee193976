"""What the parts of a search are worth: searches with one part left out, beside the whole.

    uv run python benchmarks/ablation.py --data FILE.npz --budget 3MFLOPs [--seeds 3] [--write]

Every search makes the same number of trials, at the same epochs and share of the images, and
confirms nothing. The network that it chooses is then trained from `--trainings` new seeds, for as
long as a trial, and judged on test images, which no search has seen. No clock ends anything, so
that other programs on the machine change no result. Searches continue as studies do and finished
trainings are lines of `--rows`: the same command goes on with what is missing. All variants are
searched from the first seed before any from the second. Prints a Markdown table; `--write` keeps it
in benchmarks/results/ablation.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import automl
import torch
import yaml
from automl.spaces import Candidate
from cost import machine
from references import Network, Setting, finished
from scipy.stats import t

RESULTS = Path(__file__).resolve().parent / "results"
FAMILIES = ("resnet-basic", "efficientnet", "resnext-attention")
"""The families of the space `auto`."""
WHOLE = "the whole search"
FIRST_SEED = 1000
"""Seed of the first training by which a chosen network is judged; trials have those of searches."""


def variants(folder: Path) -> Mapping[str, Mapping[str, Any]]:
    """Name of each variant -> the options of a search that it changes."""
    library = files("automl.spaces").joinpath("library")
    families = [yaml.safe_load(library.joinpath(f"{name}.yaml").read_text()) for name in FAMILIES]
    published = [
        {
            **family,
            "dimensions": {**family["dimensions"], "strides": "published"},
            "start": [{**start, "strides": "published"} for start in family.get("start", ())],
        }
        for family in families
    ]
    without = [{key: value for key, value in family.items() if key != "start"} for family in families]
    spaces = {name: folder / f"{name}.yaml" for name in ("published", "without_starts")}
    for (name, file), union in zip(spaces.items(), (published, without), strict=True):
        file.write_text(yaml.safe_dump({"name": name, "union": union}))
    return {
        WHOLE: {},
        "no references among the first trials": {"references": 0},
        "no settings known to pay": {"space": str(spaces["without_starts"])},
        "strides as published": {"space": str(spaces["published"])},
        **{f"the family {name} alone": {"space": name} for name in FAMILIES},
        "random search, no references": {"sampler": "random", "references": 0},
    }


def searched(name: str, changed: Mapping[str, Any], seed: int, arguments: argparse.Namespace) -> Network:
    """The network that a search chooses; a search that was interrupted goes on."""
    options: dict[str, Any] = {
        "data": arguments.data,
        "budget": [arguments.budget],
        "image_size": arguments.image_size,
        "trials": arguments.trials,
        "epochs": arguments.epochs,
        "fraction": arguments.fraction,
        "finals": 0,
        "workers": arguments.workers,
        "seed": seed,
        "storage": f"sqlite:///{arguments.folder / 'ablation.db'}",
        "study": f"{name}, seed {seed}",
        **changed,
    }
    result = automl.search(automl.SearchOptions(**options))
    if result.best is None:
        raise SystemExit(f"{name}, seed {seed}: no trial was completed; give more --trials")
    chosen = result.best.candidate
    return Network(name=chosen.id[:12], candidate=Candidate.from_spec(chosen.spec), macs=chosen.macs)


def rows_of(arguments: argparse.Namespace, setting: Setting) -> Iterator[dict[str, Any]]:
    """Yield the chosen network of every search with its test accuracies, those of the file first.

    A network that several searches choose is trained once.
    """
    keys = ("variant", "seed", "setting")
    shared = {
        "data": setting.data.fingerprint,
        "recipe": setting.recipe.to_dict(),
        **{
            name: getattr(arguments, name)
            for name in ("budget", "image_size", "trials", "epochs", "fraction", "trainings")
        },
    }
    known = {json.dumps([row[key] for key in keys], sort_keys=True): row for row in finished(arguments.rows)}
    trained: dict[str, list[float | None]] = {
        row["id"]: row["accuracies"] for row in known.values() if row["setting"] == shared
    }
    for seed in range(arguments.seeds):
        for name, changed in variants(arguments.folder).items():
            text = json.dumps([name, seed, shared], sort_keys=True)
            if text not in known:
                network = searched(name, changed, seed, arguments)
                chosen = network.candidate.id
                if chosen not in trained:
                    seeds = range(FIRST_SEED, FIRST_SEED + arguments.trainings)
                    trained[chosen] = [setting.trained(network, each)["accuracy"] for each in seeds]
                row = {
                    **dict(zip(keys, (name, seed, shared), strict=True)),
                    "id": chosen,
                    "macs": network.macs,
                    "candidate": network.candidate.to_dict(),
                    "accuracies": trained[chosen],
                }
                with arguments.rows.open("a") as lines:
                    lines.write(json.dumps(row) + "\n")
                print(f"{name}, seed {seed}: {chosen[:12]}, {trained[chosen]}", file=sys.stderr, flush=True)
                known[text] = row
            yield known[text]


def accuracy_of(row: Mapping[str, Any]) -> float:
    """Mean test accuracy of a chosen network in %; a training that diverged counts as 0."""
    return 100 * statistics.mean(each or 0.0 for each in row["accuracies"])


def difference(ours: Sequence[float], others: Sequence[float]) -> str:
    """The mean of `others` minus the mean of `ours`, paired by the seed of the search, with a 95 %
    t interval; searches of one seed share the split of the images and the first draws."""
    pairs = [other - own for own, other in zip(ours, others, strict=False)]
    if not pairs:
        return "-"
    mean = statistics.mean(pairs)
    if len(pairs) < 2:
        return f"{mean:+.1f} (n = 1)"
    half = float(t.ppf(0.975, len(pairs) - 1)) * statistics.stdev(pairs) / len(pairs) ** 0.5
    return f"{mean:+.1f} ({mean - half:+.1f} to {mean + half:+.1f})"


def table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The Markdown table, in the order of the variants."""
    names = list(dict.fromkeys(row["variant"] for row in rows))
    found = {name: [accuracy_of(row) for row in rows if row["variant"] == name] for name in names}
    lines = [
        "| search | test accuracy in %, of each search | mean ± sd | n | minus the whole search, points (95 %) |",
        "|---|---|---:|---:|---:|",
    ]
    for name, accuracies in found.items():
        deviation = f" ± {statistics.stdev(accuracies):.1f}" if len(accuracies) > 1 else ""
        cells = [
            name,
            ", ".join(f"{each:.1f}" for each in accuracies),
            f"{statistics.mean(accuracies):.1f}{deviation}",
            str(len(accuracies)),
            "" if name == WHOLE else difference(found[WHOLE], accuracies),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="as of automl search: an .npz file, a folder, digits, …")
    parser.add_argument("--budget", required=True, help="bound on cost")
    parser.add_argument("--image-size", type=int, help="image size in pixels; without: that of the data")
    parser.add_argument("--trials", type=int, default=24, help="trials of each search")
    parser.add_argument("--epochs", type=int, default=8, help="epochs of a training")
    parser.add_argument("--fraction", type=float, default=0.5, help="share of the images in an epoch")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each variant")
    parser.add_argument("--trainings", type=int, default=2, help="trainings by which a network is judged")
    parser.add_argument("--workers", type=int, default=1, help="networks that a search trains at once")
    parser.add_argument("--folder", type=Path, default=Path("ablation"), help="folder of the studies")
    parser.add_argument("--rows", type=Path, default=RESULTS / "ablation.jsonl", help="file of finished searches")
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/results/ablation.md")
    return parser.parse_args()


def main() -> None:
    arguments = parsed()
    torch.set_num_threads(1)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    setting = Setting.of(arguments, "test")
    arguments.image_size = arguments.image_size or setting.data.size
    found = list(rows_of(arguments, setting))
    text = "\n".join(
        [
            f"# Searches with a part left out, {arguments.budget}",
            "",
            f"{Path(arguments.data).stem} at {arguments.image_size} px: {arguments.trials} trials a search,"
            f" {arguments.epochs} epochs of {arguments.fraction:.0%} of the images; each chosen network trained from"
            f" {arguments.trainings} new seeds and judged on {len(setting.rows.test):,} test images. Made by"
            f" `benchmarks/ablation.py`, {date.today()}, {machine()}.",
            "",
            *table(found),
            "",
        ]
    )
    print(text)
    if arguments.write:
        (RESULTS / "ablation.md").write_text(text)


if __name__ == "__main__":
    main()
