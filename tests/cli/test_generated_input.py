"""Malformed spaces, tables and options by the hundred: each is refused in one short line, in
seconds, without a traceback and without a file left behind."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .hostile import ARGUMENTS, hostile_space, hostile_table, litter, refused_well, shipped

FEW = {"space": 12, "census": 5, "table": 4, "option": 10}
"""Examples of each kind by default."""
MANY = 500
"""Examples of each kind, exhaustively."""
SPACE = {
    "name": "four",
    "skeleton": "efficientnet",
    "image": [1, 18, 18],
    "classes": 3,
    "dimensions": {"depth": 0.2, "width": [0.25, 0.5], "attention": ["none", "se"]},
}
TABLE: dict[str, Any] = {
    "00": {"accuracy": [0.5, 0.6], "seconds": 30},
    "01": [{"accuracy": 0.5, "seconds": [3]}, {"accuracy": 0.25, "seconds": "4.5"}],
    "10": {"settings": {"width": 0.5, "attention": "none"}, "val_acc": 0.75, "seconds": 1},
    "11": {"accuracy": 0.5, "seconds": 2.5},
}
CURVES: dict[str, Any] = {
    key: {"curve": [[1, 10 + number], [2, 20.5], [3, 30]], "seconds": 9} for number, key in enumerate(TABLE)
}
SEARCH = ["search", "--space", "four.json", "--evaluator", "table:table.json", "--study", "new", "--sampler", "random"]
SEARCH += ["--trials", "4", "--finals", "0", "--workers", "1"]
CONSTRAINTS = [
    "((10**64)**64)**64 > depth",
    '"a" * 10**9 == attention',
    '"%1000000000d" % 5 == attention',
    "attention * 1000000000 == attention",
    "+".join(["width"] * 150) + " > 1",
    "+".join(["width"] * 1500) + " > 1",
    "width ** -64 ** 0.5 > 1e300",
    "width / (depth - 0.2) > 1",
    "x" * 1_000_000 + " > 1",
]
OPTIONS: dict[str, tuple[list[str], str]] = {
    "search": (
        SEARCH[1:],
        "space evaluator study sampler trials finals workers data data-dir validation test drop-small-classes"
        " image-size proxy-size epochs fraction seed time gpus-per-trial storage budget cost hints objective"
        " table-seconds warm-start references seeds metric balance fit",
    ),
    "cost": (["resnet50"], "image-size batch storage"),
    "space sample": (["four.json"], "budget count seed aim image-size"),
    "space describe": (["four.json"], "budget image-size"),
    "scale": (
        ["--baseline", "efficientnet_b0", "--phi", "0"],
        "baseline study alpha beta gamma coefficients phi width budget target-axis target size-multiple image-size"
        " preset export storage",
    ),
    "status": (["kept"], "storage"),
    "front": (["kept"], "storage"),
    "report": (["kept"], "storage out"),
    "studies": ([], "storage"),
    "delete": (["kept"], "storage"),
    "train": (["kept"], "candidate epochs size seed threads recipe balance data data-dir storage"),
    "export": (["kept", "--out", "found"], "out candidate training size epochs seed format data data-dir storage"),
}
"""Command → its arguments, and the options that are given nonsense."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a space, its table, a study of them, and what is no regular file."""
    path = tmp_path_factory.mktemp("hostile")
    (path / "four.json").write_text(json.dumps(SPACE))
    (path / "four.yaml").write_text(json.dumps(SPACE))
    (path / "table.json").write_text(json.dumps(TABLE))
    litter(path)
    search = [word.replace("four.json", "four.yaml").replace("new", "kept") for word in SEARCH]
    assert refused_well(search, path) == ""
    return path


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape" if "\udce9" in text else "backslashreplace"))


def space(folder: Path, seed: int) -> str:
    """What is wrong with how a hostile space is refused; empty if nothing is."""
    random = Random(seed)
    library = {**shipped(), "four.yaml": json.dumps(SPACE)}
    text = hostile_space(library[random.choice(sorted(library))], random)
    write(folder / "hostile.yaml", text)
    fault = refused_well(["cost", "hostile.yaml"], folder)
    return fault and f"{fault}\n{text[:3000]}"


