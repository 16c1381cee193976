"""docs/extending.md: its examples are one installed package, which a real search uses all of.

The page's Python blocks become the modules that its TOML blocks name as entry points, installed as
pip would leave them. Commands then run in processes of their own, on real Ray workers.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from . import fresh

pytestmark = pytest.mark.xdist_group("ray")

PAGE = Path(__file__).resolve().parents[1] / "docs" / "extending.md"
MOST = 40
"""Lines of an example."""
KINDS = {"blocks", "metrics", "measures", "evaluators", "samplers", "scores", "sources", "exporters", "references"}

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


PROGRAM = """
import contextlib, functools, io, json, sys
from automl.cli.main import main
from automl.search.workers import cluster

# the searches share one Ray, which ends with the process: a start takes longer than a search
cluster.start, cluster.stop = functools.cache(cluster.start), lambda: None

found = {}
for name, words in json.loads(sys.argv[1]).items():
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    found[name] = code, out.getvalue(), err.getvalue()
json.dump(found, sys.stdout)
"""

Said = dict[str, tuple[int, str, str]]
"""Name of a command -> its exit code, output and errors."""


def automl(installed: Path | None, folder: Path, commands: dict[str, list[str]]) -> Said:
    """Run commands one after another in one process."""
    found = f"os.environ['AUTOML_STORAGE'] = 'sqlite:///{folder}/a.db'\n"
    if installed is not None:  # by this process, and by Ray's
        found += f"sys.path.insert(0, '{installed}'); os.environ['PYTHONPATH'] = '{installed}'\n"
    done = fresh.run(found + PROGRAM, json.dumps(commands), folder=folder, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "is left out" not in done.stderr
    return {name: (code, out, err) for name, (code, out, err) in json.loads(done.stdout).items()}


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
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    (folder / "striped.yaml").write_text(SPACE.format(attention=f"none, {name_of('blocks')}"))
    return folder


@pytest.fixture(scope="module")
def said(installed: Path, work: Path) -> Said:
    """What the commands say that use a part of every kind."""
    search = ["search", "--space", "striped.yaml", "--data", "made:stripes", "--proxy-size", "16", "--workers", "1"]
    search += ["--references", "none"]
    of_scores = ["--evaluator", f"zero-cost:{name_of('scores')}", "--trials", "3", "--finals", "0"]
    of_all = [
        *("--budget", f"100MFLOPs,1000 {next(iter(unit()))}"),
        *("--cost", name_of("metrics")),
        *("--metric", name_of("measures")),
        *("--sampler", name_of("samplers")),
        *("--evaluator", name_of("evaluators")),
        *("--trials", "5", "--epochs", "2", "--finals", "1", "--seeds", "1"),
    ]
    return automl(
        installed,
        work,
        {
            "search": [*search, *of_all, "--study", "theirs", "--json"],
            "scored": [*search, *of_scores, "--study", "scored", "--json"],
            "front": ["front", "theirs", "--json"],
            "status": ["status", "theirs", "--json"],
            "cost": ["cost", "resnet18", "--json"],
            "references": ["references", "--budget", "3MFLOPs", "--image-size", "32", "--json"],
            "report": ["report", "theirs", "--out", "report"],
            "export": ["export", "theirs", "--out", "found", "--format", name_of("exporters")],
            "help": ["search", "--help"],
        },
    )


def unit() -> list[str]:
    """The units that the metric of the page declares."""
    python, _ = next(one for one in sections().values() if "automl.metrics" in one[1])
    return re.findall(r'"(\w+)": 1\b', python.partition("units = ")[2])


def answer(said: Said, name: str) -> dict:
    code, out, err = said[name]
    assert code == 0, err[-3000:]
    return json.loads(out)


class TestSearch:
    def test_every_trial_is_evaluated(self, said: Said):
        counts = answer(said, "search")["counts"]
        assert counts["failed"] == 0
        assert counts["done"] + counts["pruned"] == 5

    def test_the_front_and_the_status_are_in_their_metric(self, said: Said):
        assert {point["axis"] for point in answer(said, "front")} == {name_of("metrics")}
        assert name_of("metrics") in said["status"][1]
        assert answer(said, "status")["metric"] == name_of("measures")

    def test_candidates_have_their_attention_and_trials_their_sampler(self, said: Said, work: Path):
        import sqlite3

        answer(said, "search")
        connection = sqlite3.connect(work / "a.db")
        specs = [row[0] for row in connection.execute("SELECT spec FROM automl_candidates")]
        assert any(f'"block":"{name_of("blocks")}"' in spec for spec in specs)
        origins = {row[0] for row in connection.execute("SELECT origin FROM automl_evaluations WHERE trial >= 0")}
        assert name_of("samplers") in origins
        studies = connection.execute("SELECT settings FROM automl_studies WHERE name = 'theirs'")
        [settings] = [json.loads(row[0]) for row in studies]
        assert settings["evaluator"] == name_of("evaluators")
        assert settings["cost"] == name_of("metrics")
        kept = [json.loads(row[0]) for row in connection.execute("SELECT metrics FROM automl_candidates")]
        assert all(name_of("metrics") in metrics for metrics in kept)
        connection.close()

    def test_their_score_ranks_in_the_workers(self, said: Said):
        assert answer(said, "scored")["counts"]["done"] == 3

    def test_cost_counts_in_their_metric_too(self, said: Said):
        assert answer(said, "cost")["metrics"][name_of("metrics")] > 0

    def test_their_reference_is_scaled_to_a_budget(self, said: Said):
        assert name_of("references") in {one["reference"] for one in answer(said, "references")["references"]}

    def test_the_help_names_them(self, said: Said):
        for kind in ("metrics", "measures", "samplers", "evaluators"):
            assert name_of(kind) in re.sub(r"\s+", "", said["help"][1])  # a name may be broken at its hyphen

    def test_report_and_export_know_their_parts(self, said: Said, work: Path):
        for name in ("report", "export"):
            assert said[name][0] == 0, said[name][2][-3000:]
        core = {"model.py", "model.safetensors", "config.json", "README.md", "__pycache__"}
        own = {path.name for path in (work / "found").iterdir()} - core
        assert own
        assert "model.onnx" not in own
        assert all(name in (work / "found" / "README.md").read_text() for name in own)

    def test_control_without_the_package_none_of_them_is_known(self, tmp_path: Path):
        options = {"--sampler": "samplers", "--evaluator": "evaluators", "--cost": "metrics", "--metric": "measures"}
        commands = {option: ["search", option, name_of(kind)] for option, kind in options.items()}
        said = automl(None, tmp_path, {**commands, "--data": ["search", "--data", "made:stripes"]})
        assert {code for code, _, _ in said.values()} == {2}
        assert all("unknown" in err for _, _, err in said.values())
