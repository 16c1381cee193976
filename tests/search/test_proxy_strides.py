"""Trainings below the deployment size: with strides fitted to it, and as earlier studies began."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from automl.blocks import InputError
from automl.search import SearchOptions
from automl.search.earlier_studies import continued, share_of_earlier
from automl.search.plan import PROXY_MAP, Plan, prepare
from automl.spaces import Candidate, Space
from automl.spaces.candidates.fitted_strides import last_map
from automl.studies import Fidelity, Study, StudySpec
from sqlalchemy.exc import OperationalError

from .conftest import write_images

SPACE: dict[str, Any] = {
    "name": "squeezed",
    "skeleton": "resnet",
    "image": [3, 64, 64],
    "dimensions": {"unit": "basic", "width": 0.125, "depth": 0.3},
}


def planned(folder: Path, dimensions: dict[str, Any] | None = None, **options: Any) -> Plan:
    space = Space.from_dict({**SPACE, "dimensions": {**SPACE["dimensions"], **(dimensions or {})}})
    data = folder / "images.npz"
    if not data.exists():
        write_images(data)
    return prepare(SearchOptions(data=str(data), space=space, storage=f"sqlite:///{folder}/s.db", **options))


def test_below_the_deployment_size_trainings_fit_their_strides_and_the_study_says_so(tmp_path: Path):
    small, full = planned(tmp_path, proxy_size=16), planned(tmp_path, proxy_size=64)
    assert small.spec.settings["proxy_map"] == small.smallest_map == PROXY_MAP
    assert small.fidelity(small.space.base()) == Fidelity(
        epochs=small.epochs, size=16, fraction=small.fraction, smallest_map=PROXY_MAP
    )
    assert "strides fitted to a last map of 2 px or more" in small.sized
    assert "proxy_map" not in full.spec.settings
    assert full.fidelity(full.space.base()).smallest_map == 0


def test_a_fidelity_without_fitted_strides_reads_as_before():
    former = '{"epochs":3,"fraction":1.0,"size":32}'
    assert Fidelity.from_dict(json.loads(former)).key == former
    fitted = Fidelity(epochs=3, size=32, smallest_map=2)
    assert Fidelity.from_dict(json.loads(fitted.key)) == fitted
    assert (str(fitted), fitted.key) != (str(Fidelity(epochs=3, size=32)), former)


def test_a_study_of_an_earlier_version_goes_on_as_it_began(tmp_path: Path):
    now = planned(tmp_path, proxy_size=16, study="s")
    stored = replace(now.spec, settings={k: v for k, v in now.spec.settings.items() if k != "proxy_map"})
    Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", stored, command="", versions={})
    found = planned(tmp_path, proxy_size=16, study="s")
    assert (found.spec, found.smallest_map) == (stored, 0)


@pytest.mark.parametrize("shipped", [True, False])
@pytest.mark.parametrize("changed", ["dimensions", "image"])
def test_a_shipped_space_is_the_one_that_the_study_keeps(tmp_path: Path, changed: str, shipped: bool):
    now = planned(tmp_path, {"width": [0.5, 1.0]}, proxy_size=16, study="s").spec
    other = {"dimensions": {"width": [0.5]}} if changed == "dimensions" else {"image": [1, 64, 64]}
    stored = replace(now, space={**now.space, **other})
    Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", stored, command="", versions={})
    found = continued(f"sqlite:///{tmp_path}/s.db", now, ["s"], shipped=shipped)
    assert found == (stored if shipped and changed == "dimensions" else now)


def test_another_search_under_the_name_is_not_taken_for_an_earlier_one(tmp_path: Path):
    now = planned(tmp_path, proxy_size=16, study="s")
    other = StudySpec(
        name="s",
        space=now.spec.space,
        budget="macs<=1",
        data=now.spec.data,
        settings={key: value for key, value in now.spec.settings.items() if key != "proxy_map"},
    )
    Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", other, command="", versions={})
    assert planned(tmp_path, proxy_size=16, study="s").spec == now.spec


def test_the_trained_network_is_written_with_the_strides_it_was_trained_with(tmp_path: Path):
    from automl.search.course.job import Job
    from automl.search.training.pixels import Pixels
    from automl.search.workers.job_runner import begun, keep_weights
    from automl.studies import Purpose
    from automl.studies.trained.weights import load_trained

    plan = planned(tmp_path, proxy_size=16, epochs=1)
    candidate = plan.space.base()
    pixels = Pixels(plan.data.images, plan.data.labels, plan.split.train, plan.split.validation, None, "cpu")
    found: dict[int, Candidate] = {}
    for smallest in (0, 2):
        job = Job(
            candidate=candidate.spec,
            params=int(candidate.cost().params),
            fidelity=Fidelity(epochs=1, size=16, smallest_map=smallest),
            seed=0,
            purpose=Purpose.FINAL,
            store=str(tmp_path),
            checkpoint=f"weights-{smallest}.pt",
        )
        trainer = begun(job, pixels, plan.recipe, "cpu")
        trainer.epoch()
        keep_weights(job, trainer, pixels)
        _, kept = load_trained(tmp_path / str(job.checkpoint))
        found[smallest] = Candidate.from_dict(json.loads(kept["candidate"]))
    assert found[0] == candidate  # the control: as earlier versions trained it
    assert (found[2].image, last_map(found[2]).height) == ((1, 16, 16), 2)
    assert found[2].cost().params == candidate.cost().params


def test_a_database_that_cannot_be_read_is_not_taken_for_one_without_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    spec = planned(tmp_path, proxy_size=16, study="s").spec

    def opens(cause: Exception | None) -> None:
        def fails(*_: object) -> None:
            raise InputError("cannot open it") from cause

        monkeypatch.setattr(Study, "open", fails)

    opens(None)  # control: there is no such study
    assert continued("sqlite://", spec, ["s"]) == spec
    assert share_of_earlier("sqlite://", ["s"]) is None
    opens(OperationalError("", {}, Exception("connection refused")))
    for ask in (lambda: continued("sqlite://", spec, ["s"]), lambda: share_of_earlier("sqlite://", ["s"])):
        with pytest.raises(InputError, match="cannot open it"):
            ask()
