"""A network built with other parameters than its cost says is never trained: the failure is
recorded with both numbers."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from automl.blocks import Se
from automl.search.course.job import Job
from automl.search.handover.longer_training import train
from automl.search.options import SearchOptions
from automl.search.plan import Plan, prepare
from automl.search.training.pixels import Pixels
from automl.search.workers.job_runner import WrongCost, trainer_for
from automl.search.workers.place import Place
from automl.search.workers.worker import Worker
from automl.spaces import Candidate, Space
from automl.studies import CandidateRow, Fidelity, Purpose, State, Study

from ..conftest import write_images


@pytest.fixture
def plan(tmp_path: Path, space: Space) -> Plan:
    return prepare(SearchOptions(space=space, data=str(write_images(tmp_path / "images.npz")), epochs=1))


@pytest.fixture
def candidate(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Candidate:
    """One with SE blocks, whose formula forgets the biases."""
    right = Se.cost
    monkeypatch.setattr(
        Se, "cost", lambda self, shape: replace(right(self, shape), params=right(self, shape).params - shape.channels)
    )
    return plan.space.candidate({"attention": "se", "width": 0.25, "depth": 0.2})


def parts(candidate: Candidate) -> tuple[int, int]:
    """Parameters costed and built."""
    return candidate.cost().params, sum(parameter.numel() for parameter in candidate.build().parameters())


def says(candidate: Candidate) -> str:
    costed, built = parts(candidate)
    assert costed < built
    return f"{candidate.id[:12]} was costed with {costed:,} and built with {built:,}"


def job(candidate: Candidate) -> Job:
    return Job(
        candidate=candidate.spec,
        params=candidate.cost().params,
        fidelity=Fidelity(epochs=1, size=16),
        seed=0,
        purpose=Purpose.SEARCH,
    )


def pixels(plan: Plan) -> Pixels:
    return Pixels(
        plan.data.images, plan.data.labels, plan.split.train, plan.split.validation, None, torch.device("cpu")
    )


def test_it_is_refused_with_both_numbers(plan: Plan, candidate: Candidate):
    with pytest.raises(WrongCost, match=says(candidate)):
        trainer_for(job(candidate), pixels(plan), plan.recipe, "cpu")


def test_with_a_right_formula_it_is_not(plan: Plan, candidate: Candidate, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    costed, built = parts(candidate)
    assert costed == built
    trainer_for(job(candidate), pixels(plan), plan.recipe, "cpu")


def test_a_worker_reports_it_as_that_candidates_failure_and_lives_on(plan: Plan, candidate: Candidate):
    worker = Worker.__new__(Worker)  # without Ray
    worker._place = Place(pixels=pixels(plan), recipe=plan.recipe, device=torch.device("cpu"))
    worker._origin, worker._evaluate = {"worker": "w", "device": "cpu", "gpus": ""}, None
    worker.reset_config({"job": job(candidate).to_json()})
    result = worker.step()
    assert says(candidate) in result["failed"]
    assert result["done"]


def test_a_final_training_is_recorded_as_a_failure_with_its_reason(tmp_path: Path, plan: Plan, candidate: Candidate):
    study = Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", plan.spec, command="automl search", versions={})
    cost = candidate.cost()
    row = CandidateRow(
        id=candidate.id, spec=candidate.spec, macs=cost.macs, params=cost.params, activations=cost.activations
    )
    from ...studies.choosing.test_chosen import add

    trial = add(study, "other", 0.5, 10)
    study.record(replace(trial, candidate_id=row.id), row, params={}, distributions={}, values=(0.5, cost.macs))
    with pytest.raises(WrongCost, match=says(candidate)):
        train(study, candidate=candidate.id, epochs=1)
    [failed] = study.evaluations(Purpose.FINAL)
    assert failed.state is State.FAIL
    assert says(candidate) in (failed.reason or "")
