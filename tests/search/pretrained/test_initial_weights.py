"""Trainings that begin with the weights of a source network."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from automl.search.course.job import Job
from automl.search.data.answers import Answers
from automl.search.options import SearchOptions
from automl.search.plan import Plan, prepare
from automl.search.pretrained.initial_weights import begin
from automl.search.pretrained.source_weights import Source
from automl.search.training.pixels import Pixels
from automl.search.workers.job_runner import begun, keep_state, trainer_for
from automl.spaces import Candidate, Space
from automl.studies import Fidelity, Purpose
from torch import Tensor

from ..conftest import write_images


@pytest.fixture
def plan(tmp_path: Path, space: Space) -> Plan:
    return prepare(SearchOptions(space=space, data=str(write_images(tmp_path / "images.npz"))))


@pytest.fixture
def pixels(plan: Plan) -> Pixels:
    return Pixels(plan.data.images, plan.data.labels, plan.split.train, plan.split.validation, None, "cpu")


@pytest.fixture
def source(plan: Plan) -> Source:
    torch.manual_seed(0)
    candidate = plan.space.candidate({"width": 0.25, "depth": 0.2, "attention": "none", "kernel": 3})
    return Source.of("own", candidate, candidate.build().state_dict())


@pytest.fixture
def candidate(plan: Plan) -> Candidate:
    return plan.space.candidate({"width": 0.5, "depth": 0.4, "attention": "se", "kernel": 5})


@pytest.fixture
def job(candidate: Candidate, tmp_path: Path) -> Job:
    return Job(
        candidate=candidate.spec,
        params=int(candidate.cost().params),
        fidelity=Fidelity(epochs=2, size=16),
        seed=3,
        purpose=Purpose.SEARCH,
        rungs=(1,),
        store=str(tmp_path),
        state="one",
    )


def test_statistics_are_those_of_the_training_images(job: Job, source: Source, pixels: Pixels, plan: Plan):
    network = trainer_for(job, pixels, plan.recipe, "cpu", source).network
    read: list[Tensor] = []
    network.get_submodule("bn1").register_forward_hook(lambda module, args, out: read.append(args[0]))
    images, _ = pixels.at("train", 16)
    with torch.no_grad():
        network.eval()((images.float() / 255 - pixels.mean[0]) / pixels.std[0])
    mean = read[0].mean((0, 2, 3))
    found = network.state_dict()["bn1.running_mean"]
    assert torch.allclose(found, mean, atol=0.05 * float(mean.std()))
    before = torch.tensor(source.weights["bn1.running_mean"])  # the control
    assert not torch.allclose(found[: len(before)], before, atol=0.05 * float(mean.std()))


def test_the_same_candidate_images_and_seed_give_the_same_bits(job: Job, source: Source, pixels: Pixels, plan: Plan):
    one, other = (trainer_for(job, pixels, plan.recipe, "cpu", source).network.state_dict() for _ in range(2))
    assert all(torch.equal(one[name], value) for name, value in other.items())
    wanted = source.weights["conv_stem.weight"]
    assert np.array_equal(one["conv_stem.weight"][: len(wanted)], wanted)
    noise = trainer_for(job, pixels, plan.recipe, "cpu").network.state_dict()  # the control
    assert not torch.equal(noise["conv_stem.weight"], one["conv_stem.weight"])


def test_a_training_that_goes_on_carries_nothing_over(
    job: Job, source: Source, pixels: Pixels, plan: Plan, monkeypatch: pytest.MonkeyPatch
):
    whole = begun(job, pixels, plan.recipe, "cpu", source)
    whole.done_epochs = 1  # what an epoch changes does not matter here
    keep_state(job, whole)

    def carries(*_: object, **__: object) -> None:
        raise AssertionError("the state holds all weights")

    monkeypatch.setattr("automl.search.pretrained.initial_weights.begin", carries)
    later = begun(replace(job, start=1), pixels, plan.recipe, "cpu", source)
    wanted = whole.network.state_dict()
    assert all(torch.equal(wanted[name], value) for name, value in later.network.state_dict().items())
    with pytest.raises(AssertionError, match="holds all weights"):  # the control
        begun(job, pixels, plan.recipe, "cpu", source)


@pytest.mark.exhaustive
def test_a_training_that_waits_goes_on_to_the_bit(job: Job, source: Source, pixels: Pixels, plan: Plan):
    whole = begun(job, pixels, plan.recipe, "cpu", source)
    whole.epoch()
    keep_state(job, whole)
    whole.epoch()
    later = begun(replace(job, start=1), pixels, plan.recipe, "cpu", source)
    later.epoch()
    wanted = whole.network.state_dict()
    assert all(torch.equal(wanted[name], value) for name, value in later.network.state_dict().items())


def test_the_head_of_an_exported_network_of_numbers_is_begun_anew(source: Source, pixels: Pixels, plan: Plan):
    """It gives numbers in their units, and this training gives standardised ones."""
    rows, own = pixels._rows, source.network()
    values = np.linspace(-1, 1, 3 * len(plan.data.labels), dtype=np.float32).reshape(-1, 3)
    answers = Answers(task="regression", values=values, mean=(0.0,) * 3, std=(1.0,) * 3)
    parts = rows["train"], rows["validation"], None
    numbers = Pixels(plan.data.images, plan.data.labels, *parts, "cpu", answers=answers)
    heads = []
    for taken in (pixels, numbers):
        network = source.network()
        begin(network, source, taken, plan.recipe, epochs=1, size=16, fraction=1.0, seed=0)
        heads.append(network.get_classifier().weight)  # pyright: ignore[reportAttributeAccessIssue]
    kept = own.get_classifier().weight  # pyright: ignore[reportAttributeAccessIssue]
    assert torch.equal(heads[0], kept)  # the control: a head of classes is carried
    assert not torch.equal(heads[1], kept)