def table(folder: Path, seed: int) -> str:
    random = Random(seed)
    text = hostile_table(random.choice((TABLE, CURVES)), random)
    write(folder / "hostile.json", text)
    words = [word.replace("table.json", "hostile.json").replace("four.json", "four.yaml") for word in SEARCH]
    fault = refused_well(words, folder)
    if not fault:
        fault = _left_readable(folder)
    clean(folder)
    return fault and f"{fault}\n{text[:3000]}"


def _left_readable(folder: Path) -> str:
    """What is wrong with how the study that a search has made is shown."""
    with sqlite3.connect(folder / "automl.db") as database:
        made = database.execute("SELECT count(*) FROM automl_studies WHERE name = 'new'").fetchone()[0]
    database.close()
    return refused_well(["status", "new"], folder) if made else ""


def clean(folder: Path) -> None:
    """Take away what a successful command has made."""
    import shutil

    refused_well(["delete", "new", "--yes"], folder)
    kept = {"four.json", "four.yaml", "table.json", "pipe.yaml", "pipe.json", "pipe.npz", "loop.yaml", "loop.json"}
    kept |= {"loop.npz", "folder", "automl.db", "hostile.json", "hostile.yaml"}
    for path in folder.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def option(folder: Path, seed: int) -> str:
    random = Random(seed)
    command = random.choice(sorted(OPTIONS))
    given, names = OPTIONS[command]
    words = [*command.split(), *given]
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        value = random.choice(ARGUMENTS)
        if random.random() < 0.15 and given and not given[0].startswith("-"):
            words[len(command.split())] = value if not value.startswith("-") else f"./{value}"
        else:
            words.append(f"--{random.choice(names.split())}={value}")
    if command == "delete":
        words.append("--yes")
    words = [word.replace("four.json", "four.yaml") for word in words]
    fault = refused_well(words, folder)
    if command == "delete" and not (folder / "automl.db").exists():
        return "the database is gone"
    if command == "delete":
        refused_well([word.replace("four.json", "four.yaml").replace("new", "kept") for word in SEARCH], folder)
    clean(folder)
    return fault and f"{fault}\n{[word[:200] for word in words]}"


def census(folder: Path, seed: int) -> str:
    """As `space`, of a small space whose settings are all examined, so that its constraints are."""
    random = Random(seed)
    data = {**SPACE, "constraints": [random.choice(CONSTRAINTS), "attention == 'se' or width * depth <= 1"]}
    text = hostile_space(json.dumps(data), random)
    write(folder / "hostile.yaml", text)
    fault = refused_well(["space", "check", "hostile.yaml"], folder)
    return fault and f"{fault}\n{text[:3000]}"


KINDS = {"space": space, "census": census, "table": table, "option": option}


def run(folder: Path, kind: str, examples: int) -> None:
    @given(seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=examples)
    def refused(seed: int) -> None:
        assert KINDS[kind](folder, seed) == ""

    refused()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_malformed_is_refused_well(folder: Path, kind: str):
    run(folder, kind, FEW[kind])


@pytest.mark.exhaustive
@pytest.mark.parametrize("kind", KINDS)
def test_so_is_it_in_hundreds_of_examples(folder: Path, kind: str):
    run(folder, kind, MANY)


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("raise ZeroDivisionError", "an error that nobody foresaw"),
        ("raise InputError('x' * 300 + ' ' + 'y' * 300)", ""),
        ("Path('left').write_text('x'); raise InputError('x')", "it leaves"),
        ("open('pipe.yaml')", "it hangs"),
        ("\n while True: pass", "it hangs"),
        ("sys.stderr.write('a\\nb\\n'); raise InputError('x')", "not one line"),
    ],
)
def test_control_a_fault_would_be_seen(folder: Path, monkeypatch, fault: str, says: str):
    import sys

    from automl.blocks import InputError
    from automl.search import network_cost as module

    from . import hostile

    def planted(*_: object, **__: object) -> None:
        exec(fault.strip(), {"Path": Path, "InputError": InputError, "sys": sys})

    monkeypatch.setattr(hostile, "HANG", 0.2)
    monkeypatch.setattr(hostile, "BLOCKED", 0.5)
    monkeypatch.setattr(module, "cost", planted)
    monkeypatch.setattr("automl.search.network_cost.cost", planted)
    found = refused_well(["cost", "resnet50"], folder)
    (folder / "left").unlink(missing_ok=True)
    assert says in found
    assert bool(says) == bool(found)
