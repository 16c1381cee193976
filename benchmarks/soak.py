"""Kills searches at random instants for hours, and checks what they leave.

    uv run python benchmarks/soak.py [--kind KIND] [--seconds 200] [--write]

Each row is one study: a search is killed up to so many times, or what it depends on is, and is
started again until it ends; then `tests/faults/invariants.py` is asked. Rows follow from `--seed`
and are kept in results/soak.jsonl as they come: a further run goes on with the next. Searches of a
table must find what an undisturbed search finds, to the last trial. With `--write` results/soak.md
is made of all rows.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # the harness is the tests'

from tests.faults import killing, places  # noqa: E402
from tests.faults.invariants import Contents, Row  # noqa: E402
from tests.faults.searches import Search, of_table, of_trainings  # noqa: E402
from tests.studies.database.servers import serving  # noqa: E402

RESULTS = Path(__file__).parent / "results"
KINDS = {
    "table": "tables, SQLite",
    "postgresql": "tables, PostgreSQL",
    "trainings": "tiny trainings, SQLite",
    "trainings-postgresql": "tiny trainings, PostgreSQL",
}
SAMPLERS = {"random": 1500, "evolution": 500, "predictor": 80}
"""Samplers with the number of trials that take about ten seconds."""
UNSTEADY = "predictor"
"""A sampler that goes on from its last fit, which a restart forgets: it may propose others then,
though in tests it does not."""
VARIANTS = 3
"""Seeds of each search of a table."""
FOLDERS = re.compile(r"/(tmp|var|home|root|work)/[\w./-]+")
"""Places on one machine, which say nothing to others."""
HORIZON = 0.5
"""The time within which a kill falls, as a share of the time of an undisturbed search."""


def planned(kind: str, number: int, seed: int) -> tuple[Search, random.Random]:
    """The search of a row, and what draws its kills."""
    draw = random.Random(f"{seed}-{kind}-{number}")
    if kind.startswith("trainings"):
        return of_trainings(8, number), draw
    sampler = list(SAMPLERS)[number % len(SAMPLERS)]
    return of_table(sampler, SAMPLERS[sampler], number // len(SAMPLERS) % VARIANTS), draw


class Undisturbed:
    """What searches leave undisturbed; each runs once, or once for all runs that name one file."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[str, Any] = json.loads(file.read_text()) if file is not None and file.exists() else {}

    def of(self, search: Search) -> tuple[Contents | None, float]:
        """What the search leaves, if that is always the same, and its time in seconds."""
        name = "trainings" if search.trains else search.name
        if name not in self._known:
            found = killing.undisturbed(search)
            assert not found.violations, found.violations
            self._known[name] = {"seconds": found.seconds, "rows": found.contents.rows}
            if self._file is not None:
                self._file.write_text(json.dumps(self._known))
        kept = self._known[name]
        return None if search.trains else Contents(rows=[plain_row(one) for one in kept["rows"]]), kept["seconds"]


def plain_row(values: list[Any]) -> Row:
    """A row that was read from JSON."""
    row = Row(*values)
    return row._replace(curve=tuple((epoch, accuracy) for epoch, accuracy in row.curve))


def row(kind: str, number: int, seed: int, kills: int, known: Undisturbed) -> dict[str, Any]:
    """One study."""
    search, draw = planned(kind, number, seed)
    wanted, alone = known.of(search)
    with (
        serving("postgresql") if kind.endswith("postgresql") else nullcontext() as server,
        places.place(search, server) as at,
    ):
        promised = None if search.name.startswith(UNSTEADY) else wanted
        found = killing.disturbed(at, draw, kills=kills, horizon=HORIZON * alone, wanted=promised)
    return {
        "kind": kind,
        "commit": commit(),
        "number": number,
        "seed": seed,
        "search": search.name,
        "kills": [asdict(one) for one in found.kills],
        "violations": [(which, FOLDERS.sub("…", line)) for which, line in found.violations],
        "gave_up": found.gave_up,
        "rows": len(found.contents.rows),
        "same": None
        if wanted is None
        else [one.found for one in found.contents.rows] == [one.found for one in wanted.rows],
        "seconds": round(found.seconds, 1),
        "alone": round(alone, 1),
    }


