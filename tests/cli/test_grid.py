"""`automl grid`: the listing, what is refused, and a real grid that is killed and run again."""

import json
import re
import sqlite3
import time
from pathlib import Path

import pytest

from .conftest import called, forked, running, write_images
from .worker_here import worker_here

BASELINE = """
name: little
skeleton: resnet
image: [1, 18, 18]
stages:
  - {channels: 6, repeats: 2, stride: 1}
  - {channels: 10, repeats: 2, stride: 2}
dimensions: {depth: 1.0, width: 1.0, resolution: 1.0, unit: basic, stem_width: 4, divisor: 1}
"""
GRID = [
    "grid",
    "--baseline",
    "little.yaml",
    "--data",
    "images.npz",
    "--points",
    "2",
    "--seeds",
    "2",
    "--epochs",
    "2",
    "--no-stop",
    "--workers",
    "1",
]
GRID += ["--study", "little", "--out", "report"]
TRAININGS = (1 + 3 + 2) * 2


def test_the_listing_has_the_papers_triple_with_its_product_and_true_factor(call):
    code, out, err = call(
        "grid", "--baseline", "efficientnet_b0", "--phi", "1", "--rule", "paper", "--step", "0.05", "--dry-run"
    )
    assert (code, err) == (0, "")
    assert re.search(r"1\.2/1\.1/1\.15\s+1\.920\s+2\.573", out) or re.search(r"1\.920\s+2\.573\s.*1\.2/1\.1/1\.15", out)
    assert "true rule   45" in out
    assert "paper rule  111" in out
    assert "cost exponents, measured: depth 1.26, width 1.94, resolution 2.08" in out
    for control in ("baseline", "α only", "β only", "γ only"):
        assert control in out
    assert "only paper: " in out
    assert "only true: " in out


def test_json_lists_what_the_text_does(call):
    _, out, _ = call(
        "grid", "--baseline", "efficientnet_b0", "--rule", "paper", "--step", "0.05", "--dry-run", "--json"
    )
    found = json.loads(out)
    assert found["admitted"] == {"true": 45, "paper": 111, "both": 6, "impossible": 0}
    listed = [tuple(base.values()) for point in found["points"] for base in (point["coefficients"], *point["same"])]
    assert (1.2, 1.1, 1.15) in listed
    assert [control["control"] for control in found["controls"]] == ["baseline", "depth", "width", "resolution"]


def test_multiples_list_every_rule_with_its_cost(call):
    arguments = ["grid", "--baseline", "resnet18", "--multiples", "0.5x,1,2", "--dry-run"]
    code, out, err = call(*arguments)
    assert (code, err) == (0, "")
    assert "compound rule: α=1.2 β=1.1 γ=1.15 to the power of φ" in out
    for rule in ("compound", "depth only", "width only", "resolution only"):
        assert len(re.findall(rf"^\s+{rule}\s+(?:0\.5|2)x ", out, re.MULTILINE)) == 2
    _, out, _ = call(*arguments, "--coefficients", "depth=1.3,width=1.1", "--json")
    found = json.loads(out)
    assert [(one["multiple"], one["rule"]) for one in found["networks"]] == [
        (multiple, rule) for multiple in (0.5, 2) for rule in ("compound", "depth", "width")
    ]
    assert all(one["reached"] == (abs(one["factor"] / one["multiple"] - 1) <= 0.05) for one in found["networks"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--multiples", "2,1"], "multiples must rise, but 1 follows 2"),
        (["--multiples", "twice"], "--multiples must be a multiple like 2x, but got 'twice'"),
        (["--multiples", "2", "--points", "3"], "it takes no --points"),
        (["--multiples", "2", "--coefficients", "depth=1.2"], "at least two axes"),
        (["--multiples", "2", "--coefficients", "nothing"], "there is no database"),
        (["--coefficients", "depth=1.2,width=1.1"], "--coefficients goes with --multiples"),
        (["--target", "1e6x"], "--target must be above 1 and at most 1000, but got 1e+06"),
        (["--target", "900x", "--step", "40"], "the nearest is α="),
        (["--target", "0.5x"], "--target must be above 1"),
        (["--target", "twice"], "--target must be a multiple like 2x, but got 'twice'"),
        (["--step", "0"], "--step must be above 0"),
        (
            ["--step", "50"],
            (
                "no triple in steps of 50 has 2 times the cost of efficientnet_b0 within 0.05 by the true rule; the"
                " nearest is α=1 β=1 γ=1"
            ),
        ),
        (["--step", "0.0002"], "take a larger step"),
        (["--tolerance", "much"], "--tolerance must be a part like 5% or 0.05, but got 'much'"),
        (["--rule", "papr"], "--rule must be true or paper"),
        (["--axes", "depth"], "compound scaling needs at least two axes"),
        (["--axes", "depth,widht"], "did you mean 'width'"),
        (["--phi", "-11"], "--phi must lie between -10 and 10"),
        (["--phi", "0"], "--phi must lie between -10 and 10 and not be 0"),
        (["--targets", " ,"], "--targets must name columns of numbers, separated by commas, but got ' ,'"),
        (["--points", "0"], "--points must be at least 1"),
        (["--seeds", "0"], "--seeds must be at least 1"),
        (["--image-size", "16"], "efficientnet_b0 cannot be built for inputs of 16x16 px, below its total stride"),
        (["--size-multiple", "0"], "--size-multiple must be at least 1"),
        (["--baseline", "efficientnet_b99"], "did you mean 'efficientnet_b"),
        (["--baseline", "none.yaml"], "none.yaml"),
        (["--baseline", "free.yaml"], "a baseline is one network, but free.yaml leaves free: cardinality"),
        (["--baseline", "wrong.yaml"], "wrong.yaml"),
        (["--baseline", "nobody:best"], "there is no database"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, tmp_path: Path, arguments: list[str], says: str):
    (tmp_path / "free.yaml").write_text("skeleton: resnet\ndimensions:\n  cardinality: [1, 2]\n")
    (tmp_path / "wrong.yaml").write_text("skeleton: resnt\n")
    base = [] if "--baseline" in arguments else ["--baseline", "efficientnet_b0"]
    code, out, err = call("grid", *base, *arguments, "--dry-run")
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "automl.db").exists()


def rows(folder: Path, sql: str) -> list[tuple]:
    if not (folder / "automl.db").exists():
        return []
    with sqlite3.connect(folder / "automl.db") as database:
        try:
            return database.execute(sql).fetchall()
        except sqlite3.OperationalError:  # its tables are not there yet
            return []


def killed(folder: Path) -> list[tuple]:
    """What is in the database when a grid has been killed after three trainings."""
    deadline = time.monotonic() + 600
    with running(*GRID, cwd=folder) as process:  # it is killed at the end of this block
        while len(rows(folder, "SELECT candidate_id, seed, started FROM automl_evaluations")) < 3:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.05)
    before = rows(folder, "SELECT candidate_id, seed, started FROM automl_evaluations")
    assert 3 <= len(before) < TRAININGS
    return before


