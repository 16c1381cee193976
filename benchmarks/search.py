"""How samplers spend evaluations: regret and hypervolume over tabular problems, ours beside simple
models and Optuna's samplers.

    uv run python benchmarks/search.py [--parts held-out,macro,...] [--processes 2] [--limit 540]
    [--write] [--rows FILE]

Every run is a line of benchmarks/results/search_rows.jsonl and is not made again, so a benchmark
that was stopped goes on; `--limit` stops it after this many seconds. `--write` makes the page
benchmarks/results/search.md and its figures from the lines. `search_parts.py` lists the parts:
samplers may be tuned on the part `development` only. `--problems`, `--samplers`, `--seeds`,
`--first` and `--length` replace what a part has; with them, give a file of your own.

Everything runs on one thread a process. Everybody gets what suits it best. What is outside the
budget or has been evaluated already costs nothing and is asked for again: up to 50 times (20 for
TPE, 8 for the Gaussian process), then a uniform draw within the budget stands in. For regret, a
study has one objective; what is outside is told as a violated constraint where a sampler heeds
constraints. For hypervolume, it has two, accuracy and cost, and no budget.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from search_parts import PARTS, Part
from search_report import RESULTS, report, write
from search_rows import Row, Rows
from search_runs import Task, measured


def made(wanted: list[Task], processes: int, until: float) -> Iterator[Row]:
    """The rows of runs, as they end; none begins after `until`."""
    if processes == 1:
        for task in wanted:
            if time.monotonic() > until:
                return
            yield measured(task)
        return
    with ProcessPoolExecutor(processes) as pool:
        for start in range(0, len(wanted), 4 * processes):
            if time.monotonic() > until:
                return
            for done in as_completed([pool.submit(measured, task) for task in wanted[start : start + 4 * processes]]):
                yield done.result()


def changed(part: Part, given: argparse.Namespace) -> Part:
    """A part with what the command line replaces of it."""
    new = {name: value for name in ("seeds", "first", "length") if (value := getattr(given, name)) is not None}
    new |= {name: tuple(value.split(",")) for name in ("problems", "samplers") if (value := getattr(given, name))}
    return replace(part, **new)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--problems")
    parser.add_argument("--samplers")
    parser.add_argument("--seeds", type=int)
    parser.add_argument("--first", type=int)
    parser.add_argument("--length", type=int)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--limit", type=float, default=float("inf"), metavar="SECONDS")
    parser.add_argument("--rows", type=Path, default=RESULTS / "search_rows.jsonl")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    rows = Rows(given.rows)
    parts = {name: changed(PARTS[name], given) for name in given.parts.split(",")}
    until = time.monotonic() + given.limit
    # all parts' first seeds before the second ones: a benchmark that is stopped has some of each
    turns = [(task.seed - part.first, task) for part in parts.values() for task in part.tasks() if rows.missing(task)]
    for row in made([task for _, task in sorted(turns, key=lambda turn: turn[0])], given.processes, until):
        rows.add(row)
    if given.write:
        rows.tidy()
        write(list(parts.values()), rows)
    else:
        sys.stdout.write(report(list(parts.values()), rows))


if __name__ == "__main__":
    main()
