"""What it takes to list and cost compound scaling's grid, beside building the networks and counting
them.

    uv run python benchmarks/grid.py [--write]

Prints a Markdown table; `--write` keeps it in benchmarks/results/grid.md. Every run is a process of
its own on one core with one thread; the clock starts after the imports. The yardsticks are timed on
a sample of the same triples and multiplied.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

# ruff: noqa: E402
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and torch are imported

import numpy as np
from automl.spaces import Candidate
from automl.spaces.scaling.baseline import find_baseline
from automl.spaces.scaling.coefficient_grid import Grid, grid
from cost import machine, met, peak_bytes, spread

RESULTS = Path(__file__).resolve().parent / "results" / "grid.md"
FINE = 0.006
"""Step at which B0's grid has about a million triples."""
SAMPLE = {"one by one": 200, "thop": 10}
"""Triples that a yardstick is timed on."""


def small() -> Grid:
    return grid(find_baseline("efficientnet_b0"), rule="paper", step=0.05)


def large() -> Grid:
    return grid(find_baseline("efficientnet_b0"), rule="true", step=FINE)


def by_arithmetic(candidate: Candidate) -> None:
    candidate.cost()


def by_thop(candidate: Candidate) -> None:
    import torch
    from thop import profile

    profile(candidate.build().eval(), (torch.zeros(1, *candidate.image),), verbose=False)


def measure(work: Callable[[], Grid]) -> dict:
    before, began = peak_bytes(), time.perf_counter()
    found = work()
    return {
        "seconds": time.perf_counter() - began,
        "triples": found.examined,
        "true": found.counts["true"],
        "memory": (peak_bytes() - before) / 1e6,
    }


def yardstick(count: int, cost: Callable[[Candidate], None]) -> dict:
    """Seconds a triple, the network made and costed, after one that is not timed."""
    base, rng = find_baseline("efficientnet_b0"), np.random.default_rng(0)
    triples = [
        dict(zip(("depth", "width", "resolution"), 1 + rng.random(3) * 0.4, strict=True)) for _ in range(count + 1)
    ]
    cost(base.candidate(triples[0]))
    began = time.perf_counter()
    for triple in triples[1:]:
        cost(base.candidate(triple))
    return {"seconds": (time.perf_counter() - began) / count}


RUNS: dict[str, Callable[[], dict]] = {
    "small": lambda: measure(small),
    "large": lambda: measure(large),
    "one by one": lambda: yardstick(SAMPLE["one by one"], by_arithmetic),
    "thop": lambda: yardstick(SAMPLE["thop"], by_thop),
}


def alone(name: str, times: int) -> list[dict]:
    """A run in processes of its own, on one core where the system can say so."""
    pin = ["taskset", "-c", "0"] if sys.platform == "linux" else []
    found = []
    for _ in range(times):
        done = subprocess.run(
            [*pin, sys.executable, __file__, "--run", name], capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"{name}: {found[-1]}", file=sys.stderr)
    return found


def page(times: int, command: str) -> str:
    head = ["# What grids of compound scaling take", "", f"`{command}`, {date.today()}, {machine()}.", ""]
    small_runs, large_runs = alone("small", times), alone("large", times)
    rates = {name: [run["seconds"] for run in alone(name, 3)] for name in SAMPLE}
    triples = large_runs[0]["triples"]
    rows = [
        ("the paper's rule, step 0.05", small_runs, 3, "0.1 s", 0.1),
        (f"true costs, step {FINE:g}", large_runs, 2, "15 s, 1 GB", 15.0),
    ]
    table = []
    for name, runs, digits, asked, most in rows:
        seconds, memory = ([run[key] for run in runs] for key in ("seconds", "memory"))
        verdict = met(max(seconds) < most and max(memory) < 1000)
        table.append(
            f"| {name} | {runs[0]['triples']:,} | {spread(seconds, digits)} | {spread(memory)} | {asked}: {verdict} |"
        )
    for name, label in (("one by one", "each made and costed by itself"), ("thop", "each built and counted by thop")):
        whole = spread([rate * triples for rate in rates[name]])
        table.append(f"| the same {triples:,}, {label} | {SAMPLE[name]} timed | {whole} | – | yardstick |")
    text = (
        "The grid of EfficientNet-B0, from its name to the list of networks: enumerated, costed, collapsed by network,"
        f" with its controls and exponents.\nMedian (lowest to highest) of {times} processes; memory is the peak beyond"
        " the imports."
    )
    return "\n".join(
        [*head, text, "", "| grid | triples | seconds | MB | asked for |", "|---|---:|---:|---:|---|", *table, ""]
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--times", type=int, default=7)
    parser.add_argument("--run", choices=RUNS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(RUNS[given.run]()))
        return
    text = page(given.times, "uv run python benchmarks/grid.py" + (" --write" if given.write else ""))
    print(text)
    if given.write:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
