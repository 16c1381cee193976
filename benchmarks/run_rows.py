"""Keeps what was measured of every run: one line of JSON a run, appended to a file.

A line says which run it is (`problem`, `place` of the budget or -1 for the front, `sampler`,
`seed`, `code`), how many `evaluations` it made, `seconds` that all its proposals took, and, at each
of `MARKS` that it reached, `regret` and `incumbent` (in percentage points) or `hypervolume` (a
share).
`code` is a fingerprint of the sampler's code: runs of other code are made again.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_runs import Task

Row = dict[str, Any]
Key = tuple[str, int, str, int]
"""Problem, place of the budget, sampler, seed."""


class Rows:
    """The rows of a file that belong to the code as it is."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rows: dict[Key, Row] = {}
        for line in file.read_text().splitlines() if file.exists() else []:
            row = json.loads(line)
            if row["code"] == code_of(row["sampler"]):
                self._rows[_key(row)] = row

    def add(self, row: Row) -> None:
        """Keep a row in the file, in place of a shorter run."""
        self._rows[_key(row)] = row
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with self._file.open("a") as file:
            file.write(json.dumps(row) + "\n")

    def missing(self, task: Task) -> bool:
        """Whether a run is still to be made."""
        row = self.find(task.problem, task.place, task.sampler, task.seed)
        return row is None or row["evaluations"] < task.evaluations

    def find(self, problem: str, place: int, sampler: str, seed: int) -> Row | None:
        """The row of one run."""
        return self._rows.get((problem, place, sampler, seed))

    def tidy(self) -> None:
        """Leave in the file only the rows of the code as it is, in a fixed order."""
        lines = [json.dumps(self._rows[key]) + "\n" for key in sorted(self._rows)]
        part = self._file.with_suffix(".part")
        part.write_text("".join(lines))
        part.replace(self._file)


def _key(row: Row) -> Key:
    return row["problem"], row["place"], row["sampler"], row["seed"]


def code_of(sampler: str) -> str:
    """Fingerprint of the code of a sampler; that of Optuna's samplers is Optuna's version."""
    import automl.search.sampling as ours
    import optuna

    if sampler in ("predictor", "evolution", "random"):
        return _fingerprint(tuple(sorted(Path(next(iter(ours.__path__))).glob("*.py"))))
    if sampler in ("ard", "forest", "ridge", "local"):
        return _fingerprint((Path(__file__).with_name("search_rivals.py"),))
    return f"optuna {optuna.__version__}"


@cache
def _fingerprint(files: Iterable[Path]) -> str:
    """A hash of what the code does: without comments, docstrings and its layout."""
    return hashlib.sha256("".join(_plain(file.read_text()) for file in files).encode()).hexdigest()[:8]


def _plain(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [one for one in node.body if not _is_text(one)] or [ast.Pass()]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
