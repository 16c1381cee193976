"""A network found, trained longer and exported by commands."""

import json
import os
import re
import shlex
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from automl.search.handover import selection
from automl.search.training.trainer import Report, Trainer

from .. import fresh
from .conftest import called

pytestmark = pytest.mark.xdist_group("exports")


def read(folder: Path, *arguments: object) -> dict:
    return json.loads(called(*arguments, "--json", cwd=folder).stdout)


def printed(text: str) -> list[list[str]]:
    """Each command that is printed as a next step."""
    lines = text[text.index("next:") :].removeprefix("next:").splitlines()
    steps = [line.strip().partition("    ")[0].removeprefix("uv run ") for line in lines]
    return [shlex.split(step) for step in steps if step.startswith(("automl ", "python "))]


@pytest.fixture(scope="module")
def folder(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the search, to which these tests add."""
    return copied(searched, tmp_path_factory.mktemp("handed"))


@pytest.fixture(scope="module")
def found(folder: Path) -> Path:
    """The folder that the first next step writes."""
    step = printed((folder / "output.txt").read_text())[0]
    assert step == ["automl", "export", "tiny", "--out", "found"]
    (folder / "exported.txt").write_text(called(*step[1:], cwd=folder).stdout)
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


def copied(folder: Path, tmp_path: Path) -> Path:
    """The study with its weights and images, so that what a test adds to it harms no other."""
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("found*"))
    return tmp_path / "copy"


def test_every_next_step_that_is_printed_can_be_taken(
    folder: Path, found: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What a search prints, then what its export and its training print; that more trials go on is
    tested with Ctrl-C."""
    monkeypatch.setattr("automl.search.training.threads.SECONDS", 0.1)  # numbers of threads are tried elsewhere
    place = copied(folder, tmp_path)
    shutil.copytree(found, place / "found")
    steps = printed((place / "output.txt").read_text())
    assert [step[1] for step in steps] == ["export", "train", "verify", "front"]
    for step in steps:
        if step[1] == "verify":  # in test_verify.py
            continue
        exported = step[1] == "export"  # by the fixture
        text = (folder / "exported.txt").read_text() if exported else called(*step[1:], cwd=place).stdout
        for after in printed(text) if "next:" in text else []:
            if after[0] == "python":
                program = f"import runpy, sys; sys.argv = {after[1:]}; runpy.run_path(sys.argv[0], run_name='__main__')"
                ran = fresh.run(program, folder=place)
                assert ran.returncode == 0, ran.stderr
            elif after[1] == "train":
                assert after[-1] == "--refit"  # in test_refits_are_listed_and_exported
            else:
                shutil.rmtree(place / "found")
                called(*after[1:], "--no-onnx", cwd=place)  # the first has written an ONNX file
                assert (
                    json.loads((place / "found" / "config.json").read_text())["training"]["epochs"] == 15
                )  # five times a trial's
    again = called("train", "tiny", cwd=place)  # once more: from the next seed
    assert "seed 2" in again.stdout
    status = read(place, "status", "tiny")
    assert [(one["fidelity"]["epochs"], one["seed"]) for one in status["trainings"]][-2:] == [(15, 1), (15, 2)]
    shown = called("status", "tiny", cwd=place).stdout
    for one in status["trainings"]:
        assert re.search(
            rf"{one['number']} +{one['id'][:12]} +{one['fidelity']['size']} +{one['fidelity']['epochs']} +{one['seed']}"
            rf" +{one['accuracy']:.4f}",
            shown,
        )


def test_a_training_that_is_worse_than_those_of_the_search_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = copied(folder, tmp_path)
    monkeypatch.setattr(selection, "better_of_search", lambda finals, _: finals[0])
    text = called("train", "tiny", "--epochs", 1, "--threads", 1, cwd=place).stdout
    said = r"^training 1, by the search, was better \(\d+ epochs at \d+ px.*: validation accuracy 0\.\d{4}\)$"
    assert re.search(said, text, re.MULTILINE)
    assert printed(text) == [["automl", "export", "tiny", "--training", "1", "--out", "found"]]


def test_ctrl_c_in_a_training_says_how_to_go_on_and_that_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = copied(folder, tmp_path)
    epochs: list[int] = []
    one_epoch = Trainer.epoch

    def epoch(self: Trainer) -> Report:
        if len(epochs) == 2:
            os.kill(os.getpid(), signal.SIGINT)  # what a terminal sends
        epochs.append(len(epochs))
        return one_epoch(self)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "epoch", epoch)
            asked = ("train", "tiny", "--epochs", 6, "--seed", 9, "--threads", 1)
            code, _, errors = called(*asked, cwd=place, check=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert code == 130, errors
    [line] = errors.strip().splitlines()
    head, _, step = line.partition("go on with: ")
    assert head == "interrupted; finished epochs are kept, "
    done = called(*shlex.split(step)[1:], cwd=place)
    went_on = re.search(r"going on after epoch (\d+) of 6", done.stdout)
    assert went_on is not None
    assert int(went_on[1]) == 2
    assert "epoch 1 of" not in done.stdout
    assert "epoch 6 of 6" in done.stdout


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
    done = fresh.run(code, folder=found)
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
    done = called("export", "tiny", "--out", "found", cwd=folder, check=False)
    assert done.code == 2
    assert "found" in done.stderr
    assert {path.name: path.stat().st_mtime_ns for path in found.iterdir()} == before


def test_training_longer_keeps_weights_and_measures_once_more(folder: Path, tmp_path: Path):
    place = copied(folder, tmp_path)
    evaluation = json.loads(
        called("train", "tiny", "--epochs", "5", "--seed", "7", "--threads", "1", "--json", cwd=place).stdout
    )  # the network chosen
    assert evaluation["state"] == "COMPLETE"
    assert evaluation["fidelity"]["epochs"] == 5
    assert (place / "automl.db.artifacts" / "tiny" / evaluation["checkpoint"]).is_file()
    assert evaluation["test_accuracy"] > 0.5
    again = called(
        "train", "tiny", "--candidate", evaluation["id"], "--epochs", "5", "--seed", "7", cwd=place, check=False
    )
    assert again.code == 2
    assert "has been trained for 5 epochs" in again.stderr


def test_refits_are_listed_and_exported(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selection, "better_of_search", lambda finals, longest: None)
    place = copied(folder, tmp_path)
    text = called("train", "tiny", "--epochs", 2, "--seed", 5, "--threads", 1, cwd=place).stdout
    export, again = printed(text)
    assert export[:2] == ["automl", "export"]
    assert again == ["automl", "train", "tiny", "--epochs", "2", "--seed", "5", "--threads", "1", "--refit"]
    text = called(*again[1:], cwd=place).stdout
    assert "validation accuracy" not in text
    [refit] = [one for one in read(place, "status", "tiny")["trainings"] if one["fidelity"].get("refit")]
    assert f"test accuracy {refit['test_accuracy']:.4f}" in text
    row = rf"{refit['number']} +{refit['id'][:12]} +\d+ +2 +5 +- +{refit['test_accuracy']:.4f} +refit"
    assert re.search(row, called("status", "tiny", cwd=place).stdout)
    assert printed(text) == [["automl", "export", "tiny", "--training", str(refit["number"]), "--out", "found"]]
    called(*printed(text)[0][1:], "--no-onnx", cwd=place)
    assert json.loads((place / "found" / "config.json").read_text())["accuracy"]["validation"] is None
