"""Checks and measures training on a GPU, within eight minutes, and writes a Markdown page.

    bash benchmarks/gpu.sh [--dry-run] [IMAGES.npz]

`gpu.sh` lays out the package and calls this file. The page goes to `$OUT/gpu.md`, or to
benchmarks/results/gpu.md. `--dry-run` runs every part at tiny sizes, on the CPU if there is no GPU,
and writes nothing unless `OUT` is set. The exit code is 1 if a check fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path

BEGAN = time.perf_counter()

# ruff: noqa: E402
import torch
from automl.search.training.recipe import OPTIMIZERS
from gpu_checks import Check, Checks, checks_table
from gpu_packing import has_mps, measured, packing_table
from gpu_search import search_table, searched
from gpu_several import several_against_one
from gpu_tasks import device_of, generated, machine, nets, recipe, spread, stored
from training import COMPILED, LEGEND, LOOPS, compared, compared_table

RESULTS = Path(__file__).resolve().parent / "results" / "gpu.md"
SEARCH = 180.0
"""Seconds of the search."""
RATES_BY = 150.0
"""Seconds after the start from which no further network is measured."""
COMPILE_BY = 400.0
"""Seconds after the start from which nothing is compiled."""


class Page:
    """The page as it grows; a part that fails is said so, and the others go on."""

    def __init__(self, path: Path | None, head: str) -> None:
        self.path, self.text = path, head
        self.broken: list[str] = []

    def part(self, title: str, make: Callable[[], str]) -> None:
        """Add a section, and write the page."""
        began = time.perf_counter()
        try:
            text = make()
        except Exception:
            traceback.print_exc()
            self.broken.append(title)
            text = f"This part failed: {traceback.format_exc().splitlines()[-1]}"
        took = time.perf_counter() - began
        print(f"== {title}: {took:.0f} s, {time.perf_counter() - BEGAN:.0f} s in all", file=sys.stderr, flush=True)
        self.text += f"\n## {title}\n\n{text}\n"
        if self.path is not None:
            self.path.write_text(self.text)


class Run:
    """The parts of the page, and their sizes."""

    def __init__(self, device: torch.device, tiny: bool, images: Path | None) -> None:
        self.device, self.tiny, self.images = device, tiny, images
        self.batch_size = 8 if tiny else 128
        self.found: list[Check] = []

    def correct(self) -> str:
        """The checks."""
        net = nets("efficientnet", 32, (5,))[0]
        made = Checks(net, self.device, 12 if self.tiny else 540, 4 if self.tiny else 64, 2 if self.tiny else 3)
        optimizers = ("muon",) if self.tiny else OPTIMIZERS
        made.against_the_cpu()
        made.graphs_against_eager(optimizers)
        made.resumed(optimizers[:1] if self.tiny else ("sgd", "muon", "lamb"))
        made.not_captured()
        made.rehearsed()
        made.capture_seconds()
        several_against_one(made)
        self.found = made.found
        return checks_table(made.found)

    def rates(self) -> str:
        """Images a second at 32, 64 and 224 pixels, with SGD in all loops."""
        rows = nets("efficientnet", 32, (5,) if self.tiny else (5, 20, 50))
        if not self.tiny:
            rows += nets("efficientnet", 224, (400,)) + nets("resnext-attention", 32, (50,))
            rows += nets("efficientnet", 64, (20,)) + nets("resnext-attention", 224, (400,))
        names = ["automl", "automl, long training", "automl without graphs", "timm's loop"]
        names = [name for name in names if not self.tiny or name in ("automl", "timm's loop")]
        return self._compared(rows, names, BEGAN + RATES_BY)

    def rates_of_a_search(self) -> str:
        """Images a second with a search's optimiser, beside timm's Muon."""
        rows = nets("efficientnet", 32, (5,) if self.tiny else (5, 20))
        names = ["automl", "timm's loop"]
        return self._compared(rows, names, BEGAN + COMPILE_BY, optimizer="muon", batch_size=8 if self.tiny else 64)

    def _compared(self, rows: list, names: list[str], deadline: float, **changes: object) -> str:
        how = recipe(**{"batch_size": self.batch_size, **changes})
        loops = {name: LOOPS[name] for name in names}
        options = {"updates": 1} if self.tiny else {"deadline": deadline}
        found = compared(rows, self.device, how, 0.0 if self.tiny else 0.8, loops=loops, **options)
        if not found:
            return "Not measured: no time was left."
        left = f"\n\n{len(rows) - len(found)} more networks were left out for time." if len(found) < len(rows) else ""
        return f"{LEGEND}\n\n{compared_table(rows, found)}{left}"

    def compiled(self) -> str:
        """torch.compile in a plain loop, for one network, as far as there is time."""
        if self.device.type == "cpu":
            return "Not measured: compiling is for a GPU."
        net, lines = nets("efficientnet", 32, (20,))[0], []
        for name, loop in reversed(COMPILED.items()):
            if time.perf_counter() - BEGAN < COMPILE_BY:
                rate = compared([net], self.device, recipe(batch_size=self.batch_size), 0.8, loops={name: loop})[0][
                    name
                ]
                lines.append(
                    f"- {name}, efficientnet, 32 px, {net.macs:.1f} MMACs: {spread(rate.images)} images/s after"
                    f" {rate.first:.0f} s of compilation"
                )
        return "\n".join(lines) or "Not measured: no time was left."

    def packed(self) -> str:
        """Several processes on one GPU."""
        counts = [1, 2] if self.tiny else [1, 2, 4, 8, 16]
        seconds = 0.0 if self.tiny else 2.0
        plain = measured(counts, str(self.device), seconds, self.tiny)
        served: dict[int, float] = {}
        text = ""
        if self.device.type == "cuda" and has_mps():
            try:
                served = measured([1, 4, 16], str(self.device), seconds, self.tiny, mps=True)
            except Exception as error:
                text = f"\n\nWith the Multi-Process Service it failed: {str(error).strip().splitlines()[-1]}"
        return packing_table(plain, served) + text

    def search(self) -> str:
        """Random candidates on images."""
        seconds = 1.0 if self.tiny else SEARCH
        if self.images is not None:
            pixels, what = stored(self.images, self.device, 36 if self.tiny else None), self.images.name
        else:
            pixels, what = generated(36 if self.tiny else 12_000, 32, self.device), "generated images"
        found = searched(pixels, seconds, **({"epochs": 1, "least": 2, "most": 2} if self.tiny else {}))
        about = (
            f"{what}, {pixels.count('train'):,} to train and {pixels.count('validation'):,} to validate, 32 px; random"
            " candidates of 3 to 20 MMACs, each trained to its end one after another.\n\n"
        )
        return about + search_table(found, seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--device")
    parser.add_argument("images", nargs="?", type=Path, help="an .npz file with x_train and y_train")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    device = device_of(given.device)
    if device.type == "cpu" and not given.dry_run:
        parser.error("there is no GPU; --dry-run runs on the CPU")
    torch.set_num_threads(1 if device.type == "cpu" else 4)
    out = os.environ.get("OUT")
    path = Path(out) / "gpu.md" if out else None if given.dry_run else RESULTS
    command = "bash benchmarks/gpu.sh" + (" --dry-run" if given.dry_run else "")
    command += f" {given.images.name}" if given.images else ""
    page = Page(path, f"# Training on a GPU\n\n`{command}`, {date.today()}, {machine(device)}.\n")
    run = Run(device, given.dry_run, given.images)
    page.part("Is it right?", run.correct)
    page.part("Images a second: median (lowest to highest)", run.rates)
    page.part(f"{SEARCH / 60:.0f} minutes of random candidates", run.search)
    page.part("Several candidates at once", run.packed)
    page.part("torch.compile", run.compiled)
    page.part("Images a second with the recipe of a search (Muon, batches of 64)", run.rates_of_a_search)
    page.text += f"\nAll of it took {time.perf_counter() - BEGAN:.0f} s.\n"
    if page.path is not None:
        page.path.write_text(page.text)
    print(page.text)
    failed = [each.name for each in run.found if not each.passed]
    if failed or page.broken:
        sys.exit(f"failed: {', '.join(failed + page.broken)}")


if __name__ == "__main__":
    main()
