"""The training of a chosen network: what it does without being told, and that neither Ctrl-C nor a
kill loses an epoch."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from automl.blocks import InputError
from automl.search.handover.longer_training import LONGER, deployable, train
from automl.search.handover.training_images import say_imbalance
from automl.search.training.trainer import Trainer
from automl.studies import Purpose, State, Study
from automl.studies.choosing.chosen import best, confirmed_accuracies
from automl.studies.choosing.finals import trainings
from automl.studies.trained.artifacts import weights_file, weights_folder
from automl.studies.trained.checkpoint import load, save
from automl.studies.trained.classifier_measures import kept_measures
from automl.studies.trained.weights import load_trained

from ... import fresh
from ..one_network import TINY, interrupted_after, pictures, study_on


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return study_on(tmp_path, pictures(tmp_path, "png"), TINY)


def weights(study: Study, number: int) -> dict[str, torch.Tensor]:
    path = weights_file(study, trainings(study)[number])
    assert path is not None
    return load(path)["weights"]


class TestDefaults:
    @pytest.mark.parametrize(
        ("height", "searched", "native", "expected"),
        [
            (224, 64, 500, 224),
            (224, 64, 224, 224),
            (224, 64, 150, 150),
            (224, 32, 8, 32),
            (32, 32, 32, 32),
            (27, 27, 32, 27),
            (37, 37, 32, 37),
        ],
    )
    def test_it_trains_at_the_deployment_size_as_far_as_the_files_hold_it(
        self, height: int, searched: int, native: int, expected: int
    ) -> None:
        assert deployable(height, searched, native) == expected

    def test_it_trains_longer_than_the_search_confirms_and_at_the_deployment_size(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        study = study_on(tmp_path, pictures(tmp_path, "npz"), TINY, epochs=1)  # stored at 20 px, deployed at 32
        trained = train(study, threads=1)
        assert (trained.fidelity.epochs, trained.fidelity.size) == (LONGER, 32)
        assert LONGER > 2

    def test_the_same_call_again_trains_from_the_next_seed(self, study: Study) -> None:
        assert [train(study, epochs=1, threads=1).seed for _ in range(3)] == [1, 2, 3]
        with pytest.raises(InputError, match="has been trained for 1 epochs at 32 px with seed 2; give another"):
            train(study, epochs=1, seed=2, size=32, threads=1)

    def test_a_seed_that_cannot_be_is_refused_before_the_images_are_read(self, study: Study) -> None:
        said: list[str] = []
        with pytest.raises(InputError, match="--seed"):
            train(study, seed=-1, said=said.append)
        assert said == []

    @pytest.mark.parametrize("threads", [0, 999])
    def test_more_threads_than_cpus_are_refused_before_the_images_are_read(self, study: Study, threads: int) -> None:
        said: list[str] = []
        with pytest.raises(
            InputError, match=r"--threads must lie between 1 and the \d+ CPUs that this process may use"
        ):
            train(study, threads=threads, said=said.append)
        assert said == []


EVERYTHING = """
augment: trivialaugment
crop: 0.5
erasing: 0.5
mixup: 0.2
cutmix: 1.0
ema: 0.9
drop_path_rate: 0.3
drop_rate: 0.1
clip: 5.0
accumulate: 2
recalibrate: 16
balance: sampling
"""
"""A recipe with all that is random."""


class TestGoingOn:
    @pytest.mark.parametrize("pieces", [pytest.param("none", marks=pytest.mark.exhaustive), "all"])
    def test_stopped_three_times_it_goes_on_to_the_same_bits(
        self, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pieces: str
    ) -> None:
        (tmp_path / "all.yaml").write_text(EVERYTHING)
        recipe = str(tmp_path / "all.yaml") if pieces == "all" else None
        states = weights_folder(study.storage_url, "s") / "training"
        for after in (1, 2, 3):
            with monkeypatch.context() as patch:
                interrupted_after(patch, after)
                with pytest.raises(KeyboardInterrupt):
                    train(study, epochs=4, seed=2, threads=1, recipe=recipe)
            assert len(list(states.glob("*.pt"))) == 1
        said: list[str] = []
        stopped = train(study, epochs=4, seed=2, threads=1, recipe=recipe, said=said.append)
        assert "going on after epoch 3 of 4" in said
        assert list(states.glob("*.pt")) == []

        (tmp_path / "other").mkdir()
        other = study_on(tmp_path / "other", _data(study), TINY)
        whole, another_seed = (train(other, epochs=4, seed=seed, threads=1, recipe=recipe) for seed in (2, 3))
        assert stopped.curve == whole.curve
        assert stopped.test_accuracy == whole.test_accuracy
        ours, theirs, control = weights(study, 0), weights(other, 0), weights(other, 1)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
        assert not all(torch.equal(ours[name], control[name]) for name in ours), another_seed

    def test_between_the_last_epoch_and_the_record_nothing_is_lost(
        self, study: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:

            def killed(*_: object, **__: object) -> None:
                raise KeyboardInterrupt

            patch.setattr(Study, "record", killed)
            with pytest.raises(KeyboardInterrupt):
                train(study, epochs=2, seed=1, threads=1)
        said: list[str] = []
        done = train(study, epochs=2, seed=1, threads=1, said=said.append)
        assert not any(line.startswith("epoch ") for line in said)
        assert len(done.curve) == 2

    @pytest.mark.parametrize("damage", ["cut", "other", "nonsense"])
    def test_a_state_that_cannot_be_used_is_told_and_the_training_begins_anew(
        self, study: Study, monkeypatch: pytest.MonkeyPatch, damage: str
    ) -> None:
        with monkeypatch.context() as patch:
            interrupted_after(patch, 1)
            with pytest.raises(KeyboardInterrupt):
                train(study, epochs=2, seed=1, threads=1)
        [state] = (weights_folder(study.storage_url, "s") / "training").glob("*.pt")
        if damage == "cut":
            state.write_bytes(state.read_bytes()[:1000])
        elif damage == "other":
            kept = load(state)
            kept["trainer"]["settings"]["seed"] = 99
            save(state, kept)
        else:
            save(state, {"curve": "none"})
        said: list[str] = []
        done = train(study, epochs=2, seed=1, threads=1, said=said.append)
        assert any("cannot be used" in line and "begins anew" in line for line in said)
        assert [epoch for epoch, _ in done.curve] == [1, 2]

    def test_a_failure_is_recorded_once_and_leaves_no_state(
        self, study: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from automl.blocks.errors import Diverged

        def diverges(self, number: int, leg: object) -> float:
            raise Diverged("the loss must be finite, but got nan")

        with monkeypatch.context() as patch:
            patch.setattr(Trainer, "_train", diverges)
            with pytest.raises(Diverged):
                train(study, epochs=2, threads=1)
        [failed] = study.evaluations(Purpose.FINAL)
        assert (failed.state, failed.seed) == (State.FAIL, 1)
        assert train(study, epochs=2, threads=1).seed == 2


class TestRecipe:
    def test_a_training_by_another_recipe_is_recorded_as_such_and_compared_with_none_of_the_search(
        self, tmp_path: Path
    ) -> None:
        study = study_on(tmp_path, pictures(tmp_path, "png"), TINY, epochs=2)
        before = best(study)
        trained = train(study, epochs=2, size=32, threads=1, recipe="long")
        assert str(trained.fidelity).endswith(", recipe long")
        assert trained.fidelity.to_dict()["recipe"] == "long"
        assert trainings(study) == [trained]
        kept = kept_measures(study, trained)
        assert kept is not None
        assert kept.recipe["mixup"] == 0.2
        assert kept.parts["validation"].accuracy == pytest.approx(trained.accuracy, abs=1e-6)
        assert kept.parts["test"].accuracy == pytest.approx(trained.test_accuracy, abs=1e-6)
        assert [each.name for each in kept.parts["test"].classes] == ["a", "b"]
        assert confirmed_accuracies(study) == {}
        assert before is not None
        assert best(study) == replace(before, weights=weights_file(study, trained))
        # the control: the study's own recipe confirms, with the same seed in a file of its own
        own = train(study, epochs=2, size=32, threads=1, seed=trained.seed)
        assert confirmed_accuracies(study) == {own.candidate_id: own.accuracy}
        files = [weights_file(study, each) for each in (trained, own)]
        assert len({str(file) for file in files}) == 2

    def test_a_recipe_that_is_stopped_is_not_gone_on_with_by_another(
        self, study: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            interrupted_after(patch, 1)
            with pytest.raises(KeyboardInterrupt):
                train(study, epochs=2, size=32, threads=1, recipe="long")
        said: list[str] = []
        train(study, epochs=2, size=32, threads=1, said=said.append)
        assert not any("going on" in line or "anew" in line for line in said)
        train(study, epochs=2, size=32, threads=1, recipe="long", said=said.append)
        assert "going on after epoch 1 of 2" in said

    def test_the_weights_of_the_best_epoch_are_kept_beside_those_of_the_last(
        self, study: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        accuracies = iter([0.4, 0.7, 0.7, 0.6, 0.8])
        monkeypatch.setattr(Trainer, "_validate", lambda self, number, size: next(accuracies))
        said: list[str] = []
        with monkeypatch.context() as patch:
            interrupted_after(patch, 3)
            with pytest.raises(KeyboardInterrupt):
                train(study, epochs=4, seed=1, threads=1)
        there: list[Path] = []
        monkeypatch.setattr("automl.search.handover.resumable.sent", lambda study, *files: there.extend(files))
        train(study, epochs=4, seed=1, threads=1, said=said.append)
        path = weights_file(study, trainings(study)[0])
        assert path is not None
        assert there == [path, path.with_name(f"{path.stem}-best.pt"), path.with_suffix(".json")]
        kept = load(path.with_name(f"{path.stem}-best.pt"))
        assert kept["epochs"] == 2
        assert any("highest, 0.7000, after epoch 2" in line for line in said)
        assert load_trained(path.with_name(f"{path.stem}-best.pt"))
        assert not all(torch.equal(kept["weights"][name], value) for name, value in load(path)["weights"].items())
        train(study, epochs=1, seed=1, threads=1)  # the control: the last epoch is the best one
        assert len(list(path.parent.glob("*-best.pt"))) == 1


@pytest.mark.parametrize("damage", ["", "[]", '{"validation": {}}', "[" * 100_000])
def test_measures_that_cannot_be_read_are_none(study: Study, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    evaluation, weights = study.evaluations()[0], weights_folder(study.storage_url, "s") / "a.pt"
    monkeypatch.setattr("automl.studies.trained.classifier_measures.weights_place", lambda study, evaluation: weights)
    assert kept_measures(study, evaluation) is None  # there is no file
    weights.parent.mkdir(parents=True)
    weights.with_suffix(".json").write_text(damage)
    assert kept_measures(study, evaluation) is None


def test_classes_that_are_strongly_unequal_are_told(study: Study) -> None:
    def told(counts: tuple[int, ...]) -> list[str]:
        said: list[str] = []
        labels = np.repeat(np.arange(len(counts)), counts)
        data = SimpleNamespace(labels=labels, classes=("cat", "dog", "owl"), task="classification")
        say_imbalance(data, SimpleNamespace(train=np.arange(len(labels))), said.append)
        return said

    assert told((190, 10, 0)) == [
        "the classes are unequal: cat has 190 training images, dog 10; judge by the balanced accuracy, and see"
        " --balance"
    ]
    assert told((30, 10, 20)) == []


class TestWhatBelongsToAnother:
    def test_a_state_of_a_deleted_study_of_the_same_name_is_not_gone_on_with(
        self, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            interrupted_after(patch, 2)
            with pytest.raises(KeyboardInterrupt):
                train(study, epochs=4, seed=1, size=32, threads=1)
        Path(study.storage_url.removeprefix("sqlite:///")).unlink()
        other = study_on(tmp_path, pictures(tmp_path / "other", "png", seed=1), TINY)
        said: list[str] = []
        done = train(other, epochs=4, seed=1, size=32, threads=1, said=said.append)
        assert any("is that of another study or of other images): it begins anew" in line for line in said)
        assert [line.split()[1] for line in said if line.startswith("epoch ")] == ["1", "2", "3", "4"]
        assert len(done.curve) == 4

    def test_two_at_once_do_not_write_one_anothers_weights(self, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        usual, seen = Trainer.epoch, []

        def epoch(self):
            if not seen:
                seen.append("begun")
                with pytest.raises(
                    InputError,
                    match=r"another process trains candidate .* with seed 1: wait for it, or give another --seed",
                ):
                    train(study, epochs=1, seed=1, size=32, threads=1)
                seen.append(train(study, epochs=1, size=32, threads=1).seed)  # without a seed it takes the next one
            return usual(self)

        monkeypatch.setattr(Trainer, "epoch", epoch)
        assert train(study, epochs=1, size=32, threads=1).seed == 1
        assert seen == ["begun", 2]
        assert [each.seed for each in trainings(study)] == [2, 1]

    def test_a_lock_that_a_killed_process_has_left_holds_nobody_up(self, study: Study) -> None:
        folder = weights_folder(study.storage_url, "s") / "training"
        train(study, epochs=1, size=32, threads=1)
        assert all(path.suffix == ".lock" for path in folder.iterdir())
        assert train(study, epochs=1, size=32, threads=1).seed == 2


def _data(study: Study) -> Path:
    return Path(str(study.spec.data["name"]))


KILLED = """
import os, signal, sys
from automl.search.handover.longer_training import train
from automl.studies import Study

