"""What a study of 100,000 trials costs its driver, and how long it takes to be read.

    uv run python benchmarks/scale.py [--database postgresql] [--trials 100000] [--write] [--quick]
    uv run python benchmarks/scale.py --folder FOLDER --seconds 120   # again and again: it goes on

Searches a generated table of 147,456 networks at random with 64 simulated workers, then times the
commands that read the study. Nothing is trained: what is measured is the driver, its sampler, its
engine and its database. PostgreSQL is started by this program (tests/studies/database/servers.py);
its own time is not counted. With `--write` the figures are kept in results/scale.json, and
results/scale.md is made of all that are there.
"""

import argparse
import csv
import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, nullcontext, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
SERVERS = Path(__file__).parents[1] / "tests" / "studies" / "database" / "servers.py"
COMMAND = [sys.executable, "-c", "from automl.cli.main import run; run()"]
SPACE = {
    "name": "scale",
    "skeleton": "efficientnet",
    "image": [1, 32, 32],
    "classes": 10,
    "dimensions": {
        "width": [0.25, 0.5, 0.75],
        "expansion": {"choices": [3, 6], "each": "stage"},
        "kernel": {"choices": [3, 5], "each": "stage"},
        "attention": ["none", "se", "eca"],
    },
}
QUICK = {"width": [0.25, 0.5, 0.75], "depth": [0.2, 0.4, 0.6], "expansion": [3, 6], "attention": ["none", "se", "eca"]}
WORKERS = 64
PARTS = "parts.jsonl"
"""File in the folder of a measurement: what the reading of the table took, and each fiftieth of the
trials."""


def table(path: Path) -> None:
    """Write the table."""
    from automl.spaces import Space
    from automl.spaces.draws.bulk import enumerate_rows, settings

    space, number = Space.from_dict(SPACE), 0
    with path.with_suffix(".new").open("w", newline="") as file:
        writer = csv.writer(file)
        names = [parameter.name for parameter in space.parameters]
        writer.writerow([*names, "accuracy.0", "seconds"])
        for rows in enumerate_rows(space):
            for row in rows:
                chosen, number = settings(space, row), number + 1
                writer.writerow([*(chosen[name] for name in names), 50 + number * 7919 % 4801 / 100, 30 + number % 60])
    path.with_suffix(".new").rename(path)


