"""Refits: trainings on the training and the validation images, on which no choice may rest."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from automl.blocks import InputError
from automl.search.course.clock import Clock
from automl.search.course.events import Silent
from automl.search.course.final_trainings import FinalTrainings
from automl.search.course.limits import Limits, Trials
from automl.search.course.work_left import has_work
from automl.search.handover.export import export
from automl.search.handover.longer_training import train
from automl.search.handover.study_data import study_data
from automl.search.training.pixels import Pixels, channel_statistics
from automl.search.training.trainer import Trainer
from automl.studies import Fidelity, Study
from automl.studies.choosing.chosen import best, comparison, confirmed_accuracies
from automl.studies.choosing.finals import numbered_trainings, trainings
from automl.studies.evidence.confirmed_networks import seed_noise
from automl.studies.records.evaluation import Evaluation
from automl.studies.results.as_json import evaluation_json
from automl.studies.trained.artifacts import weights_file
from automl.studies.trained.classifier_measures import kept_measures
from automl.studies.trained.weights import load_trained
from automl.studies.upkeep.integrity import check

from ..one_network import TINY, interrupted_after, pictures, study_on


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return study_on(tmp_path, pictures(tmp_path, "png"), TINY, epochs=1)


def weights(study: Study, training: Evaluation) -> dict[str, object]:
    path = weights_file(study, training)
    assert path is not None
    return torch.load(path, weights_only=True)


class TestImages:
    @pytest.mark.parametrize("refit", [True, False])
    def test_it_trains_on_both_parts_and_on_no_test_image(self, study: Study, refit: bool) -> None:
        kept = weights(study, train(study, epochs=1, size=32, threads=1, refit=refit))
        data, rows = study_data(study, size=lambda native: 32)
        parts = [rows.train, rows.validation] if refit else [rows.train]  # the control has the training images alone
        mean, std = channel_statistics(data.images, np.concatenate(parts))
        assert kept["mean"] == pytest.approx(mean)
        assert kept["std"] == pytest.approx(std)

    def test_an_epoch_sees_each_of_them_once(self, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        images: list[int] = []
        usual = Trainer.epoch

        def epoch(self: Trainer):
            report = usual(self)
            images.append(report.images)
            assert np.isnan(report.accuracy)
            return report

        monkeypatch.setattr(Trainer, "epoch", epoch)
        train(study, epochs=2, size=32, threads=1, refit=True)
        counts = study.spec.data["split"]["counts"]
        assert images == [counts["train"] + counts["validation"]] * 2

    def test_what_stands_as_its_accuracy_is_that_on_the_test_images(self, study: Study) -> None:
        refit = train(study, epochs=3, size=32, threads=1, refit=True)
        data, rows = study_data(study, size=lambda native: 32)
        path = weights_file(study, refit)
        assert path is not None
        network, kept = load_trained(path)
        pixels = Pixels(data.images, data.labels, rows.train, rows.validation, rows.test, "cpu")
        images, labels = pixels.at("test", 32)
        mean, std = (torch.tensor(kept[name]).view(1, -1, 1, 1) for name in ("mean", "std"))
        with torch.no_grad():
            right = network((images / 255 - mean) / std).argmax(1) == labels
        assert refit.accuracy == refit.test_accuracy == pytest.approx(right.double().mean().item())
        assert refit.validated is None
        assert refit.curve == ((3, refit.test_accuracy),)
        shown = evaluation_json(refit)
        assert (shown["accuracy"], shown["curve"]) == (None, [])
        assert check(study.storage_url) == []


class TestChoices:
    def test_none_rests_on_it(self, study: Study) -> None:
        """All that compares networks is as if it were not there."""

        def evidence() -> tuple:
            seeds = seed_noise(study.evaluations())
            return best(study), comparison(study), confirmed_accuracies(study), trainings(study), seeds.to_dict()

        limits = Limits(trials=1, seconds=None, finals=1, seeds=1)
        before = evidence(), has_work(study, limits)
        refit = train(study, epochs=2, size=32, threads=1, refit=True)
        assert numbered_trainings(study) == [refit]
        assert (evidence(), has_work(study, limits)) == before
        # the control: the same training without the validation images confirms the network
        train(study, epochs=2, size=32, threads=1, seed=refit.seed)
        assert all(one != other for one, other in zip(evidence(), before[0], strict=True))
        assert not has_work(study, limits)

    def test_a_network_that_is_not_the_chosen_one_is_tested_only_if_that_is_asked_for(
        self, study: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        [name] = study.candidates()
        chosen = best(study)
        assert chosen is not None
        another = replace(chosen, candidate=replace(chosen.candidate, id="0" * 64))
        monkeypatch.setattr("automl.search.handover.longer_training.best", lambda _: another)
        with pytest.raises(InputError, match=r"only test images can measure a refit, and .* give --test"):
            train(study, candidate=name, epochs=1, threads=1, refit=True)
        assert train(study, candidate=name, epochs=1, threads=1, refit=True, test=True).test_accuracy is not None


def test_stopped_it_goes_on_to_the_same_bits(study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        interrupted_after(patch, 2)
        with pytest.raises(KeyboardInterrupt):
            train(study, epochs=4, seed=2, threads=1, refit=True)
    beside = train(study, epochs=4, seed=2, threads=1)  # the same without the validation images goes its own way
    said: list[str] = []
    stopped = train(study, epochs=4, seed=2, threads=1, refit=True, said=said.append)
    assert "going on after epoch 2 of 4" in said
    assert not any("validation" in line for line in said if line.startswith("epoch"))
    (tmp_path / "other").mkdir()
    other = study_on(tmp_path / "other", Path(str(study.spec.data["name"])), TINY, epochs=1)
    whole = train(other, epochs=4, seed=2, threads=1, refit=True)
    ours, theirs, control = (weights(*one)["weights"] for one in ((study, stopped), (other, whole), (study, beside)))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not all(torch.equal(ours[name], control[name]) for name in ours)


class TestExport:
    def test_it_is_exported_before_longer_trainings_and_says_what_it_is(self, study: Study, tmp_path: Path) -> None:
        first = train(study, epochs=3, size=32, threads=1)
        refit = train(study, epochs=2, size=32, threads=1, refit=True)
        said: list[str] = []
        made = export(study, tmp_path / "found", formats=(), said=said.append)
        assert (made.number, made.evaluation) == (2, refit)
        assert any("training 1 was longer (3 epochs at 32 px): --training 1 exports that one" in line for line in said)
        assert "training 2, 32 px, 2 epochs, seed 1, on training and validation images, test accuracy" in said[0]
        config = json.loads((tmp_path / "found" / "config.json").read_text())
        assert config["accuracy"] == {"validation": None, "test": refit.test_accuracy}
        assert config["checked"]["part"] == "test"
        assert set(config["measures"]) == {"recipe", "temperature", "test"}
        for name in ("README.md", "model.py"):
            text = (tmp_path / "found" / name).read_text()
            assert "on the validation images too" in text
            assert "on validation data" not in text
        earlier = export(study, tmp_path / "first", formats=(), check=False, training=1)  # the control
        assert earlier.evaluation == first
        assert "on validation data" in (tmp_path / "first" / "README.md").read_text()

    def test_its_temperature_is_that_of_the_networks_last_training(self, study: Study) -> None:
        alone = kept_measures(study, train(study, epochs=1, size=32, threads=1, refit=True))
        first = kept_measures(study, train(study, epochs=2, size=32, threads=1))
        after = kept_measures(study, train(study, epochs=2, size=32, threads=1, refit=True))
        assert alone is not None
        assert first is not None
        assert after is not None
        assert (alone.temperature, after.temperature) == (1.0, first.temperature)
        assert first.temperature != 1.0
        assert "fitted on validation images" in first.calibration
        assert alone.calibration == ""
        assert f"temperature {first.temperature:.3f}, that of an earlier training: log loss" in after.calibration


def test_the_network_of_a_refit_may_still_be_confirmed(study: Study) -> None:
    """It would be taken for one that has been trained again."""
    refit = train(study, epochs=2, size=32, threads=1, refit=True)
    finals = FinalTrainings(
        study,
        Trials(fidelity=lambda candidate: Fidelity(epochs=1, size=32), epochs=1, seed=0),
        limits := Limits(trials=1, seconds=None, finals=0),
        Clock(limits),
    )
    finals.plan([], Silent())
    assert finals._known == set()
    own = train(study, epochs=2, size=32, threads=1, seed=refit.seed)  # the control
    finals.plan([], Silent())
    assert finals._known == {own.key}
