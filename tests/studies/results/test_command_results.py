"""Functions of `import automl` return the figures that their commands print as JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import automl
import pytest
from automl.blocks import InputError
from automl.cli.main import app
from automl.studies import Evaluation, Study
from typer.testing import CliRunner

JSON_OF: dict[str, Callable[[], Any]] = {
    "status tiny": lambda: automl.status("tiny").to_dict(),
    "front tiny": lambda: automl.front("tiny").to_list(),
    "front tiny --believed": lambda: automl.front("tiny").to_list(believed=True),
    "studies": lambda: [one.to_dict() for one in automl.list_studies()],
    "studies check": lambda: [one.to_dict() for one in automl.check_studies()],
    "studies upgrade": lambda: automl.upgrade_studies().to_dict(),
    "doctor": lambda: automl.doctor().to_dict(),
    "space check resnet18": lambda: automl.check_space("resnet18").to_dict(),
    "space describe resnet18 --budget 3GFLOPs": lambda: automl.describe_space("resnet18", budget="3GFLOPs").to_dict(),
    "space sample resnet18 -n 2 --seed 1": lambda: [
        one.to_dict() for one in automl.sample_space("resnet18", count=2, seed=1)
    ],
    "cache list": lambda: automl.list_cache().to_dict(),
    "cache clear": lambda: automl.clear_cache().to_dict(),
}
"""Command -> the same figures from its function."""


@pytest.mark.parametrize("command", JSON_OF)
def test_a_function_returns_what_its_command_prints(
    command: str, study: Study, record: Callable[..., Evaluation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    record(study, 1)
    record(study, 2)
    monkeypatch.setenv("AUTOML_STORAGE", study.storage_url)
    monkeypatch.setenv("AUTOML_CACHE", str(tmp_path))
    done = CliRunner().invoke(app, [*command.split(), "--json"])
    assert done.exit_code == (command == "studies check"), done.output  # the ids of the candidates are made up
    printed = json.loads(done.stdout)
    assert printed == json.loads(json.dumps(JSON_OF[command]()))
    assert printed or command == "front tiny --believed"


def test_a_study_is_deleted_and_named(study: Study):
    assert automl.delete("tiny", storage=study.storage_url).to_dict() == {"deleted": "tiny"}
    assert automl.list_studies(study.storage_url) == []


def test_the_front_holds_the_points_of_the_study(study: Study, record: Callable[..., Evaluation]):
    record(study, 1)
    assert list(automl.front(study).observed) == study.front()
    assert automl.status(study).counts == study.counts()
    with pytest.raises(InputError, match="a Study knows its own database"):
        automl.status(study, storage="sqlite:///other.db")


@pytest.mark.parametrize("wrong", [None, 3, ["tiny"]])
def test_what_is_no_study_and_no_name_is_refused(wrong: Any):
    for function in (automl.status, automl.front, automl.delete, automl.report):
        with pytest.raises(InputError, match="a study is given as a Study or by its name, but got"):
            function(wrong)


@pytest.mark.parametrize(
    "wrong", [{"count": 0}, {"seed": -1}, {"aim": 1.1}, {"count": 2.5}, {"seed": "x"}, {"aim": "x"}]
)
def test_a_sample_out_of_range_is_refused(wrong: dict[str, Any]):
    with pytest.raises(InputError, match="must hold, but got"):
        automl.sample_space("resnet18", **wrong)
