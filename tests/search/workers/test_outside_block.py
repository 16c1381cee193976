"""An attention block of an installed package, from a name in a space file to an exported network,
with real workers.

The package is the one of the docs, laid out as pip leaves it, in a folder on PYTHONPATH: every
process finds it by its metadata alone.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ..conftest import write_images

pytestmark = pytest.mark.xdist_group("ray if exhaustive")

PAGE = (Path(__file__).parents[3] / "docs" / "spaces.md").read_text()
LIAR = """
from dataclasses import dataclass

from automl.blocks import Attention, Cost

from .gate import GateModule


@dataclass(frozen=True)
class Liar(Attention):
    def cost(self, shape):
        return Cost(macs=shape.channels, params=shape.channels, activations=shape.channels)  # forgets the biases

    def build(self, shape):
        return GateModule(shape.channels)
"""
SPACE = """
name: tiny
skeleton: resnet
image: [1, 32, 32]
dimensions:
  depth: 0.2
  width: [0.125, 0.25]
  repeats: 1
  attention: [gate, liar]
"""


PROGRAM = """
import contextlib, io, json, sys
from automl.cli.main import main

found = {}
for name, words in json.loads(sys.argv[1]).items():
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.redirect_stderr(said):
        code = main(words)
    found[name] = code, said.getvalue()
    if name.endswith(".json"):
        with open(name, "w") as file:
            json.dump(json.loads(said.getvalue())[0]["candidate"], file)
print(json.dumps(found))
"""
"""Runs commands in one process; a network that a command samples goes to the file of its name."""


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(folder / "installed"), "COLUMNS": "200", "NO_COLOR": "1"}


def python(folder: Path, code: str, *arguments: object) -> str:
    """What a process prints in which the package is installed."""
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, env=environment(folder))
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def automl(folder: Path, *arguments: object) -> str:
    """A command in a process of its own."""
    return python(folder, "from automl.cli.main import run; run()", *arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The docs' package, installed; it also has a class that is not registered and counts
    wrongly."""
    path = tmp_path_factory.mktemp("outside")
    package, info = path / "installed" / "their_package", path / "installed" / "their_package-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    [toml] = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)]
    entries = {**toml["project"]["entry-points"]["automl.blocks"], "liar": "their_package.liar:Liar"}
    [gate] = [text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "@register" in text]
    (package / "__init__.py").write_text("")
    (package / "gate.py").write_text(gate)
    (package / "liar.py").write_text(LIAR)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[automl.blocks]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
    )
    (path / "tiny.yaml").write_text(SPACE)
    write_images(path / "images.npz")
    return path


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, tuple[int, str]]:
    """Exit code and output of commands that need no workers, by name."""
    (folder / "wrong.yaml").write_text(SPACE.replace("gate", "gat"))
    for attention in ("gate", "liar"):
        (folder / f"{attention}.yaml").write_text(SPACE.replace("[gate, liar]", attention))
    commands = {
        "good": "space check tiny.yaml",
        "wrong": "space check wrong.yaml",
        "gate.json": "space sample gate.yaml -n 1 --json",
        "liar.json": "space sample liar.yaml -n 1 --json",
        "gate": "cost gate.json --audit",
        "liar": "cost liar.json --audit",
    }
    return json.loads(python(folder, PROGRAM, json.dumps({name: text.split() for name, text in commands.items()})))


@pytest.fixture(scope="module")
def searched(folder: Path) -> Path:
    options = "--sampler grid --trials 4 --epochs 2 --finals 1 --workers 1 --study tiny --no-flip"
    automl(folder, "search", "--space", "tiny.yaml", "--data", "images.npz", *options.split())
    return folder


def test_a_space_that_names_it_is_good(said: dict[str, tuple[int, str]]):
    code, text = said["good"]
    assert code == 0
    assert "tiny: good; 4 settings" in text


def test_a_name_that_is_nearly_its_own_is_told(said: dict[str, tuple[int, str]]):
    code, text = said["wrong"]
    assert code == 2
    assert "unknown attention 'gat'; did you mean 'gate'" in text


def test_it_is_costed_and_its_formula_holds_before_every_witness(said: dict[str, tuple[int, str]]):
    code, text = said["gate"]
    assert code == 0
    assert "and by thop" in text


def test_one_that_counts_wrongly_is_named_by_its_place(said: dict[str, tuple[int, str]]):
    code, text = said["liar"]
    assert code == 1
    assert "WRONG: stages.0 (bottleneck): params: the formula says" in text


@pytest.mark.exhaustive  # by default tests/test_extending.py does this with another block
def test_workers_train_it_and_refuse_the_one_that_counts_wrongly(searched: Path):
    with sqlite3.connect(searched / "automl.db") as database:
        rows = database.execute(
            "SELECT settings, state, reason FROM automl_evaluations WHERE purpose = 'search'"
        ).fetchall()
    states = {(json.loads(settings)["attention"], state) for settings, state, _ in rows}
    assert len(rows) == 4
    assert ("gate", "COMPLETE") in states
    assert {state for attention, state in states if attention == "gate"} <= {"COMPLETE", "PRUNED"}
    assert {state for attention, state in states if attention == "liar"} == {"FAIL"}
    assert all("was costed with" in reason for _, state, reason in rows if state == "FAIL")


@pytest.mark.exhaustive  # by default tests/test_extending.py does this with another block
def test_what_is_exported_needs_neither_automl_nor_the_package(searched: Path):
    automl(searched, "export", "tiny", "--out", "found")
    code = (
        "import sys, runpy; sys.modules['automl'] = None; sys.argv = ['model.py']; runpy.run_path('model.py',"
        " run_name='__main__')"
    )
    plain = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=searched / "found", capture_output=True, text=True, env=plain
    )
    assert done.returncode == 0, done.stderr
    text = (searched / "found" / "model.py").read_text()
    assert "class GateModule" in text
    assert "their_package" not in "".join(line for line in text.splitlines() if "import" in line)


@pytest.mark.exhaustive  # by default tests/test_extending.py does this with another block
def test_without_the_package_the_candidate_is_refused_by_name(searched: Path):
    (searched / "installed").rename(searched / "gone")
    try:
        command = {"best": ["cost", "tiny:best"]}
        code, text = json.loads(python(searched, PROGRAM, json.dumps(command)))["best"]
        assert code == 2
        assert "unknown block 'gate'" in text
    finally:
        (searched / "gone").rename(searched / "installed")
