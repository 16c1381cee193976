"""From the prompt to an exported network, with real Ray workers and real training, on images small
enough for seconds."""

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pytest

from .conftest import COMMAND, automl, environment

SPACE = """
name: tiny
skeleton: resnet
image: [1, 18, 18]
dimensions:
  depth: 0.2
  width: {low: 0.125, high: 0.25, step: 0.125}
  repeats: 1
  stem: [plain, deep]
  cardinality: [1, 2]
  radix: [0, 1, 2]
  attention: [none, se, eca, cbam, ecabam]
  eca_kernel: {choices: [auto, 3, 5], when: {attention: [eca, ecabam]}}
  eca_padding: {choices: [zeros, circular], when: {attention: [eca, ecabam]}}
"""
SEARCH = [
    "search",
    "--space",
    "tiny.yaml",
    "--data",
    "images.npz",
    "--budget",
    "600kFLOPs",
    "--trials",
    "10",
    "--epochs",
    "4",
    "--workers",
    "2",
    "--study",
    "tiny",
    "--no-flip",
]


def write_images(path: Path) -> None:
    """Images whose class is where the bright square stands: learnable in a few epochs."""
    rng = np.random.default_rng(0)
    labels = np.arange(240) % 3
    pixels = rng.integers(0, 90, (240, 12, 12), dtype=np.uint8)
    for image, label in zip(pixels, labels, strict=True):
        image[4 * label : 4 * label + 4, 4 * label : 4 * label + 4] += 150
    np.savez(path, x=pixels, y=labels)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `automl search` has run to its end."""
    path = tmp_path_factory.mktemp("search")
    (path / "tiny.yaml").write_text(SPACE)
    write_images(path / "images.npz")
    done = automl(*SEARCH, cwd=path)
    (path / "output.txt").write_text(done.stdout)
    return path


def query(folder: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(folder / "automl.db") as database:
        return database.execute(sql).fetchall()


def read(folder: Path, *arguments: object) -> dict:
    return json.loads(automl(*arguments, "--json", cwd=folder).stdout)


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
            f"SELECT DISTINCT json_extract(settings, '$.{dimension}') FROM automl_evaluations WHERE purpose = 'search'",
        )
        assert {value for (value,) in found} <= values
        assert len(found) >= 2


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
    assert [study["name"] for study in read(folder, "studies")] == ["tiny"]
    cost = read(folder, "cost", "tiny:best", "--layers")
    assert cost["macs"] == status["best"]["macs"] == sum(layer["macs"] for layer in cost["layers"])


def test_the_test_split_was_looked_at_for_one_network(folder: Path):
    assert query(folder, "SELECT count(*) FROM automl_evaluations WHERE test_accuracy IS NOT NULL") == [(1,)]


def test_the_same_command_again_trains_nothing(folder: Path):
    before = query(folder, "SELECT count(*) FROM automl_evaluations")
    done = automl(*SEARCH, cwd=folder)
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
    done = automl(*arguments, cwd=folder, check=False)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert query(folder, "SELECT count(*) FROM automl_evaluations") == before


@pytest.fixture(scope="module")
def found(folder: Path) -> Path:
    done = automl("export", "tiny", "--out", "found", cwd=folder)
    (folder / "exported.txt").write_text(done.stdout)
    return folder / "found"


def test_the_export_says_which_training_it_is_and_that_it_does_what_was_measured(folder: Path, found: Path):
    best = read(folder, "status", "tiny")["best"]
    text = (folder / "exported.txt").read_text()
    assert (
        f"px, {best['fidelity']['epochs']} epochs, seed {best['seed']}: validation accuracy {best['accuracy']:.4f}"
        in text
    )
    assert f"test images: the pixels of training, to the bit; accuracy {best['test_accuracy']:.4f}" in text
    checked = json.loads((found / "config.json").read_text())["checked"]
    assert (checked["part"], checked["identical"]) == ("test", True)


def printed(text: str) -> list[list[str]]:
    """Each command that is printed as a next step."""
    lines = text[text.index("next:") :].removeprefix("next:").splitlines()
    steps = [line.strip().partition("    ")[0].removeprefix("uv run ") for line in lines]
    return [shlex.split(step) for step in steps if step.startswith(("automl ", "python "))]


def copied(folder: Path, tmp_path: Path) -> Path:
    """The study with its weights and images, so that what a test adds to it harms no other."""
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("found*"))
    return tmp_path / "copy"


def test_every_next_step_that_is_printed_can_be_taken(folder: Path, tmp_path: Path):
    """What a search prints, then what its export and its training print; that more trials go on is
    tested with Ctrl-C."""
    place = copied(folder, tmp_path)
    steps = printed((place / "output.txt").read_text())
    assert [step[1] for step in steps] == ["export", "train", "front"]
    for step in steps:
        done = automl(*step[1:], cwd=place)
        for after in printed(done.stdout) if "next:" in done.stdout else []:
            if after[0] == "python":
                ran = subprocess.run([sys.executable, *after[1:]], cwd=place, capture_output=True, text=True)
                assert ran.returncode == 0, ran.stderr
            else:
                shutil.rmtree(place / "found")
                automl(*after[1:], cwd=place)
                assert (
                    json.loads((place / "found" / "config.json").read_text())["training"]["epochs"] == 20
                )  # five times a trial's
    again = automl("train", "tiny", cwd=place)  # once more: from the next seed
    assert "seed 2" in again.stdout
    status = read(place, "status", "tiny")
    assert [(one["fidelity"]["epochs"], one["seed"]) for one in status["trainings"]][-2:] == [(20, 1), (20, 2)]
    shown = automl("status", "tiny", cwd=place).stdout
    for one in status["trainings"]:
        assert re.search(
            rf"{one['number']} +{one['id'][:12]} +{one['fidelity']['size']} +{one['fidelity']['epochs']} +{one['seed']}"
            rf" +{one['accuracy']:.4f}",
            shown,
        )


def test_ctrl_c_in_a_training_says_how_to_go_on_and_that_goes_on(folder: Path, tmp_path: Path):
    place = copied(folder, tmp_path)
    process = subprocess.Popen(
        [*COMMAND, "train", "tiny", "--epochs", "300", "--seed", "9", "--threads", "1"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    for line in process.stdout:
        if line.startswith("epoch 2 "):
            break
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    [line] = errors.strip().splitlines()
    head, _, step = line.partition("go on with: ")
    assert head == "interrupted; the epochs that ended are kept, "
    done = automl(*shlex.split(step)[1:], cwd=place)
    went_on = re.search(r"going on after epoch (\d+) of 300", done.stdout)
    assert went_on is not None
    assert int(went_on[1]) >= 2
    assert "epoch 1 of" not in done.stdout
    assert "epoch 300 of 300" in done.stdout


def test_the_export_is_whole(found: Path):
    assert {path.name for path in found.iterdir()} == {
        "model.safetensors",
        "config.json",
        "model.py",
        "model.onnx",
        "README.md",
    }


def test_the_exported_file_classifies_where_automl_cannot_be_imported(found: Path):
    code = (
        "import sys, runpy; sys.modules['automl'] = None; sys.argv = ['model.py']; runpy.run_path('model.py',"
        " run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=found, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_onnx_agrees_with_the_trained_weights_on_random_input(found: Path):
    import importlib.util

    import onnxruntime
    import torch

    spec = importlib.util.spec_from_file_location("found_model", found / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load().eval()
    config = json.loads((found / "config.json").read_text())
    x = torch.rand(3, 1, config["training"]["size"], config["training"]["size"])
    session = onnxruntime.InferenceSession(found / "model.onnx", providers=["CPUExecutionProvider"])
    logits = session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]
    assert np.abs(logits - network(x).detach().numpy()).max() <= 1e-4


def test_an_output_folder_that_exists_is_refused_and_left_alone(folder: Path, found: Path):
    before = {path.name: path.stat().st_mtime_ns for path in found.iterdir()}
    done = automl("export", "tiny", "--out", "found", cwd=folder, check=False)
    assert done.returncode == 2
    assert "found" in done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in found.iterdir()} == before


def test_training_longer_keeps_weights_and_measures_once_more(folder: Path):
    evaluation = json.loads(
        automl("train", "tiny", "--epochs", "5", "--seed", "7", "--json", cwd=folder).stdout
    )  # the network chosen
    assert evaluation["state"] == "COMPLETE"
    assert evaluation["fidelity"]["epochs"] == 5
    assert (folder / "automl.db.artifacts" / "tiny" / evaluation["checkpoint"]).is_file()
    assert evaluation["test_accuracy"] > 0.5
    again = automl(
        "train", "tiny", "--candidate", evaluation["id"], "--epochs", "5", "--seed", "7", cwd=folder, check=False
    )
    assert again.returncode == 2
    assert "has been trained for 5 epochs" in again.stderr


def test_ctrl_c_leaves_the_study_intact_and_the_same_command_goes_on(folder: Path, tmp_path: Path):
    for name in ("tiny.yaml", "images.npz"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    arguments = [*SEARCH, "--trials", "200", "--finals", "0"]
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    )
    seen = 0
    for line in process.stdout:
        seen += line.startswith(("complete", "pruned"))
        if seen == 3:
            break
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    began = time.monotonic()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - began < 30
    assert "go on with:" in errors
    assert "--trials 200" in errors
    assert len(errors.strip().splitlines()) == 1
    kept = query(tmp_path, "SELECT candidate_id FROM automl_evaluations")
    assert len(kept) >= 3
    assert query(tmp_path, "SELECT count(*) FROM trials WHERE state = 'RUNNING'") == [(0,)]
    arguments[arguments.index("200")] = str(len(kept) + 2)
    automl(*arguments, cwd=tmp_path)
    after = query(tmp_path, "SELECT candidate_id FROM automl_evaluations")
    assert len(after) == len(set(after)) == len(kept) + 2
    assert set(kept) <= set(after)
    assert shlex.split(query(tmp_path, "SELECT command FROM automl_studies")[0][0])[0] == "automl"
