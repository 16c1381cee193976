"""Processes that train one network together: two on the CPU, as several on GPUs do."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import torch
from automl.blocks import AutomlError, InputError
from automl.search.course.job import Job
from automl.search.handover import companions
from automl.search.handover.companions import Together, devices_of
from automl.search.handover.longer_training import train
from automl.search.training.ranks import Ranks
from automl.search.training.recipe import Recipe
from automl.studies import Evaluation, Fidelity, Purpose, State, Study
from automl.studies.trained.artifacts import weights_file
from automl.studies.trained.checkpoint import load

from ..one_network import TINY, interrupted_after, pictures, study_on

pytestmark = pytest.mark.xdist_group("companions")

PLAIN = """
optimizer: sgd
learning_rate: 0.05
freeze_norm: true
"""
"""A recipe by which parts of a batch give the gradient of the batch: its normalisation has no
statistics of a batch."""


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return study_on(tmp_path, pictures(tmp_path, "npz", count=90), TINY, size=20, epochs=1)


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(companions, "devices_of", lambda gpus: ["cpu"] * (gpus or 1))


def weights(study: Study, training: Evaluation) -> dict[str, torch.Tensor]:
    path = weights_file(study, training)
    assert path is not None
    return load(path)["weights"]


def apart(study: Study, one: Evaluation, other: Evaluation) -> float:
    """The largest difference of weights."""
    ours, theirs = weights(study, one), weights(study, other)
    return max((ours[name].double() - theirs[name].double()).abs().max().item() for name in ours)


@pytest.mark.usefixtures("two")
class TestTwo:
    def test_they_train_as_one_does(self, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "plain.yaml").write_text(PLAIN)
        parts: list[int] = []
        usual = Ranks.sum_gradients
        monkeypatch.setattr(
            Ranks, "sum_gradients", lambda self, *given: (parts.append(self.count), usual(self, *given))
        )
        recipe = str(tmp_path / "plain.yaml")
        said: list[str] = []
        together = train(study, epochs=2, seed=1, recipe=recipe, gpus=2, said=said.append)
        assert set(parts) == {2}
        assert any(" on 2 devices, cpu the first, seed 1" in line for line in said)
        assert multiprocessing.active_children() == []
        # alone from the same seed: the recipe has another name, or the training would be known
        (tmp_path / "again.yaml").write_text(PLAIN)
        alone = train(study, epochs=2, seed=1, recipe=str(tmp_path / "again.yaml"), threads=1)
        other = train(study, epochs=2, seed=2, recipe=recipe, threads=1)
        assert set(parts) == {1, 2}
        assert apart(study, together, alone) < 1e-4
        assert apart(study, together, other) > 1e-2  # the control
        assert together.test_accuracy == alone.test_accuracy

    def test_the_death_of_one_is_said_and_the_training_goes_on_alone(self, study: Study) -> None:
        def kill(share: float) -> None:
            if share > 0.5:  # in the second epoch
                for process in multiprocessing.active_children():
                    process.kill()

        with pytest.raises(AutomlError, match=r"a process that trained too has died: exit code -9; .* are kept"):
            train(study, epochs=2, seed=1, gpus=2, told=kill)
        assert [each.state for each in study.evaluations()] == [State.COMPLETE]  # the trial: no failure of the network
        said: list[str] = []
        assert train(study, epochs=2, seed=1, threads=1, said=said.append).state is State.COMPLETE
        assert "going on after epoch 1 of 2" in said

    @pytest.mark.exhaustive
    def test_stopped_they_go_on_to_the_same_bits(
        self, study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            interrupted_after(patch, 2)
            with pytest.raises(KeyboardInterrupt):
                train(study, epochs=4, seed=1, gpus=2)
        stopped = train(study, epochs=4, seed=1, gpus=2)
        (tmp_path / "other").mkdir()
        other = study_on(tmp_path / "other", Path(str(study.spec.data["name"])), TINY, size=20, epochs=1)
        whole = train(other, epochs=4, seed=1, gpus=2)
        ours, theirs = weights(study, stopped), weights(other, whole)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)

    def test_batches_that_are_too_small_are_refused_and_no_failure(self, study: Study) -> None:
        with pytest.raises(InputError, match="give fewer --gpus"):
            train(study, epochs=1, gpus=20)
        assert len(study.evaluations()) == 1


def test_one_that_cannot_begin_says_why(study: Study) -> None:
    [row] = study.candidates().values()
    job = Job(
        candidate=row.spec, params=row.params, fidelity=Fidelity(epochs=1, size=20), seed=1, purpose=Purpose.FINAL
    )
    together = Together(
        spec=study.spec,
        data=str(Path(str(study.spec.data["name"])).with_name("missing.npz")),
        data_dir=None,
        cache=None,
        job=job,
        recipe=Recipe.from_dict(study.spec.settings["recipe"]),
        devices=["cpu", "cpu"],
    )
    with (
        pytest.raises(AutomlError, match=r"a process that was to train too could not begin: .*missing\.npz"),
        companions.companions(together, None),
    ):
        raise AssertionError("it has begun")
    assert multiprocessing.active_children() == []


@pytest.mark.exhaustive
def test_none_is_left_when_the_first_is_killed(study: Study, tmp_path: Path) -> None:
    script = f"""
import os, signal, multiprocessing
from automl.search.handover import companions
from automl.search.handover.longer_training import train
from automl.studies import Study

def kill(share):
    print(*(process.pid for process in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    companions.devices_of = lambda gpus: ["cpu"] * 2
    train(Study.open({study.storage_url!r}, "s"), epochs=2, seed=1, gpus=2, told=kill)
"""
    (tmp_path / "script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    [pid] = map(int, done.stdout.split())
    end = time.monotonic() + 10
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end
            time.sleep(0.1)


def test_gpus_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices_of(None) == ["cpu"]
    with pytest.raises(InputError, match="--gpus must be left out, since there is no GPU here, but got 1"):
        devices_of(1)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert devices_of(3) == ["cuda:0", "cuda:1", "cuda:2"]
    with pytest.raises(InputError, match="--gpus must be between 1 and 4, the number of GPUs here, but got 5"):
        devices_of(5)
