"""docs/extending.md: its examples are one installed package, which a real search uses all of.

The page's Python blocks become the modules that its TOML blocks name as entry points, installed as
pip would leave them. Commands then run in processes of their own, on real Ray workers.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("ray")

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
MOST = 40
"""Lines of an example."""
KINDS = {"blocks", "metrics", "evaluators", "samplers", "scores", "sources", "exporters"}

SPACE = """
name: striped
skeleton: efficientnet
image: [1, 18, 18]
classes: 2
dimensions:
  depth: [0.2, 0.4]
  width: [0.25, 0.375]
  expansion: [2]
  attention: [{attention}]
"""


def sections() -> dict[str, tuple[str, str]]:
    """Heading -> (its Python example, its TOML block)."""
    found = {}
    for text in re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]:
        python = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        toml = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
        if toml:
            found[text.splitlines()[0]] = python[0], toml[0]
    return found


def entries() -> dict[str, dict[str, str]]:
    """Group of entry points without "automl." -> name -> object."""
    found: dict[str, dict[str, str]] = {}
    for _, toml in sections().values():
        for group, declared in tomllib.loads(toml)["project"]["entry-points"].items():
            found.setdefault(group.removeprefix("automl."), {}).update(declared)
    return found


def name_of(kind: str) -> str:
    [name] = entries()[kind]
    return name


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, its metadata and its entry points."""
    folder = tmp_path_factory.mktemp("site")
    sources: dict[str, str] = {}
    for python, toml in sections().values():
        [declared] = tomllib.loads(toml)["project"]["entry-points"].values()
        [target] = declared.values()
        module = target.partition(":")[0]
        sources[module] = sources.get(module, "") + python + "\n"
    (folder / "their_package").mkdir()
    (folder / "their_package" / "__init__.py").write_text("")
    for module, source in sources.items():
        *parents, leaf = module.split(".")
        place = folder.joinpath(*parents, f"{leaf}.py") if parents else folder / leaf / "__init__.py"
        place.write_text(source)
    info = folder / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "".join(
            f"[automl.{group}]\n" + "".join(f"{name} = {target}\n" for name, target in declared.items())
            for group, declared in entries().items()
        )
    )
    return folder


def automl(installed: Path | None, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from automl.cli.main import run; run()"
    path = {} if installed is None else {"PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env={**os.environ, **path, "AUTOML_STORAGE": f"sqlite:///{folder}/a.db", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def lines(text: str) -> int:
    return len(text.strip().splitlines())


class TestPage:
    def test_every_kind_of_part_has_a_complete_example(self):
        assert set(entries()) == KINDS
        assert all(len(declared) == 1 for declared in entries().values())

    @pytest.mark.parametrize("heading", sections())
    def test_an_example_is_short(self, heading: str):
        assert lines(sections()[heading][0]) <= MOST


@pytest.fixture(scope="module")
def searched(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """The folder of a search that uses a part of every kind, and its JSON."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "striped.yaml").write_text(SPACE.format(attention=f"none, {name_of('blocks')}"))
    metric = name_of("metrics")
    done = automl(
        installed, folder,
        "search", "--space", "striped.yaml", "--data", "made:stripes", "--budget", "100MFLOPs", "--cost", metric,
        "--sampler", name_of("samplers"), "--evaluator", name_of("evaluators"), "--study", "theirs",
        "--trials", "6", "--epochs", "2", "--proxy-size", "16", "--workers", "2", "--finals", "1", "--seeds", "1",
        "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "is left out" not in done.stderr
    return folder, json.loads(done.stdout)


class TestSearch:
    def test_every_trial_is_evaluated_and_the_axis_is_theirs(self, searched: tuple[Path, dict], installed: Path):
        folder, found = searched
        assert found["counts"]["failed"] == 0
        assert found["counts"]["done"] + found["counts"]["pruned"] == 6
        shown = automl(installed, folder, "front", "theirs", "--json")
        assert shown.returncode == 0, shown.stderr
        metric = name_of("metrics")
        assert metric in json.dumps(json.loads(shown.stdout))
        status = automl(installed, folder, "status", "theirs", "--json")
        assert status.returncode == 0, status.stderr

    def test_candidates_have_their_attention_and_trials_their_sampler(self, searched: tuple[Path, dict]):
        import sqlite3

        folder, _ = searched
        connection = sqlite3.connect(folder / "a.db")
        specs = [row[0] for row in connection.execute("SELECT spec FROM automl_candidates")]
        assert any(f'"block":"{name_of("blocks")}"' in spec for spec in specs)
        origins = {row[0] for row in connection.execute("SELECT origin FROM automl_evaluations WHERE trial >= 0")}
        assert name_of("samplers") in origins
        [settings] = [json.loads(row[0]) for row in connection.execute("SELECT settings FROM automl_studies")]
        assert settings["evaluator"] == name_of("evaluators")
        assert settings["cost"] == name_of("metrics")
        kept = [json.loads(row[0]) for row in connection.execute("SELECT metrics FROM automl_candidates")]
        assert all(name_of("metrics") in metrics for metrics in kept)
        connection.close()

    def test_their_score_ranks_in_the_workers(self, searched: tuple[Path, dict], installed: Path):
        folder, _ = searched
        done = automl(
            installed, folder,
            "search", "--space", "striped.yaml", "--data", "made:stripes", "--proxy-size", "16", "--study", "scored",
            "--evaluator", f"zero-cost:{name_of('scores')}", "--trials", "3", "--finals", "0", "--workers", "1",
            "--json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        assert json.loads(done.stdout)["counts"]["done"] == 3

    def test_cost_counts_with_their_metric_as_unit_of_a_budget_too(self, installed: Path, tmp_path: Path):
        done = automl(installed, tmp_path, "cost", "resnet18", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["metrics"][name_of("metrics")] > 0

    def test_report_and_export_know_their_parts(self, searched: tuple[Path, dict], installed: Path):
        folder, _ = searched
        report = automl(installed, folder, "report", "theirs", "--out", "report")
        assert report.returncode == 0, report.stderr[-3000:]
        export = automl(installed, folder, "export", "theirs", "--out", "found", "--format", name_of("exporters"))
        assert export.returncode == 0, export.stderr[-3000:]
        names = {path.name for path in (folder / "found").iterdir()}
        assert names > {"model.py", "model.safetensors", "config.json", "README.md"}
        own = names - {"model.py", "model.safetensors", "config.json", "README.md", "__pycache__"}
        assert own
        assert "model.onnx" not in own
        assert all(name in (folder / "found" / "README.md").read_text() for name in own)

    def test_control_without_the_package_none_of_them_is_known(self, tmp_path: Path):
        for option, kind in [("--sampler", "samplers"), ("--evaluator", "evaluators"), ("--cost", "metrics")]:
            done = automl(None, tmp_path, "search", option, name_of(kind))
            assert done.returncode == 2
            assert "unknown" in done.stderr
        assert automl(None, tmp_path, "search", "--data", "made:stripes").returncode == 2
