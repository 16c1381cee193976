"""How samplers spend evaluations: regret and hypervolume over tabular problems, ours beside
Optuna's.

    uv run python benchmarks/search.py [--processes 2] [--seeds 50] [--samplers predictor,tpe]
    [--problems macro|development|held-out] [--write [NAME]]

Every run is kept as a file in `--cache` and not made again, so that a benchmark that was stopped
goes on; `--write` keeps table and figures in benchmarks/results/search.md and .svg, the regrets of
every run in search_rows.csv and a dot for each of them in search_seeds.svg; with a NAME, in files
of that name. Everything runs on one thread a process. The problems called
`development` and `held-out` come from the generator of `search_generated.py`: samplers may be
tuned on the former only.

Everybody gets what suits it best. What is outside the budget or has been evaluated already costs
nothing and is asked for again: up to 50 times (20 for TPE, 8 for the Gaussian process), then a
uniform draw within the budget stands in. For regret, a study has one objective; what is outside is
told as a violated constraint where a sampler heeds constraints. For hypervolume, it has two,
accuracy and cost, and no budget.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from search_generated import SETS
from search_problems import ALL
from search_report import report
from search_runs import WORDS, once, tasks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--samplers", default=",".join(WORDS))
    parser.add_argument("--problems", default=",".join(ALL))
    parser.add_argument(
        "--only",
        choices=("all", "budgets", "fronts", "none"),
        default="all",
        help="which runs to make; none: report what there is",
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "automl-search-benchmark")
    parser.add_argument("--write", nargs="?", const="search", metavar="NAME")
    given = parser.parse_args()
    samplers = given.samplers.split(",")
    problems = [name for given_name in given.problems.split(",") for name in SETS.get(given_name, [given_name])]
    wanted = (
        list(tasks(samplers, problems, given.seeds, given.only in ("all", "fronts"), given.only in ("all", "budgets")))
        if given.only != "none"
        else []
    )
    wanted = [task for task in wanted if not task.file(given.cache).exists()]
    if given.processes > 1:
        with ProcessPoolExecutor(given.processes) as pool:
            list(pool.map(once, wanted, [given.cache] * len(wanted), chunksize=4))
    else:
        for task in wanted:
            once(task, given.cache)
    sys.stdout.write(report(problems, given.seeds, given.cache, write=given.write))


if __name__ == "__main__":
    main()
