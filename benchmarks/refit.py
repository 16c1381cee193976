"""What training on the validation images too is worth, once the choice is final.

    uv run python benchmarks/refit.py STUDY[,STUDY…] [--storage URL[,URL…]] [--epochs N] [--write]

The chosen network of each study is trained from `--seeds` seeds on its training images, and from
the same seeds on its training and validation images (`automl train --refit`), for as many epochs,
and measured on the test images. The trainings are kept in the studies, as those of `automl train`
are: give copies of studies that are still in use. The same command goes on with what is missing.
Prints a Markdown table; `--write` keeps it in benchmarks/results/refit.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import automl
from ablation import difference
from automl.search.handover.longer_training import LONGER
from automl.studies.choosing.chosen import chosen_candidate
from cost import machine

RESULTS = Path(__file__).resolve().parent / "results"
FIRST_SEED = 2000
"""Seed of the first training; no search and no verification uses it."""


def tested(study: automl.Study, chosen: str, *, epochs: int, seed: int, refit: bool, data: str | None) -> float:
    """Test accuracy of a training of the network `chosen`, in %."""
    kept = [
        each.test_accuracy
        for each in study.evaluations()
        if (each.candidate_id, each.seed, each.fidelity.epochs, each.fidelity.refit) == (chosen, seed, epochs, refit)
        and each.test_accuracy is not None
        and not each.fidelity.recipe
    ]
    if not kept:
        how = {"epochs": epochs, "seed": seed, "threads": 1, "refit": refit}
        trained = automl.train(study, candidate=chosen, test=True, data=data, **how)
        print(f"{study.spec.name}: seed {seed}, refit {refit}: {trained.test_accuracy}", file=sys.stderr, flush=True)
        kept = [trained.test_accuracy]
    return 100 * (kept[0] or 0.0)


def rows(arguments: argparse.Namespace) -> Iterator[list[str]]:
    """A row of the table for each study."""
    storages = arguments.storage.split(",")
    for index, name in enumerate(arguments.studies.split(",")):
        study = automl.Study.open(storages[min(index, len(storages) - 1)], name)
        epochs = arguments.epochs or LONGER * int(study.spec.settings["epochs"])
        chosen = chosen_candidate(study)
        seeds = range(FIRST_SEED, FIRST_SEED + arguments.seeds)
        found = {
            refit: [
                tested(study, chosen.id, epochs=epochs, seed=seed, refit=refit, data=arguments.data) for seed in seeds
            ]
            for refit in (False, True)
        }
        counts = study.spec.data["split"]["counts"]
        yield [
            Path(str(study.spec.data["name"])).stem,
            f"{chosen.macs / 1e6:.3g}",
            f"{counts['train']:,}",
            f"{counts['validation']:,}",
            f"{counts['test']:,}",
            str(epochs),
            *(f"{statistics.mean(one):.1f} ± {statistics.stdev(one):.1f}" for one in found.values()),
            f"{difference(*found.values())}, n = {arguments.seeds}",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", help="names of studies, separated by commas")
    parser.add_argument("--storage", default="sqlite:///automl.db", help="their databases, or one for all")
    parser.add_argument("--data", help="where their data are now, if they have moved")
    parser.add_argument("--epochs", type=int, help=f"epochs of a training; without: {LONGER} times those of a trial")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind, at least 2")
    parser.add_argument("--write", action="store_true", help="keep the table in benchmarks/results/refit.md")
    arguments = parser.parse_args()
    head = ["data", "MMACs", "train", "validate", "test", "epochs"]
    head += ["test accuracy, %", "with the validation images, %", "gain in points (95 %)"]
    text = "\n".join(
        [
            "# Trainings on the validation images too",
            "",
            "The network that a search has chosen, trained with and without the images that validated, from the same"
            f" seeds and for as many epochs. Made by `benchmarks/refit.py`, {date.today()}, {machine()}.",
            "",
            f"| {' | '.join(head)} |",
            f"|---|{'--:|' * (len(head) - 1)}",
            *(f"| {' | '.join(row)} |" for row in rows(arguments)),
            "",
        ]
    )
    print(text)
    if arguments.write:
        (RESULTS / "refit.md").write_text(text)


if __name__ == "__main__":
    main()
