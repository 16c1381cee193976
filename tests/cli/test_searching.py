"""What `automl search` says at its end, and what commands say of a study whose networks were scored
and not trained."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from automl.cli.searching import goes_on, masked_command
from automl.search.course.events import Counts
from automl.studies import Study, StudySpec

from ..studies.evidence.conftest import record  # noqa: F401


def test_a_command_is_text_that_a_shell_reads_back_whatever_a_file_is_called():
    names = ["caf\udce9's \\ φ.npz", "plain.npz", "two words"]
    text = masked_command(["search", *names], "sqlite:///automl.db")
    text.encode()
    done = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {text.removeprefix('automl ')}"], capture_output=True, check=True
    )
    assert os.fsdecode(done.stdout).splitlines() == ["search", *names]
    with pytest.raises(UnicodeEncodeError):
        shlex.join(names).encode()  # control


def ended(*, done: int = 20, pruned: int = 4, exhausted: bool = False, networks: int = 100, exact: bool = True) -> Any:
    census = SimpleNamespace(exact=exact, rows=range(networks))
    return SimpleNamespace(counts=Counts(done=done, pruned=pruned), exhausted=exhausted, census=census)


@pytest.mark.parametrize(
    ("result", "asked", "says"),
    [
        (ended(), {"trials": 24, "seconds": None}, "the same command with --trials 48 goes on searching"),
        (ended(), {"trials": None, "seconds": None}, "the same command with --trials 48 goes on searching"),
        (ended(), {"trials": None, "seconds": 600.0}, "the same command goes on searching, for another 10 min 0 s"),
        (ended(), {"trials": 1000, "seconds": 7200.0}, "the same command goes on searching, for another 2 h 0 min"),
        (
            ended(),
            {"trials": 24, "seconds": 600.0},
            "the same command with --trials 48 goes on searching, for another 10 min 0 s at most",
        ),
        (
            ended(exhausted=True),
            {"trials": None, "seconds": 600.0},
            "every network within the budget has been evaluated",
        ),
        (ended(networks=24), {"trials": 24, "seconds": None}, "every network within the budget has been evaluated"),
        (ended(networks=24, exact=False), {"trials": 24, "seconds": None}, "the same command with --trials 48"),
        (ended(networks=23), {"trials": 24, "seconds": None, "references": 2}, "the same command with --trials 48"),
    ],
)
def test_how_to_go_on_follows_from_what_ended_the_search(result: Any, asked: dict[str, Any], says: str):
    assert goes_on(result, **asked).startswith(says)


@pytest.fixture
def scored(tmp_path: Path, record) -> Study:  # noqa: F811
    """A search by naswot with its best network confirmed by training."""
    settings = {
        "image_size": 32,
        "proxy_size": 16,
        "epochs": 9,
        "fraction": 1.0,
        "seed": 0,
        "evaluator": "zero-cost:naswot",
    }
    spec = StudySpec(
        name="tiny", space={"name": "some", "image": [1, 32, 96]}, budget="", data={"name": "digits"}, settings=settings
    )
    study = Study.create_or_continue(f"sqlite:///{tmp_path}/automl.db", spec, command="automl search", versions={})
    for number in range(30):
        score = 140 + number / 10
        origin = "random" if number < 8 else "tpe"
        record(study, number, score, origin=origin, scores={"naswot": score}, settings={"width": 0.5})
    for seed in (1, 2):
        record(study, 29, 0.9 + seed / 100, final=seed)
    return study


@pytest.mark.usefixtures("scored")
class TestScored:
    def test_the_list_of_studies_has_a_score(self, call):
        _, out, _ = call("studies")
        assert " score 142.9 " in out
        assert "accuracy" not in out
        _, out, _ = call("studies", "--json")
        assert [(one["accuracy"], one["measure"]) for one in json.loads(out)] == [(142.9, "score")]

    def test_status_says_that_nothing_was_trained_and_how_it_was_scored(self, call):
        _, out, _ = call("status", "tiny")
        assert "counted at 32x96 px, scored by naswot, without training, at 16 px (times γ), seed 0" in out
        assert "epochs on" not in out
        assert "scoring and training: " in out
        assert "sampler tpe" in out
        found = json.loads(call("status", "tiny", "--json")[1])
        assert (found["measure"], found["samplers"]) == ("score", ["tpe"])
        assert found["best"]["measure"] == "accuracy"  # it has been trained

    def test_the_front_is_one_of_scores_and_what_is_confirmed_one_of_accuracies(self, call):
        _, out, _ = call("front", "tiny")
        assert "score   confirmed accuracy" in out
        assert {point["measure"] for point in json.loads(call("front", "tiny", "--json")[1])} == {"score"}

    def test_the_report_has_scores_of_the_search_and_accuracies_of_its_trainings(self, call, tmp_path: Path):
        _, out, _ = call("report", "tiny", "--out", "shown")
        assert "training    none in the search; scored at 16 px times γ" in out
        assert "8 networks, 8 scored, " in out
        assert "(confirmed), " in out
        assert "91.50 % (confirmed)" in out
        assert "91.50 ± 0.71 % (n = 2)" in out
        assert "trained to the end" not in out
        assert "epochs that training" not in out
        page = (tmp_path / "shown" / "report.md").read_text()
        assert "Both sides are scores of one seed. " in page
        assert "Scores of networks that have not been trained; *confirmed*: accuracies" in page
        assert "confirmed" not in (tmp_path / "shown" / "front.svg").read_text()
        best = json.loads((tmp_path / "shown" / "report.json").read_text())["best"]
        assert (best["accuracy"], best["measure"]) == (0.915, "accuracy")


def test_a_network_that_was_only_scored_is_handed_over_by_its_score(call, tmp_path: Path, record):  # noqa: F811
    spec = StudySpec(
        name="tiny", space={"name": "some"}, budget="", data={}, settings={"evaluator": "zero-cost:naswot"}
    )
    study = Study.create_or_continue(f"sqlite:///{tmp_path}/automl.db", spec, command="automl search", versions={})
    record(study, 1, 150.0, scores={"naswot": 150.0})
    best = json.loads(call("report", "tiny", "--json")[1])["best"]
    assert (best["accuracy"], best["measure"]) == (150.0, "score")
    assert ", score 150 (not confirmed)" in call("report", "tiny")[1]


def test_control_a_search_that_trains_has_accuracies(call, tmp_path: Path, record):  # noqa: F811
    spec = StudySpec(name="tiny", space={"name": "some"}, budget="", data={}, settings={"epochs": 9, "fraction": 1.0})
    study = Study.create_or_continue(f"sqlite:///{tmp_path}/automl.db", spec, command="automl search", versions={})
    record(study, 1, 0.9)
    assert " 0.9000 " in call("studies")[1]
    assert json.loads(call("studies", "--json")[1])[0]["measure"] == "accuracy"
    assert "1 network, 1 trained to the end" in call("report", "tiny")[1]


def test_the_samplers_of_a_study_are_as_noted_and_else_those_that_proposed(call, scored: Study):
    scored.note("samplers", ["tpe", "predictor"])
    assert "sampler tpe, predictor" in call("status", "tiny")[1]
    assert "sampler     tpe, predictor" in call("report", "tiny")[1]
    assert json.loads(call("report", "tiny", "--json")[1])["facts"]["sampler"] == "tpe, predictor"
