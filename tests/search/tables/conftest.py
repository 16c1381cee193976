"""A space of twelve networks, and tables of it."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.search.tables import Table, read_table
from automl.spaces import Space
from automl.spaces.draws.bulk import enumerate_rows, settings

SPACE = {
    "name": "twelve",
    "skeleton": "efficientnet",
    "image": [1, 18, 18],
    "classes": 3,
    "dimensions": {"depth": 0.2, "width": [0.25, 0.5, 0.75], "expansion": [2, 3], "attention": ["none", "se"]},
}
NAS_BENCH_MACRO = (
    Path(__file__).resolve().parents[4] / "shared" / "data" / "nas-bench-macro" / "nas-bench-macro_cifar10.json"
)


@pytest.fixture
def space() -> Space:
    return Space.from_dict(SPACE)


@pytest.fixture
def ids(space: Space) -> dict[str, str]:
    """Key of digits → candidate id, of all twelve."""
    rows = np.concatenate(list(enumerate_rows(space)))
    return {"".join(str(digit) for digit in row[1:]): space.candidate(settings(space, row)).id for row in rows}


@pytest.fixture
def read(space: Space, tmp_path: Path) -> Callable[..., Table]:
    """Reads a table written from plain data (JSON), from text, or from rows with a header (CSV)."""

    def write(data: Any, name: str = "table.json", of: Space | None = None) -> Table:
        path = tmp_path / name
        if isinstance(data, str):
            path.write_text(data)
        elif name.endswith(".csv"):
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(data)
        else:
            path.write_text(json.dumps(data))
        return read_table(path, of or space)

    return write


@pytest.fixture
def nas_bench_macro() -> Path:
    if not NAS_BENCH_MACRO.exists():
        pytest.skip("NAS-Bench-Macro's table is not beside this checkout (../shared/data/nas-bench-macro)")
    return NAS_BENCH_MACRO