def said(text):
    print(text, flush=True)
    if text.startswith(f"epoch {sys.argv[2]} "):
        os.kill(os.getpid(), signal.SIGKILL)

recipe = sys.argv[4] if len(sys.argv) > 4 else None
train(Study.open(sys.argv[1], "s"), epochs=int(sys.argv[3]), seed=1, threads=1, recipe=recipe, said=said)
"""


def test_a_killed_training_goes_on_after_the_last_epoch_that_ended(study: Study) -> None:
    done = fresh.run(KILLED, study.storage_url, "2", "3")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert trainings(study) == []
    said: list[str] = []
    ended = train(study, epochs=3, seed=1, threads=1, said=said.append)
    assert "going on after epoch 2 of 3" in said
    assert len(ended.curve) == 3
    assert len([line for line in said if line.startswith("epoch ")]) == 1


@pytest.mark.exhaustive  # `test_stopped_three_times_it_goes_on_to_the_same_bits` guards it in one process
def test_killed_three_times_with_all_that_is_random_it_goes_on_to_the_same_bits(study: Study, tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(EVERYTHING)
    for epoch in (1, 2, 3):
        done = fresh.run(KILLED, study.storage_url, str(epoch), "4", str(tmp_path / "all.yaml"))
        assert done.returncode == -signal.SIGKILL, done.stderr
    killed = train(study, epochs=4, seed=1, threads=1, recipe=str(tmp_path / "all.yaml"))
    (tmp_path / "other").mkdir()
    other = study_on(tmp_path / "other", _data(study), TINY)
    whole = train(other, epochs=4, seed=1, threads=1, recipe=str(tmp_path / "all.yaml"))
    assert killed.curve == whole.curve
    ours, theirs = weights(study, 0), weights(other, 0)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_data_that_moved_are_found_where_they_are_said_to_be(study: Study, tmp_path: Path) -> None:
    _data(study).rename(tmp_path / "moved")
    with pytest.raises(InputError, match="where nothing is now: give --data PATH"):
        train(study, epochs=1, threads=1)
    assert train(study, epochs=1, threads=1, data=str(tmp_path / "moved")).state is State.COMPLETE


def test_what_is_said_is_what_happens(study: Study) -> None:
    said: list[str] = []
    trained = train(study, epochs=2, size=24, threads=1, said=said.append)
    assert said[0].startswith("loading the images of ")
    assert said[1] == f"training {trained.candidate_id[:12]} for 2 epochs at 24 px on cpu, seed 1"
    assert said[2] == "1 CPU thread"
    assert "left" in said[3]
    assert "left" not in said[4]
    assert json.dumps(said)
