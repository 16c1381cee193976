"""A study with trained weights and an exported folder of an earlier version still work, and give
the same logits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from automl.blocks.errors import InputError
from automl.search.handover.export import export
from automl.search.handover.longer_training import train
from automl.studies import Study
from automl.studies.choosing.finals import trainings
from automl.studies.export.source_check import loaded
from automl.studies.trained.artifacts import weights_file
from automl.studies.trained.weights import load_trained
from torch import Tensor

from ..conftest import write_images

ASSETS = Path(__file__).resolve().parents[2] / "studies" / "assets" / "study-0002"
"""A study "tiny" with one final training, its weights, and the network's exported folder."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A copy of the study: opening it may upgrade its database."""
    shutil.copy(ASSETS / "study.sqlite", tmp_path)
    shutil.copytree(ASSETS / "study.sqlite.artifacts", tmp_path / "study.sqlite.artifacts")
    return Study.open(f"sqlite:///{tmp_path}/study.sqlite", "tiny")


@pytest.fixture
def data(tmp_path: Path) -> str:
    """The images of the study, made again."""
    return str(write_images(tmp_path / "squares.npz", images=1500))


def images(size: int) -> Tensor:
    return torch.randn(4, 1, size, size, generator=torch.Generator().manual_seed(0))


def logits_of(folder: Path) -> Tensor:
    """What the network of an exported model.py computes."""
    with loaded(folder / "model.py") as module, torch.inference_mode():
        return module.load()(images(module.SIZE))


def test_its_weights_load_and_give_the_logits_of_the_exported_network(study: Study) -> None:
    [training] = trainings(study)
    path = weights_file(study, training)
    assert path is not None
    network, kept = load_trained(path)
    with torch.inference_mode():
        logits = network(images(kept["size"]))
    assert torch.equal(logits, logits_of(ASSETS / "exported"))
    with torch.no_grad():
        next(network.parameters()).mul_(1.01)
        assert not torch.equal(network(images(kept["size"])), logits_of(ASSETS / "exported"))


def test_its_paused_trainings_are_read(study: Study) -> None:
    paused = study.paused()
    assert len(paused) == 5
    assert all(study_part.curve and study_part.started <= study_part.finished for study_part in paused)


def test_it_is_exported_again_with_equal_logits(study: Study, tmp_path: Path) -> None:
    made = export(study, tmp_path / "found", check=False, formats=())
    assert made.exported.checked is None
    assert torch.equal(logits_of(tmp_path / "found"), logits_of(ASSETS / "exported"))
    before, now = (
        json.loads((folder / "config.json").read_text("utf-8")) for folder in (ASSETS / "exported", tmp_path / "found")
    )
    assert {key: before[key] for key in ("id", "candidate", "accuracy", "label_names", "training")} == {
        key: now[key] for key in ("id", "candidate", "accuracy", "label_names", "training")
    }


def test_an_export_is_checked_on_the_images_made_again_and_refuses_others(
    study: Study, data: str, tmp_path: Path
) -> None:
    other = write_images(tmp_path / "other.npz", images=1500, seed=1)
    with pytest.raises(InputError, match="the data must be those of the study"):
        export(study, tmp_path / "found", formats=(), data=str(other))
    checked = export(study, tmp_path / "found", formats=(), data=data).exported.checked
    assert checked is not None
    assert checked.identical is True
    assert checked.accuracy == pytest.approx(checked.printed, abs=1e-4)
    assert torch.equal(logits_of(tmp_path / "found"), logits_of(ASSETS / "exported"))


def test_another_training_of_it_is_recorded_beside_the_first(study: Study, data: str) -> None:
    [first] = trainings(study)
    trained = train(study, epochs=3, size=12, threads=1, data=data)
    assert trained.candidate_id == first.candidate_id
    assert trained.accuracy is not None
    assert trained.accuracy > 0.34  # three classes: better than a guess
    assert [each.seed for each in trainings(Study.open(study.storage_url, "tiny"))] == [first.seed, trained.seed]
    path = weights_file(study, trained)
    assert path is not None
    assert path.is_file()
