"""The network chosen is tested once, also where two drivers of a study end at the same time."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from automl.blocks import InputError
from automl.search.handover import weights_loading
from automl.spaces import Space
from automl.studies import Study
from automl.studies.choosing.chosen import best

from ..course.played_workers import make, play


@pytest.fixture
def study(tmp_path: Path, space: Space, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study whose network has weights; nothing is loaded."""
    engine = make(tmp_path, space, trials=1, finals=0)
    play(engine)
    network = SimpleNamespace(to=lambda device: None)
    monkeypatch.setattr(weights_loading, "weights_file", lambda *_: tmp_path)
    monkeypatch.setattr(weights_loading, "load_trained", lambda path: (network, {"size": 16}))
    monkeypatch.setattr("automl.search.training.pixels.Pixels", lambda *_, **__: None)
    monkeypatch.setattr(weights_loading, "logits_on_test", lambda *_: None)
    monkeypatch.setattr(weights_loading, "keep_measures", lambda *_: None)
    return engine.study


def accuracy_kept(study: Study, monkeypatch: pytest.MonkeyPatch, accuracy: Any) -> float | None:
    monkeypatch.setattr(weights_loading, "measured", accuracy)
    chosen, data = (
        best(study),
        SimpleNamespace(images=None, labels=None, levels=None, fit="crop", task="classification"),
    )
    rows = SimpleNamespace(train=None, validation=None, test=None)
    assert chosen is not None
    return weights_loading.test(study, chosen, data, rows).evaluation.test_accuracy  # type: ignore[arg-type]


def test_the_accuracy_of_the_driver_that_was_faster_stands(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = best(study)
    assert chosen is not None

    def slower(*_: object) -> float:
        study.tested(chosen.evaluation, 0.25)  # meanwhile
        return 0.5

    assert accuracy_kept(study, monkeypatch, slower) == 0.25
    assert [each.test_accuracy for each in study.evaluations() if each.test_accuracy] == [0.25]


def test_control_what_cannot_be_stored_is_an_error(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise InputError("no such evaluation")

    monkeypatch.setattr(Study, "tested", refuses)
    with pytest.raises(InputError, match="no such evaluation"):
        accuracy_kept(study, monkeypatch, lambda *_: 0.5)