@pytest.mark.xdist_group("ray if exhaustive")
@pytest.mark.parametrize("kills", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["whole", "killed"])
def test_a_grid_is_trained_reported_and_known_to_other_commands_and_goes_on_when_it_was_killed(
    tmp_path: Path, kills: bool
):
    """With real workers if it is killed. By default the trainings are in this process: that
    commands train on Ray's workers is tested with searches."""
    (tmp_path / "little.yaml").write_text(BASELINE)
    write_images(tmp_path / "images.npz")
    before = killed(tmp_path) if kills else []

    if kills:
        done = forked(*GRID, cwd=tmp_path)
    else:
        with worker_here():
            done = called(*GRID, cwd=tmp_path)
    after = rows(tmp_path, "SELECT candidate_id, seed, started FROM automl_evaluations")
    assert set(before) <= set(after)  # nothing that had ended was done again, or lost
    assert len(after) == len({(candidate, seed) for candidate, seed, _ in after}) == TRAININGS
    assert {seed for _, seed, _ in after} == {0, 1}
    assert rows(tmp_path, "SELECT DISTINCT state FROM trials") == [("COMPLETE",)]
    assert f"{TRAININGS} trained fully, 0 stopped early, 0 failed" in done.stdout
    assert "verdict" in done.stdout
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == [
        "report.json",
        "report.md",
        "scaling.svg",
        "simplex.svg",
    ]
    assert str(tmp_path) not in (tmp_path / "report" / "report.md").read_text()

    status = json.loads(called("status", "little", "--json", cwd=tmp_path).stdout)
    assert status["counts"]["complete"] == TRAININGS
    best = json.loads(called("cost", "little:best", "--json", cwd=tmp_path).stdout)
    scaled = json.loads(called("scale", "--study", "little", "--phi", "0,1", "--json", cwd=tmp_path).stdout)
    assert scaled["members"][1]["id"] == best["id"]
    assert scaled["source"] == "the best of study little"
    deeper = json.loads(
        called(
            "grid",
            "--baseline",
            "little:best",
            "--step",
            "0.25",
            "--tolerance",
            "20%",
            "--dry-run",
            "--json",
            cwd=tmp_path,
        ).stdout
    )
    assert deeper["baseline"]["macs"] == best["macs"]
    again = called(*GRID, cwd=tmp_path)  # nothing is left: no workers are started
    assert "starting the workers" not in again.stdout + again.stderr
    assert f"{TRAININGS} trained fully" in again.stdout
    refused = called("scale", "--study", "little", "--alpha", "1.2", cwd=tmp_path, check=False)
    assert (refused.code, len(refused.stderr.strip().splitlines())) == (2, 1)