def searched(url: str, folder: Path, trials: int, seconds: float) -> None:
    """The search, in a process of its own, which goes on with what is in the database. What each
    part of it took is added to PARTS. It ends as by Ctrl-C after `seconds`, with one part
    at least."""
    from automl.search import SearchOptions, search
    from automl.search.course.events import Silent
    from automl.spaces import Space

    before: list[tuple[int, float, float]] = []

    class Listener(Silent):
        def ended(self, evaluation, macs, counts, best):
            if before and counts.done % (trials // 50):
                return
            now = counts.done, time.process_time(), time.perf_counter()
            if before:
                done, cpu, wall = before.pop()
                part = {"from": done, "to": now[0], "cpu": now[1] - cpu, "wall": now[2] - wall}
                part["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
            else:
                part = {"reading": now[2] - began}
            before.append(now)
            with (folder / PARTS).open("a") as file:
                file.write(json.dumps(part) + "\n")
            if "to" in part and now[2] - began > seconds:
                raise KeyboardInterrupt

    began = time.perf_counter()
    options = SearchOptions(
        space=Space.from_dict(SPACE),
        evaluator=f"table:{folder / 'table.csv'}",
        storage=url,
        study="s",
        sampler="random",
        trials=trials,
        workers=WORKERS,
        finals=0,
    )
    with suppress(KeyboardInterrupt):
        search(options, listener=Listener())


def driven(folder: Path) -> dict[str, Any]:
    """What the driver took, of all parts."""
    parts = [json.loads(line) for line in (folder / PARTS).read_text().splitlines()]
    done = [part for part in parts if "to" in part]
    last = max(part["to"] for part in done)

    def ms(some: list[dict[str, Any]]) -> float:
        return 1000 * sum(part["cpu"] for part in some) / max(1, sum(part["to"] - part["from"] for part in some))

    return {
        "trials": last,
        "starts": len(parts) - len(done),
        "reading": max(part["reading"] for part in parts if "reading" in part),
        "cpu_ms": ms(done),
        "first_ms": ms([part for part in done if part["to"] <= last / 5]),
        "last_ms": ms([part for part in done if part["from"] >= last * 4 / 5]),
        "wall": sum(part["wall"] for part in done),
        "memory": max(part["memory"] for part in done),
    }


@contextmanager
def database(kind: str, folder: Path):
    """The URL of a new database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'scale.db'}"
        return
    spec = importlib.util.spec_from_file_location("servers", SERVERS)
    assert spec is not None
    assert spec.loader is not None
    servers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(servers)
    with servers.serving(kind) as server:
        yield server.fresh()


def measured(kind: str, trials: int, seconds: float, folder: Path, more: list[str]) -> dict[str, Any]:
    """All figures of one database."""
    if not (folder / "table.csv").exists():
        table(folder / "table.csv")
    with database(kind, folder) as url:
        command = [sys.executable, __file__, "--searches", url, str(folder), "--trials", str(trials)]
        subprocess.run([*command, "--seconds", str(seconds), *more], check=True)
        figures = {"database": kind, **driven(folder)}
        for name in ("front", "status", "report"):
            began = time.perf_counter()
            arguments = [*COMMAND, name, "s", "--storage", url]
            arguments += ["--out", str(folder / "report")] if name == "report" else []
            subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True, cwd=folder)
            figures[name] = time.perf_counter() - began
    return figures


def page(rows: list[dict]) -> str:
    """The figures as Markdown."""
    made = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    made += "".join(f", {name} {version(name)}" for name in ("optuna", "sqlalchemy"))
    lines = [
        "# A study of 100,000 trials",
        "",
        f"`uv run python benchmarks/scale.py --database NAME --write`, {time.strftime('%Y-%m-%d')}, {made}. One search"
        " each.",
        "",
        "A table of 147,456 networks is searched at random by 64 simulated workers; commands are timed from start to"
        " end.",
        "",
        "| figure | " + " | ".join(f"{row['database']}, {row['trials']:,} trials" for row in rows) + " | wanted |",
        "|---|" + "---|" * (len(rows) + 1),
    ]
    parts = [
        ("driver's CPU time a trial", "cpu_ms", "{:.2f} ms", "5 ms"),
        ("… of the first fifth", "first_ms", "{:.2f} ms", ""),
        ("… of the last fifth", "last_ms", "{:.2f} ms", ""),
        ("starts of the search", "starts", "{}", ""),
        ("wall time of the search", "wall", "{:.0f} s", ""),
        ("reading the table, before", "reading", "{:.0f} s", ""),
        ("largest memory of the driver", "memory", "{:.2f} GiB", "1 GB"),
        ("`automl front`", "front", "{:.1f} s", "2 s"),
        ("`automl status`", "status", "{:.1f} s", "2 s"),
        ("`automl report`", "report", "{:.1f} s", "10 s"),
    ]
    for words, key, form, wanted in parts:
        lines.append(f"| {words} | " + " | ".join(form.format(row[key]) for row in rows) + f" | {wanted} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="sqlite", choices=["sqlite", "postgresql", "mariadb"])
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=300.0, help="the search ends after this time")
    parser.add_argument("--folder", type=Path, help="keeps table and database: the next run goes on with them")
    parser.add_argument("--quick", action="store_true", help="54 networks and 50 trials: whether this program works")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--searches", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.quick:
        SPACE["dimensions"], given.trials = QUICK, 50
    if given.searches:
        return searched(given.searches[0], Path(given.searches[1]), given.trials, given.seconds)
    if given.folder is not None and given.database != "sqlite":
        parser.error("a server ends with this program, and its database too: --folder is for sqlite")
    with tempfile.TemporaryDirectory() if given.folder is None else nullcontext(given.folder) as folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        row = measured(given.database, given.trials, given.seconds, Path(folder), ["--quick"] * given.quick)
    kept = RESULTS / "scale.json"
    rows = [row]
    if given.write and not given.quick:
        before = json.loads(kept.read_text()) if kept.exists() else []
        rows = sorted(
            [row, *(one for one in before if one["database"] != row["database"])], key=lambda one: one["database"]
        )
        kept.write_text(json.dumps(rows, indent=1) + "\n")
        (RESULTS / "scale.md").write_text(page(rows))
    print(page(rows))
    return None


if __name__ == "__main__":
    main()
