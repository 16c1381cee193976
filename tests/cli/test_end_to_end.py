"""From the prompt to a study, with real Ray workers and real training, on images small enough for
seconds. What is done with the network found is tested in `test_handing_over.py`."""

import json
import shlex
from functools import cache
from pathlib import Path

import optuna
import pytest

from .conftest import SEARCH, SPACE, called, query

pytestmark = pytest.mark.xdist_group("ray")


@cache
def read(folder: Path, *arguments: object) -> dict:
    """What a command that only reads says of the search that is over."""
    return json.loads(called(*arguments, "--json", cwd=folder).stdout)


def test_the_output_says_what_was_searched_found_and_what_to_do_next(folder: Path):
    text = (folder / "output.txt").read_text()
    for part in (
        "space tiny:",
        "within macs<=600000",
        "cost is counted at 18x18 px, one FLOP is one multiply-add",
        "cheapest:",
        "costliest:",
        "2 workers on the CPU",
        "front of tiny",
        "best:",
        "next:",
    ):
        assert part in text
    assert "confirmed with 2 other seeds" in text
    assert "Traceback" not in text
    assert "WARNING" not in text


def test_every_trial_is_in_the_database_once(folder: Path):
    assert query(folder, "SELECT count(*) FROM automl_evaluations WHERE purpose = 'search'") == [(10,)]
    assert query(folder, "SELECT count(*) FROM automl_evaluations WHERE purpose = 'final'")[0][0] >= 1
    assert (
        query(
            folder, "SELECT candidate_id, fidelity, seed FROM automl_evaluations GROUP BY 1, 2, 3 HAVING count(*) > 1"
        )
        == []
    )


def test_no_candidate_over_the_budget_has_a_row(folder: Path):
    assert query(folder, "SELECT max(macs) <= 600000 FROM automl_candidates") == [(1,)]


def test_what_was_sampled_can_be_read_with_plain_sql(folder: Path):
    for dimension, values in (
        ("attention", {"none", "se", "eca", "cbam", "ecabam"}),
        ("radix", {0, 1, 2}),
        ("cardinality", {1, 2}),
    ):
        found = query(
            folder,
            f"SELECT DISTINCT json_extract(settings, '$.{dimension}') FROM automl_evaluations WHERE purpose = 'search'"
            " AND origin <> 'reference'",
        )
        assert {value for (value,) in found} <= values
        assert len(found) >= 2


def test_references_are_tried_first_and_compared_with_what_was_found(folder: Path):
    tried = query(
        folder, "SELECT json_extract(settings, '$.reference') FROM automl_evaluations WHERE origin = 'reference'"
    )
    assert {name.split()[0] for (name,) in tried} == {"resnet18", "efficientnet_b0"}
    assert "\nagainst references: " in (folder / "output.txt").read_text()
    for found in (read(folder, "status", "tiny")["references"], read(folder, "report", "tiny")["references"]):
        assert [one["origin"]["rule"] for one in found["tried"]] == ["width", "width"]
        assert found["best"]["name"] in {name for (name,) in tried}
        assert (found["confirmed"], found["n"]) == (True, 2)


def test_it_was_planned_from_measured_times_and_the_study_keeps_the_plan(folder: Path):
    report = read(folder, "report", "tiny")
    assert report["plan"]["epochs"] == 3  # as asked for
    assert report["plan"]["trials"] >= 1
    settings = read(folder, "status", "tiny")["settings"]
    assert (settings["epochs"], settings["fraction"]) == (3, report["plan"]["fraction"])
    assert report["pace"]["device"] == "cpu"
    assert report["pace"]["error"] is not None


def test_nothing_is_left_running(folder: Path):
    assert {state for (state,) in query(folder, "SELECT DISTINCT state FROM trials")} <= {"COMPLETE", "PRUNED", "FAIL"}


def test_plain_optuna_finds_the_same_front(folder: Path):
    ours = read(folder, "front", "tiny")
    theirs = optuna.load_study(study_name="tiny", storage=f"sqlite:///{folder}/automl.db").best_trials
    assert sorted((point["accuracy"], point["macs"]) for point in ours) == sorted(
        tuple(trial.values) for trial in theirs
    )
    assert {point["trial"] for point in ours} == {trial.number for trial in theirs}


def test_reading_commands_give_json(folder: Path):
    status = read(folder, "status", "tiny")
    assert status["counts"]["complete"] + status["counts"]["pruned"] + status["counts"]["fail"] == 10
    assert status["best"]["confirmed"]
    assert status["best"]["test_accuracy"] is not None
    measured = status["measures"]["test"]  # of the network chosen, as `train` has them
    assert measured["accuracy"] == pytest.approx(status["best"]["test_accuracy"], abs=1e-6)
    assert (
        sum(map(sum, measured["confusion"])) == measured["images"] == sum(one["images"] for one in measured["classes"])
    )
    assert [study["name"] for study in read(folder, "studies")] == ["tiny"]
    cost = read(folder, "cost", "tiny:best", "--layers")
    assert cost["macs"] == status["best"]["macs"] == sum(layer["macs"] for layer in cost["layers"])


def test_the_test_split_was_looked_at_for_one_network(folder: Path):
    assert query(folder, "SELECT count(*) FROM automl_evaluations WHERE test_accuracy IS NOT NULL") == [(1,)]


def test_the_same_command_again_trains_nothing(folder: Path):
    before = query(folder, "SELECT count(*) FROM automl_evaluations")
    done = called(*SEARCH, cwd=folder)
    assert "starting the workers" not in done.stdout
    assert query(folder, "SELECT count(*) FROM automl_evaluations") == before


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--budget", "500kFLOPs", "budget: macs<=600000"),
        ("--epochs", "5", "epochs"),
        ("--seed", "1", "seed"),
        ("--space", "other.yaml", "expansion"),
    ],
)
def test_the_same_name_with_something_else_is_refused_with_the_difference(
    folder: Path, option: str, value: str, says: str
):
    (folder / "other.yaml").write_text(SPACE + "  expansion: 2\n")
    arguments = list(SEARCH)
    if option in arguments:
        arguments[arguments.index(option) + 1] = value
    else:
        arguments += [option, value]
    before = query(folder, "SELECT count(*) FROM automl_evaluations")
    done = called(*arguments, cwd=folder, check=False)
    assert done.code == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert query(folder, "SELECT count(*) FROM automl_evaluations") == before


def test_ctrl_c_leaves_the_study_intact_and_the_same_command_goes_on(folder: Path):
    interrupted = json.loads((folder / "interrupted.json").read_text())
    assert interrupted["code"] == 130, interrupted["errors"]
    assert "go on with:" in interrupted["errors"]
    assert "--trials 200" in interrupted["errors"]
    assert len(interrupted["errors"].strip().splitlines()) == 1
    assert "RUNNING" not in interrupted["states"]
    assert len(interrupted["candidates"]) >= 2
    after = [one for (one,) in query(folder, "SELECT candidate_id FROM automl_evaluations WHERE purpose = 'search'")]
    assert len(after) == len(set(after)) == 10
    assert set(interrupted["candidates"]) < set(after)
    assert shlex.split(query(folder, "SELECT command FROM automl_studies")[0][0])[0] == "automl"
