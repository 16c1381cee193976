"""What a worker does with a job, without Ray: training that waits at a rung and goes on elsewhere,
and scores in place of training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from automl.blocks import InputError
from automl.search.course.job import Job
from automl.search.evaluators import find_evaluator
from automl.search.options import SearchOptions
from automl.search.plan import Plan, prepare
from automl.search.scores import BATCH, batch_of, scores_of
from automl.search.training.pixels import Pixels
from automl.search.training.schedule import updates_for
from automl.search.workers.job_runner import begun, keep_state, scored, steps
from automl.search.workers.place import Place
from automl.search.workers.timing import MOST, timed, timed_epochs
from automl.spaces import Space
from automl.studies import Fidelity, Purpose
from automl.studies.trained.weights import load_trained

from ..conftest import write_images


@pytest.fixture
def plan(tmp_path: Path, space: Space) -> Plan:
    return prepare(SearchOptions(space=space, data=str(write_images(tmp_path / "images.npz"))))


@pytest.fixture
def pixels(plan: Plan) -> Pixels:
    return Pixels(
        plan.data.images, plan.data.labels, plan.split.train, plan.split.validation, None, torch.device("cpu")
    )


@pytest.fixture
def job(plan: Plan, tmp_path: Path) -> Job:
    candidate = plan.space.candidate({"attention": "se", "width": 0.25, "depth": 0.2})
    fidelity = Fidelity(epochs=4, size=16)
    return Job(
        candidate=candidate.spec,
        params=candidate.cost().params,
        fidelity=fidelity,
        seed=3,
        purpose=Purpose.SEARCH,
        rungs=(1, 2),
        store=str(tmp_path),
        state="waiting/one",
    )


def trained(
    job: Job, pixels: Pixels, plan: Plan, until: int
) -> tuple[list[tuple[int, float, float]], dict[str, torch.Tensor]]:
    trainer = begun(job, pixels, plan.recipe, "cpu")
    reports = []
    while trainer.done_epochs < until:
        report = trainer.epoch()
        keep_state(job, trainer)
        reports.append((report.epoch, report.accuracy, report.loss))
    return reports, {name: value.clone() for name, value in trainer.network.state_dict().items()}


def made(options: SearchOptions) -> Any:
    """The evaluator that the options name."""
    kind, argument = find_evaluator(options.evaluator)
    return kind.prepare(options, argument, 0.0, None)


class TestWaiting:
    def test_what_waits_at_each_rung_ends_to_the_bit_where_it_would_have_without(
        self, job: Job, pixels: Pixels, plan: Plan, tmp_path: Path
    ):
        whole, weights = trained(job, pixels, plan, 4)
        places = (str(tmp_path), str(tmp_path), f"file://{tmp_path}")  # the last part reads it from a URL
        parts = [
            trained(
                replace(job, store=place, start=start, rungs=tuple(r for r in job.rungs if r > start)),
                pixels,
                plan,
                until,
            )
            for place, (start, until) in zip(places, ((0, 1), (1, 2), (2, 4)), strict=True)
        ]
        assert [report for part, _ in parts for report in part] == whole
        assert all(torch.equal(value, parts[-1][1][name]) for name, value in weights.items())

    def test_states_are_kept_at_rungs_and_nowhere_else(self, job: Job, pixels: Pixels, plan: Plan, tmp_path: Path):
        trained(job, pixels, plan, 4)
        assert sorted(path.name for path in (tmp_path / "waiting").iterdir()) == ["one-epoch1.pt", "one-epoch2.pt"]
        trained(replace(job, state=None, rungs=()), pixels, plan, 1)

    def test_a_state_that_is_missing_damaged_or_of_another_epoch_is_refused(
        self, job: Job, pixels: Pixels, plan: Plan, tmp_path: Path
    ):
        trained(job, pixels, plan, 2)
        with pytest.raises(InputError, match="cannot read the checkpoint"):
            begun(replace(job, start=3), pixels, plan.recipe, "cpu")
        first, second = (tmp_path / job.state_file(epoch) for epoch in (1, 2))
        first.write_bytes(second.read_bytes())
        with pytest.raises(InputError, match=r"goes on after 1 epochs, but .* holds one of 2"):
            begun(replace(job, start=1), pixels, plan.recipe, "cpu")
        second.write_bytes(b"nothing")
        with pytest.raises(InputError, match="checkpoint"):
            begun(replace(job, start=2), pixels, plan.recipe, "cpu")

    def test_a_state_of_another_training_is_refused(self, job: Job, pixels: Pixels, plan: Plan):
        trained(job, pixels, plan, 1)
        with pytest.raises(InputError, match="must go on with the settings"):
            begun(replace(job, start=1, seed=4), pixels, plan.recipe, "cpu")


class TestKept:
    """The weights of a trial, by which it can be handed over unconfirmed."""

    def kept(self, job: Job, pixels: Pixels, plan: Plan, *, above: float, epochs: int = 4) -> list[str]:
        wanted = replace(job, kept=f"waiting/kept{above}", above=above)
        place = Place(pixels=pixels, recipe=plan.recipe, device=torch.device("cpu"))
        for report in steps(wanted, place):
            if report["epoch"] == epochs:
                break
        return sorted(path.name for path in Path(str(job.store), "waiting").glob(f"kept{above}*"))

    def test_they_are_written_while_it_leads_and_at_its_end(self, job: Job, pixels: Pixels, plan: Plan):
        assert self.kept(job, pixels, plan, above=-1.0, epochs=3) == ["kept-1.0-epoch2.pt", "kept-1.0-epoch3.pt"]
        assert self.kept(job, pixels, plan, above=1.0, epochs=3) == []
        assert self.kept(job, pixels, plan, above=1.0) == ["kept1.0-epoch4.pt"]

    def test_they_are_read_back_with_the_size_that_the_last_epoch_had(
        self, job: Job, pixels: Pixels, plan: Plan, tmp_path: Path
    ):
        rising = replace(plan, recipe=replace(plan.recipe, low_size=0.5, rise=0.9))
        self.kept(job, pixels, rising, above=-1.0)
        sizes = {epoch: load_trained(tmp_path / "waiting" / f"kept-1.0-epoch{epoch}.pt")[1]["size"] for epoch in (3, 4)}
        assert sizes[3] < sizes[4] == 16


class TestScores:
    def test_a_job_is_scored_on_the_batch_of_its_seed(self, job: Job, pixels: Pixels, plan: Plan):
        images, labels = batch_of(pixels, 16, seed=3)
        candidate = plan.space.candidate({"attention": "se", "width": 0.25, "depth": 0.2})
        assert len(images) == BATCH
        both = replace(job, scores=("naswot", "log_macs"))
        assert scored(both, pixels, "cpu") == scores_of(candidate, images, labels, names=["naswot", "log_macs"], seed=3)
        assert scored(both, pixels, "cpu") != scored(replace(both, seed=4), pixels, "cpu")

    @pytest.mark.parametrize(("given", "name"), [("zero-cost", "naswot"), ("zero-cost:zen", "zen")])
    def test_the_evaluator_scores_in_the_search_and_trains_those_chosen(
        self, tmp_path: Path, space: Space, given: str, name: str
    ):
        options = SearchOptions(
            space=space, data=str(write_images(tmp_path / "images.npz")), evaluator=given, seconds=60
        )
        evaluator = made(options)
        trains = prepare(options)
        assert evaluator.score == name
        assert (evaluator.plan.epochs, evaluator.plan.fraction) == (1, 1.0)
        assert evaluator.plan.spec.settings["evaluator"] == f"zero-cost:{name}"
        limits = evaluator.limits(options)
        assert limits.factor == 2 * trains.epochs
        assert limits.epoch_scale == pytest.approx(len(trains.split.train) / BATCH)

    def test_an_unknown_score_is_refused_with_the_nearest(self, tmp_path: Path, space: Space):
        options = SearchOptions(
            space=space, data=str(write_images(tmp_path / "images.npz")), evaluator="zero-cost:nasswot"
        )
        with pytest.raises(InputError, match="naswot"):
            made(options)


def test_updates_are_timed_in_place_of_training(job: Job, pixels: Pixels, plan: Plan):
    place = Place(pixels=pixels, recipe=plan.recipe, device=torch.device("cpu"))
    (report,) = steps(replace(job, timed=30.0), place)  # so long that the number of updates ends it
    assert report["done"]
    assert len(report["timings"]) == MOST
    assert {images for images, _ in report["timings"]} == {float(_batch(plan))}
    assert all(0 < seconds < 60 for _, seconds in report["timings"])
    assert not Path(str(job.store), "waiting").exists()  # nothing was trained


def _batch(plan: Plan) -> int:
    """Images of the first update of an epoch."""
    images = len(plan.split.train)
    return -(-images // updates_for(images, plan.recipe.batch_size))


def test_a_slow_network_is_timed_by_a_single_update(job: Job, pixels: Pixels, plan: Plan):
    ticks = iter(range(0, 100, 10))  # ten seconds between two looks at the clock
    assert timed(begun(job, pixels, plan.recipe, "cpu"), 5.0, clock=lambda: float(next(ticks))) == [
        [float(_batch(plan)), 10.0]
    ]


def test_epochs_are_timed_where_updates_return_before_they_are_done(job: Job, pixels: Pixels, plan: Plan):
    trainer = begun(replace(job, fidelity=Fidelity(epochs=3, size=16)), pixels, plan.recipe, "cpu")
    found = timed_epochs(trainer)
    assert trainer.finished
    assert len(found) == 2  # not the first
    images = len(plan.split.train)
    assert found[0][0] == images / updates_for(images, plan.recipe.batch_size)
