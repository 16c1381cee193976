"""`automl search --evaluator table:FILE`, typed as a user would, on a table of twelve networks and
on NAS-Bench-Macro's."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from automl.cli.main import app
from automl.search import DEFAULT_SAMPLER, sampler_names
from automl.studies import Study

from .conftest import environment

NAS_BENCH_MACRO = (
    Path(__file__).resolve().parents[3] / "shared" / "data" / "nas-bench-macro" / "nas-bench-macro_cifar10.json"
)
SPACE = """
name: twelve
skeleton: efficientnet
image: [1, 18, 18]
classes: 3
dimensions:
  depth: 0.2
  width: [0.25, 0.5, 0.75]
  expansion: [2, 3]
  attention: [none, se]
"""
COMMAND = (
    "search",
    "--space",
    "twelve.yaml",
    "--evaluator",
    "table:table.csv",
    "--study",
    "s",
    "--sampler",
    "random",
    "--trials",
    "12",
    "--finals",
    "0",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "twelve.yaml").write_text(SPACE)
    rows = [(w, e, a) for w in (0.25, 0.5, 0.75) for e in (2, 3) for a in ("none", "se")]
    with (tmp_path / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["width", "expansion", "attention", "accuracy.0", "accuracy.1", "seconds"])
        writer.writerows([*row, 50 + 2 * index, 51 + 2 * index, 30] for index, row in enumerate(rows))
    return tmp_path


def test_it_searches_and_says_so(folder: Path, call):
    code, out, _ = call(*COMMAND, "--workers", 3)
    assert code == 0
    assert "table table.csv: 12 networks of this space in 12 rows, at least 2 seeds each, 1 epoch" in out
    assert "nothing is trained: time is simulated, the table's seconds a training, on 3 workers" in out
    assert "12 looked up, 0 stopped early, 0 failed" in out
    assert "trained fully" not in out
    assert "every network within the budget has been evaluated" in out
    assert "for 2 min 0 s of simulated time" in out
    assert "automl train" not in out
    assert call(*COMMAND, "--workers", 3)[0] == 0  # continues: nothing is left
    assert call("front", "s")[0] == call("status", "s")[0] == call("studies")[0] == 0


def test_a_loss_is_minimised_and_shown_as_it_is(folder: Path, call):
    with (folder / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (folder / "table.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["width", "expansion", "attention", "log_loss", "accuracy.0"])
        writer.writeheader()
        for number, row in enumerate(rows):  # the narrowest network has the lowest loss and accuracy
            kept = {name: row[name] for name in ("width", "expansion", "attention", "accuracy.0")}
            writer.writerow({**kept, "log_loss": 0.5 + number / 4})
    code, out, _ = call(*COMMAND, "--metric", "log-loss", "--json")
    found = json.loads(out)
    assert (code, found["metric"], found["best"]["accuracy"], found["best"]["measure"]) == (
        0,
        "log-loss",
        0.5,
        "log-loss",
    )
    assert [point["accuracy"] for point in found["front"]] == [0.5]
    assert "validation log loss 0.5000" in call("status", "s")[1]
    report = call("report", "s", "--out", folder / "report")[1]
    assert ", log loss 0.5 (" in report
    assert " %" not in next(line for line in report.splitlines() if line.startswith("best")).replace("95 %", "")
    page = (folder / "report" / "report.md").read_text()
    assert "| Log loss |" in page
    assert "validation log loss" in (folder / "report" / "front.svg").read_text().replace("<!-- ", "")
    base = json.loads((folder / "report" / "report.json").read_text())["random_baseline"]
    assert base["best_random"] == 0.5
    # control: by accuracy the widest is the best
    other = json.loads(call(*COMMAND[:5], "--study", "other", *COMMAND[7:], "--json")[1])
    assert other["best"]["accuracy"] == 0.72
    code, _, err = call(*COMMAND, "--metric", "macro-f1")
    assert code == 2
    assert "needs a column macro-f1" in err


def test_without_images_nothing_can_be_trained_which_is_said_first(folder: Path, call):
    assert call(*COMMAND[:-3], "2", "--finals", "0")[0] == 0  # two of twelve
    for options in ([], ["--balance", "none"], ["--recipe", "long"]):
        code, _, err = call("train", "s", *options)
        assert code == 2
        assert re.fullmatch(r"error: only a study with data can train, but 's' looked its networks up in \S+\n", err)


def test_front_shows_what_is_believed_beside_what_was_observed(folder: Path, call):
    call(*COMMAND)
    _, out, _ = call("front", "s")
    assert out.index("front of s (") < out.index("believed front of s")
    assert "95 % interval" in out
    alone = call("front", "s", "--believed")[1]
    assert "front of s (" not in alone
    assert "believed front of s" in alone
    observed, believed = (json.loads(call("front", "s", *more, "--json")[1]) for more in ((), ("--believed",)))
    assert [one["cost"] for one in believed] == sorted(one["cost"] for one in believed)
    for one in (*observed, *believed):
        low, high = one["believed"]["interval"]
        assert low < one["believed"]["accuracy"] < high
        assert one["believed"]["sd"] > 0
    best = json.loads(call("report", "s", "--json")[1])["best"]
    assert best["believed"] in [one["believed"] for one in believed]
    assert "believed" in call("report", "s")[1]


def test_json_has_both_times_and_the_accuracies_as_fractions(folder: Path, call):
    code, out, _ = call(*COMMAND, "--table-seconds", 60, "--json")
    data = json.loads(out)
    assert (code, data["simulated_seconds"]) == (0, 720)
    assert 0.7 <= data["best"]["accuracy"] <= 0.74
    assert {point["seconds"] for point in data["front"]} == {60.0}


def test_what_is_wrong_is_one_line(folder: Path, call):
    (folder / "table.csv").write_text("width,expansion,attention,accuracy\n0.25,2,sse,0.5\n")
    code, _, err = call(*COMMAND)
    assert code == 2
    assert "table.csv:2: unknown value of attention 'sse'; did you mean 'se'?" in err
    assert not (folder / "automl.db").exists()


def test_neither_torch_nor_ray_is_imported(folder: Path):
    code = (
        f"import sys; from automl.cli.main import main; main({[*COMMAND]!r}); print(*[name for name in ('torch', 'ray',"
        " 'timm') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, env=environment(), check=True
    )
    assert done.stdout.splitlines()[-1].strip() == ""


def test_the_help_names_every_sampler():
    group = typer.main.get_command(app)
    _, command, _ = group.resolve_command(group.make_context("automl", ["search"]), ["search"])
    shown = next(parameter.help for parameter in command.params if parameter.name == "sampler")
    assert set(sampler_names()) <= set(re.findall(r"\w+", shown))
    assert f"{DEFAULT_SAMPLER} (the default)" in shown


def test_nas_bench_macro_as_the_docs_say(call):
    if not NAS_BENCH_MACRO.exists():
        pytest.skip("NAS-Bench-Macro's table is not beside this checkout (../shared/data/nas-bench-macro)")
    command = (
        "search",
        "--space",
        "nas-bench-macro",
        "--evaluator",
        f"table:{NAS_BENCH_MACRO}",
        "--budget",
        "60MFLOPs",
        "--image-size",
        32,
        "--trials",
        60,
    )
    code, out, _ = call(*command, "--finals", 0, "--json")
    assert code == 0
    assert json.loads(out)["counts"]["done"] == 60
    assert json.loads(out)["best"]["macs"] <= 60_000_000


def test_a_study_that_another_process_runs_is_refused_with_its_name_and_joined_by_no_table(folder: Path, call):
    assert call(*COMMAND[:-3], "2", "--finals", "0")[0] == 0  # two of twelve
    study = Study.open("sqlite:///automl.db", "s")
    with study.driven():
        code, _, err = call(*COMMAND)
        assert code == 1
        assert re.fullmatch(
            rf"error: study 's' is held by process {os.getpid()} on \S+, since .* UTC \(last sign of life \d s ago\):"
            r" wait for its end\n",
            err,
        )
        code, _, err = call(*COMMAND, "--join")
        assert (code, err) == (
            2,
            "error: --join brings further workers, but a table is looked up by one process, in simulated time\n",
        )
        assert f"held by process {os.getpid()} on" in call("status", "s")[1]
        (driver,) = json.loads(call("status", "s", "--json")[1])["drivers"]
        assert driver["pid"] == os.getpid()
        assert call("front", "s")[0] == call("report", "s")[0] == call("studies", "check")[0] == 0
        assert call("delete", "s", "--yes")[0] == 1
    assert call(*COMMAND)[0] == 0  # control
    assert len(study.evaluations()) == 12
