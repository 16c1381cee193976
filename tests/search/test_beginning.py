"""What a search takes over from earlier studies, and what it refuses before anything is started."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from automl.blocks import InputError
from automl.search.background import Background
from automl.search.beginning import PACE, earlier_model
from automl.search.course.time_model import TimeModel
from automl.search.evaluators.training import Training
from automl.search.options import SearchOptions
from automl.search.run import search
from automl.spaces import Space
from automl.studies import Study

from .conftest import write_images
from .course.played_workers import make

GPU = "cuda:0 (NVIDIA H200) (Ray GPU 0)"


def model(network: str) -> dict[str, Any]:
    return {"rows": [[network, [1.0, 0.0, 0.0, 0.0], 0.5, 1]], "errors": []}


def found(study: Study, note: Any, *, on_gpus: bool) -> str | None:
    """The network of the model that a search takes over."""
    study.note(PACE, note)
    taken = earlier_model(study.storage_url, on_gpus=on_gpus)
    return None if taken is None else str(taken.to_dict()["rows"][0][0])  # type: ignore[index]


def test_a_search_takes_over_the_times_of_its_own_kind_of_device_alone(tmp_path: Path, space: Space):
    study = make(tmp_path, space).study
    both = {"device": GPU, "models": {"cpu": model("slow"), GPU: model("fast")}}
    assert found(study, both, on_gpus=True) == "fast"
    assert found(study, both, on_gpus=False) == "slow"
    assert found(study, {"device": GPU, "models": {GPU: model("fast")}}, on_gpus=False) is None


@pytest.mark.parametrize("odd", [{}, {"rows": 3}, {"rows": [[]], "errors": []}, {"rows": [["a", [1.0], 0.5, 1]]}])
def test_an_odd_note_of_another_study_stops_no_search(tmp_path: Path, space: Space, odd: dict[str, Any]):
    assert found(make(tmp_path, space).study, {"device": "cpu", "models": {"cpu": odd}}, on_gpus=False) is None
    with pytest.raises((KeyError, TypeError, ValueError)):  # the control
        TimeModel.from_dict(odd)


def test_a_budget_that_no_network_meets_is_refused_before_a_worker_is_started(
    tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch
):
    def started(*_: object) -> None:
        raise AssertionError("workers were started")

    monkeypatch.setattr(Training, "workers", started)
    data = str(write_images(tmp_path / "images.npz"))
    asked = SearchOptions(data=data, space=space, trials=1, storage=f"sqlite:///{tmp_path}/s.db", budget=["1kFLOPs"])
    with pytest.raises(InputError, match="no network of the space"):
        search(asked)
    with pytest.raises(AssertionError, match="workers were started"):  # the control
        search(replace(asked, budget=["100MFLOPs"]))


def test_other_threads_of_this_process_do_not_count_as_load(monkeypatch: pytest.MonkeyPatch):
    for thread in threading.enumerate():  # an earlier test may have left one, which would look at the clocks too
        if thread.name == "automl-background":
            thread.join()
    for name in ("monotonic", "process_time"):
        monkeypatch.setattr(f"automl.search.background.{name}", itertools.count(0.0, 4.0).__next__)
    called = Background(lambda: 1)
    assert called.result() == 1
    assert called.slowed == 1.0
