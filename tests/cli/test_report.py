"""`automl report` and the evidence in `automl status`, on studies that were recorded and not
trained."""

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from automl.studies import Study

from ..studies.evidence.conftest import created, record, searched, searched_file, spec, study  # noqa: F401

KEYS = {
    "study",
    "pace",
    "plan",
    "facts",
    "measure",
    "metric",
    "measures",
    "grid",
    "best",
    "front",
    "references",
    "random_baseline",
    "rungs",
    "surrogate",
    "seeds",
    "savings",
    "failures",
}
SHORT = {
    "verdict",
    "reason",
    "margin",
    "margin_interval",
    "rungs",
    "surrogate_rank_correlation",
    "seed_sd",
    "seed_df",
    "told_from_second",
    "seconds_spent",
    "seconds_avoided_by_stopping",
    "seconds_avoided_by_gate",
}


@pytest.mark.usefixtures("searched")
def test_the_text_says_what_the_result_rests_on(call):
    code, out, err = call("report", "tiny")
    assert (code, err) == (0, "")
    for part in (
        "random      6 networks, ",
        "at the same price: 30 by equal evaluations",
        "extrapolated",
        "epoch 3: Spearman",
        "cross-validated rank correlation 0.71 (n = 22)",
        "from seed to seed, pooled, 6 degrees of freedom",
        "avoided by early stopping (48 epochs not trained)",
        "100 over the budget and 4 known ones refused",
        "beat random search: ",
        "command     automl search --data digits",
        "hardware    cpu; 1 worker process",
        "budget      macs<=400000000",
    ):
        assert part in out


@pytest.mark.usefixtures("searched")
def test_json_and_the_folder_hold_the_same_numbers(call, tmp_path: Path):
    code, out, _ = call("report", "tiny", "--json", "--out", "shown")
    assert code == 0
    found = json.loads(out)
    assert set(found) == KEYS
    assert json.loads((tmp_path / "shown" / "report.json").read_text()) == found
    assert found["random_baseline"]["verdict"] == "beat random search"
    assert found["savings"]["refused"] == 100
    assert len(found["seeds"]["networks"]) == 3
    page = (tmp_path / "shown" / "report.md").read_text()
    for name in ("front.svg", "progress.svg"):
        assert f"({name})" in page
        assert ElementTree.fromstring((tmp_path / "shown" / name).read_bytes()).tag.endswith("svg")
    assert {path.name for path in (tmp_path / "shown").iterdir()} == {
        "report.md",
        "report.json",
        "front.svg",
        "progress.svg",
    }


@pytest.mark.usefixtures("searched")
def test_status_has_the_short_form_beside_what_it_had(call):
    _, out, _ = call("status", "tiny")
    assert "against random search: beat random search: " in out
    assert "rank correlation of epoch 3 with the end" in out
    assert "sd from seed to seed" in out
    _, out, _ = call("status", "tiny", "--json")
    found = json.loads(out)
    assert set(found["evidence"]) == SHORT
    assert {
        "study",
        "storage",
        "created",
        "command",
        "space",
        "budget",
        "data",
        "settings",
        "counts",
        "gate",
        "best",
        "versions",
    } < set(found)


def empty(study, record):  # noqa: F811
    pass


def one_trial(study, record):  # noqa: F811
    record(study, 0, 0.5)


def all_failed(study, record):  # noqa: F811
    for number in range(4):
        record(study, number, origin="random" if number < 2 else "predictor")


def of_an_older_version(study, record):  # noqa: F811
    for number in range(8):
        record(study, number, 0.5 + number / 100, origin="")
    record(study, 7, 0.6, final=1)


def a_grid(study, record):  # noqa: F811
    record(study, 0, 0.5, origin="")
    study.note("grid", {"id": f"{0:064x}"})


@pytest.mark.parametrize(
    ("fill", "says"),
    [
        (empty, "verdict     - (nothing has been evaluated yet)"),
        (one_trial, "verdict     this was random search: every network so far was drawn at random (n = 1)"),
        (all_failed, "no network has been trained to the end"),
        (of_an_older_version, "8 of 8 evaluations do not say who proposed them: made by an older version"),
        (a_grid, "`automl grid … --out DIR`"),
    ],
)
def test_a_study_that_lacks_it_all_gets_dashes_with_reasons(call, study, record, tmp_path: Path, fill, says: str):  # noqa: F811
    fill(study, record)
    code, out, err = call("report", "tiny", "--out", "shown")
    assert (code, err) == (0, "")
    assert says in out
    for name in ("front.svg", "progress.svg"):
        ElementTree.fromstring((tmp_path / "shown" / name).read_bytes())
    _, out, _ = call("report", "tiny", "--json")
    assert set(json.loads(out)) == KEYS
    code, out, err = call("status", "tiny")
    assert (code, err) == (0, "")
    code, out, err = call("status", "tiny", "--json")
    assert set(json.loads(out)["evidence"]) == SHORT


def test_a_random_search_says_so(call, study, record):  # noqa: F811
    for number, value in enumerate(np.random.default_rng(0).normal(0.8, 0.02, 12)):
        record(study, number, float(value))
    _, out, _ = call("report", "tiny")
    assert "verdict     this was random search" in out


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(call, searched, tmp_path: Path):  # noqa: F811
    (tmp_path / "taken").write_text("")
    code, _, err = call("report", "tiny", "--out", "taken")
    assert code == 2
    assert err.startswith("error: --out cannot be written:")
    assert len(err.splitlines()) == 1


def test_an_unknown_study_names_the_nearest(call, searched):  # noqa: F811
    code, _, err = call("report", "tny")
    assert code == 2
    assert "'tiny'" in err


def test_reading_changes_nothing(call, searched: Study, tmp_path: Path):  # noqa: F811
    before = (tmp_path / "automl.db").read_bytes()
    call("report", "tiny", "--out", "shown")
    call("status", "tiny")
    assert (tmp_path / "automl.db").read_bytes() == before


def test_a_report_needs_neither_torch_nor_ray(searched: Study, tmp_path: Path):  # noqa: F811
    import subprocess
    import sys

    code = (
        "import sys; from automl.cli.main import main; assert main(['report', 'tiny', '--out', 'shown']) == 0; "
        "print([name for name in ('torch', 'ray') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