def commit() -> str:
    """The version of this program; empty outside a checkout."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def page(rows: list[dict[str, Any]]) -> str:
    """All rows as Markdown, those of each version by themselves, the latest first."""
    made = f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
    made += "".join(f", {name} {version(name)}" for name in ("ray", "optuna", "sqlalchemy", "torch", "psycopg"))
    lines = [
        "# Searches that are killed",
        "",
        f"`uv run python benchmarks/soak.py --kind KIND --write`, {time.strftime('%Y-%m-%d')}, {made}. Seeds:"
        f" {', '.join(str(one) for one in sorted({row['seed'] for row in rows}))}.",
        "",
        "A search is killed at instants that are drawn evenly from half of the time that it takes undisturbed, and is"
        " started again until it ends. An invariant that does not hold once is a violation; they are in"
        " `tests/faults/invariants.py`. *Lost* are evaluations that a driver had said to have ended and that were not"
        " in the database after its death. A search of a table prints only those that are better than all before.",
        "",
    ]
    unsteady = [row["same"] for row in rows if row["search"].startswith(UNSTEADY) and "same" in row]
    lines += [
        "",
        f"Searches by random and evolution must find what they find undisturbed, to the last trial and final training;"
        f" the predictor need not, and did in {sum(unsteady)} of {len(unsteady)} studies.",
        "",
        "*Gave up*: the driver ended with one line that said why and how to go on, because Ray had died in the middle"
        " of a call, or, before drivers waited for it, because the server was away while the driver began; it was"
        " started again.",
    ]
    lines += ["", "| killed | kills | next evaluation: median, worst (n) |", "|---|---|---|"]
    all_kills = [one for row in rows for one in row["kills"]]
    for victim in sorted({one["victim"] for one in all_kills}):
        those = [one for one in all_kills if one["victim"] == victim]
        nexts = sorted(one["next"] for one in those if one["next"] is not None)
        after = f"{statistics.median(nexts):.1f} s, {nexts[-1]:.1f} s ({len(nexts)})" if nexts else "-"
        lines.append(f"| {victim} | {len(those)} | {after} |")
    for program in dict.fromkeys(row["commit"] for row in reversed(rows)):
        of_version = [row for row in rows if row["commit"] == program]
        lines += ["", f"## {program}", "", *table(of_version), "", *violations(of_version)]
    return "\n".join(lines) + "\n"


def table(rows: list[dict[str, Any]]) -> list[str]:
    """A line for each kind of search."""
    lines = [
        "| searches | studies | kills | violations | studies with any | lost | gave up |"
        " next evaluation after a restart: median, worst (n) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, words in KINDS.items():
        those = [row for row in rows if row["kind"] == kind]
        if not those:
            continue
        kills = [one for row in those for one in row["kills"]]
        nexts = sorted(one["next"] for one in kills if one["next"] is not None and one["victim"] in killing.SIGNALS)
        after = f"{statistics.median(nexts):.1f} s, {nexts[-1]:.1f} s ({len(nexts)})" if nexts else "-"
        lines.append(
            f"| {words} | {len(those)} | {len(kills)} | {sum(len(row['violations']) for row in those)} |"
            f" {sum(bool(row['violations']) for row in those)} | {sum(one['lost'] for one in kills)} |"
            f" {sum(row['gave_up'] for row in those)} | {after} |"
        )
    return lines


def violations(rows: list[dict[str, Any]]) -> list[str]:
    """What did not hold, study by study."""
    broken = [(row, which, line) for row in rows for which, line in row["violations"]]
    if not broken:
        return ["No violation."]
    return [
        f"- {row['kind']} {row['number']}, seed {row['seed']} ({row['search']}): {which}:"
        f" {' '.join(line.split())[-160:]}"
        for row, which, line in broken
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="table", choices=list(KINDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=8, help="largest number of kills of a study")
    parser.add_argument("--seconds", type=float, default=3600.0, help="no study is begun after this time")
    parser.add_argument("--rows", type=Path, default=RESULTS / "soak.jsonl", help="where rows are kept")
    parser.add_argument("--known", type=Path, help="keeps what undisturbed searches leave, for runs of one version")
    parser.add_argument("--write", action="store_true", help="make results/soak.md of all rows")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what it has started ends with it
    rows = [json.loads(line) for line in given.rows.read_text().splitlines()] if given.rows.exists() else []
    done = {one["number"] for one in rows if (one["kind"], one["seed"]) == (given.kind, given.seed)}
    known, began, number = Undisturbed(given.known), time.monotonic(), 0
    while time.monotonic() - began < given.seconds:
        if number not in done:
            one = row(given.kind, number, given.seed, given.kills, known)
            rows.append(one)
            with given.rows.open("a") as file:
                file.write(json.dumps(one) + "\n")
            killed = ", ".join(f"{each['victim']} {each['after']:.1f} s" for each in one["kills"])
            print(
                f"{one['kind']} {number} {one['search']}: {one['seconds']} s; {killed}; {one['violations']}", flush=True
            )
        number += 1
    if given.write:
        (RESULTS / "soak.md").write_text(page(rows))
    print(page(rows))


if __name__ == "__main__":
    main()
