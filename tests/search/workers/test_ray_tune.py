"""The engine on Ray Tune's workers: assignment of devices, reuse, failures, deaths, a database that
goes away.

Ray is started once for the module, with two logical GPUs, and with a folder for temporary files
whose path is too long for Ray's sockets. The workers are feathers: they train nothing and import no
torch, so that a trial takes milliseconds; the real worker is run by `tests/cli/test_end_to_end.py`.
"""

import contextlib
import importlib
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import ray
from automl.blocks import Attention, AutomlError, Cost, InputError, register
from automl.blocks.block import blocks
from automl.search.course.clock import Clock
from automl.search.course.engine import Engine
from automl.search.course.events import Listener, Silent
from automl.search.course.limits import Limits, Trials
from automl.search.proposing.proposer import Proposer
from automl.search.workers import cluster, own_ray
from automl.spaces import Space, census, parse_budget
from automl.studies import Evaluation, Fault, Fidelity, Purpose, State, Study, StudySpec
from ray.util.placement_group import placement_group_table

from ..conftest import SPACE
from .feather import DEATHS, SIGNALS, Feather

EPOCHS = 6
pytestmark = pytest.mark.xdist_group("ray")


@pytest.fixture(scope="module", autouse=True)
def long_folder(tmp_path_factory: pytest.TempPathFactory):
    """The folder for temporary files, while Ray runs."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[Feather.__module__])
    folder = tmp_path_factory.mktemp("temporary-" + "x" * 80)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_TMPDIR", raising=False)
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)  # it is read again
        cluster.start(None, cpus=4, gpus=2)
        yield folder
        cluster.stop()


def engine(
    folder: Path,
    space: Space,
    *,
    trials: int | None = 8,
    finals: int = 1,
    seconds: float | None = None,
    now: Callable[[], float] = time.monotonic,
    listener: Listener | None = None,
) -> Engine:
    spec = StudySpec(name="s", space=space.to_dict(), budget="", data={"name": "none"}, settings={})
    study = Study.create_or_continue(f"sqlite:///{folder}/s.db", spec, command="automl search", versions={})
    budget = parse_budget("300k")
    proposer = Proposer(
        space,
        budget,
        census(space, budget),
        sampler="random",
        seed=0,
        trials=20,
        known=[e.candidate_id for e in study.evaluations()],
    )
    limits = Limits(trials=trials, seconds=seconds, finals=finals)
    return Engine(
        study,
        proposer,
        trials=Trials(fidelity=lambda candidate: Fidelity(epochs=EPOCHS, size=16), epochs=EPOCHS, seed=0),
        limits=limits,
        clock=Clock(limits, now=now),
        listener=listener,
    )


def go(one: Engine, *, workers: int = 2, gpus: float = 0.0, **recipe) -> Study:
    from automl.search.workers.ray_tune import run

    given = cluster.Resources(workers=workers, cpus=1, gpus=gpus, total_gpus=2)
    run(one, {"images": np.zeros(10)}, recipe, given, worker=Feather)
    return one.study


def check_freed() -> None:
    """The workers of a run that was broken off have ended with it, and not when Python's garbage
    collector comes by, for which their CPUs would wait."""
    states = {group["state"] for group in placement_group_table().values()}
    assert states == {"REMOVED"}


def devices(study: Study) -> set[str]:
    """The GPUs in the database; a trial that waited at a rung may have ended on another worker."""
    return {e.device.removeprefix("cpu (Ray GPU ").rstrip(")") for e in study.evaluations()}


def met(meeting: Path) -> list[str]:
    """The GPU of each worker process."""
    return sorted(file.read_text() for file in meeting.iterdir())


def test_four_workers_at_half_a_gpu_share_two_gpus(tmp_path: Path, space: Space):
    resources = cluster.allot(workers=4, gpus_per_trial=0.5)
    assert (resources.workers, resources.gpus) == (4, 0.5)
    (meeting := tmp_path / "meeting").mkdir()
    one = engine(tmp_path, space, trials=4, finals=0)
    study = go(one, workers=4, gpus=0.5, meeting=str(meeting), count=4)
    assert met(meeting) == ["0", "0", "1", "1"]
    assert set() < devices(study) <= {"0", "1"}


def test_without_the_option_a_worker_has_a_gpu():
    resources = cluster.allot(workers=None, gpus_per_trial=None)
    assert (resources.workers, resources.gpus) == (2, 1.0)


def test_workers_of_a_private_ray_run_in_processes_that_it_has_started_before(monkeypatch: pytest.MonkeyPatch):
    """Ray starts a process anew for a worker with environment variables, and that imports torch."""
    cache = importlib.import_module("ray.tune.execution.class_cache")
    given: list[dict[str, Any]] = []
    monkeypatch.setattr(cache.ray, "remote", lambda runtime_env: given.append(runtime_env) or (lambda one: one))
    with own_ray.prepared_processes():
        cache._ActorClassCache().get(Feather)
    cache._ActorClassCache().get(Feather)  # control, and on a cluster
    assert given[0] == {"env_vars": {}}
    assert given[1]["env_vars"]


def test_workers_run_in_this_environment_though_ray_was_imported_before():
    """Under `uv run` Ray would make an environment anew for each of them, which takes a minute."""
    constants = importlib.import_module("ray._private.ray_constants")
    assert constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV is False
    assert "py_executable" not in ray.get_runtime_context().runtime_env


@pytest.mark.exhaustive  # half a GPU is tested by default
def test_without_the_option_every_gpu_is_used(tmp_path: Path, space: Space):
    resources = cluster.allot(workers=None, gpus_per_trial=None)
    (meeting := tmp_path / "meeting").mkdir()
    one = engine(tmp_path, space, trials=2, finals=0)
    study = go(one, workers=resources.workers, gpus=resources.gpus, meeting=str(meeting), count=2)
    assert met(meeting) == ["0", "1"]
    assert set() < devices(study) <= {"0", "1"}


@pytest.mark.parametrize(
    ("workers", "share", "says"),
    [
        (9, 0.5, "--workers must be at most 4"),
        (None, 3.0, "--gpus-per-trial must be at most the GPUs there are, but got 3 of 2"),
    ],
)
def test_more_than_there_is_is_refused(workers, share, says):
    with pytest.raises(InputError, match=says):
        cluster.allot(workers=workers, gpus_per_trial=share)


def test_a_share_must_lie_on_one_gpu():
    assert cluster.allot(workers=None, gpus_per_trial=0.4).workers == 4  # two on each, not five over both
    assert cluster.allot(workers=None, gpus_per_trial=0).gpus == 0


@pytest.fixture(scope="module")
def made_folders() -> list[Path]:
    """The temporary folders that `searched` has made."""
    return []


def test_with_a_long_path_of_temporary_files_ray_has_a_short_folder_and_tune_that_one(
    searched: Study, made_folders: list[Path], long_folder: Path
):
    assert [folder.parent for folder in made_folders] == [long_folder]
    assert list(long_folder.iterdir()) == []  # Ray has nothing there, and Tune's folder is gone
    assert len(f"{long_folder}/ray") > cluster.LONGEST  # control


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, made_folders: list[Path]) -> Study:
    """A search of twenty trials on two workers that share no GPU, confirmed from two seeds; the
    workers are given a user's own block."""
    study = engine(tmp_path_factory.mktemp("searched"), Space.from_dict(SPACE), trials=20, finals=2)
    make = tempfile.mkdtemp

    def noted(**options: Any) -> str:
        made_folders.append(Path(make(**options)))
        return str(made_folders[-1])

    @register("outside")
    @dataclass(frozen=True)
    class Outside(Attention):
        def cost(self, shape):
            return Cost(params=2 * shape.channels)

        def build(self, shape):
            raise AssertionError("never built here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "mkdtemp", noted)
        try:
            return go(study, mode="block")
        finally:
            blocks.known.pop("outside")


def test_workers_are_reused(searched: Study):
    assert len(searched.evaluations()) > 20
    assert len({evaluation.worker for evaluation in searched.evaluations()}) <= 2


def test_losers_are_pruned_and_the_best_is_confirmed(searched: Study):
    counts = searched.counts()
    assert counts["complete"] + counts["pruned"] == 20
    assert counts["pruned"] > 0
    assert counts["final"] == 2 * min(2, len(searched.front())) > 0
    assert all(e.curve[-1][0] == 2 * EPOCHS for e in searched.evaluations(Purpose.FINAL))
    assert all(len(e.curve) == EPOCHS for e in searched.evaluations(Purpose.SEARCH, State.COMPLETE))
    assert searched.paused() == []


def test_workers_that_ask_for_no_gpu_are_given_none(searched: Study):
    assert {evaluation.device for evaluation in searched.evaluations()} == {"cpu"}


@pytest.mark.parametrize(
    "deaths", [("nan", "raise", "segv"), pytest.param(tuple(DEATHS), marks=pytest.mark.exhaustive)]
)
def test_every_second_evaluation_fails_or_loses_its_worker_and_only_a_network_at_fault_has_failed(
    tmp_path: Path, space: Space, deaths: tuple[str, ...]
):
    (dying := tmp_path / "dying").mkdir()
    one = engine(tmp_path, space, trials=2 * len(deaths) + 1, finals=0)
    study = go(one, workers=1, dying=str(dying), deaths=deaths)  # with two, a training might lose three workers
    failed = {study.candidate(e.candidate_id).spec: e for e in study.evaluations(state=State.FAIL)}
    assert len(list(dying.iterdir())) == 2 * len(deaths)  # control: all have come
    assert failed.keys() == {(dying / "nan").read_text()}
    assert [(one.reason, one.fault) for one in failed.values()] == [(DEATHS["nan"], Fault.CANDIDATE)]
    assert study.counts()["complete"] + study.counts()["pruned"] == 2 * len(deaths)


@pytest.mark.exhaustive  # the engine is tested without Ray
@pytest.mark.parametrize("death", [death for death in DEATHS if death != "nan"])
def test_a_network_that_loses_three_workers_has_failed_and_the_machine_is_at_fault(
    tmp_path: Path, space: Space, death: str
):
    study = go(engine(tmp_path, space, trials=1, finals=0), workers=1, mode=death)
    (one,) = study.evaluations()
    assert (one.state, one.fault) == (State.FAIL, Fault.MACHINE)
    assert DEATHS[death] in (one.reason or "")
    assert len(one.curve) == (1 if death in SIGNALS else 0)  # in the middle of the second epoch


def test_a_signal_stops_the_workers_and_keeps_what_has_ended(tmp_path: Path, space: Space, long_folder: Path):
    one = engine(tmp_path, space, trials=20)
    kept: list[Evaluation] = []

    def record(*args, **kwargs):
        if len(kept) == 2:
            signal.raise_signal(signal.SIGTERM)  # in the middle of a step of Tune
        kept.append(Study.record(one.study, *args, **kwargs))
        return kept[-1]

    one.study.record = record  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt) as caught:
        go(one)
    check_freed()
    assert caught.value.args == (signal.SIGTERM,)
    assert one.study.evaluations() == kept
    assert len(kept) == 3  # control: the write during which the signal came was not broken off
    assert [each for each in long_folder.iterdir() if each.name.startswith("automl-tune-")] == []


@pytest.mark.exhaustive  # takes a second Ray
@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_a_private_ray_that_dies_is_started_anew(tmp_path: Path, space: Space, name: str):
    said: list[str] = []

    class Told(Silent):
        def said(self, text: str) -> None:
            said.append(text)

    one = engine(tmp_path, space, trials=12, finals=0, listener=Told())
    record = one.study.record

    def kills(*args, **kwargs):
        if not said and len(one.study.evaluations()) == 3:
            ray._private.worker._global_node.all_processes[name][0].process.kill()
        return record(*args, **kwargs)

    one.study.record = kills  # type: ignore[method-assign]
    counts = go(one).counts()
    assert counts["complete"] + counts["pruned"] == 12
    assert said == [f"Ray's {name} has died: Ray is started anew, trainings go on from their last rung"]


@pytest.mark.exhaustive  # the clock is tested without Ray, and the time of Ray Tune below
def test_the_time_ends_a_search_that_has_no_other_end(tmp_path: Path, space: Space):
    studies: list[Study] = []

    def now() -> float:
        """Past the end as soon as three trials have ended."""
        return 1000.0 if studies and len(studies[0].evaluations()) >= 3 else 0.0

    one = engine(tmp_path, space, trials=None, finals=0, seconds=600, now=now)
    studies.append(one.study)
    assert 3 <= len(go(one).evaluations()) < 20


def test_ray_tune_ends_a_search_at_the_time_given_whatever_the_clock_of_the_engine_says(tmp_path: Path, space: Space):
    study = go(engine(tmp_path, space, trials=None, seconds=2, now=lambda: 0.0), workers=1)
    assert all(trial.state.is_finished() for trial in study.optuna_trials())


def test_a_users_own_block_is_known_to_the_workers(searched: Study):
    assert searched.counts()["fail"] == 0  # the workers look for it in every trial


def test_a_database_that_goes_away_is_said_and_not_passed_over(tmp_path: Path, space: Space):
    one = engine(tmp_path, space, trials=6)
    recorded = []

    def record(*args, **kwargs):
        if len(recorded) == 3:
            raise AutomlError("the database is gone")
        recorded.append(Study.record(one.study, *args, **kwargs))
        return recorded[-1]

    one.study.record = record  # type: ignore[method-assign]
    with pytest.raises(AutomlError, match="the database is gone"):
        go(one, workers=1)
    check_freed()
    assert len(one.study.evaluations()) == 3


def test_a_private_ray_listens_on_the_loopback_interface_alone():
    assert len(addresses := listening()) > 3
    assert {address.removeprefix("::ffff:") for address in addresses} == {"127.0.0.1"}
    with socket.create_server(("0.0.0.0", 0)):
        assert "0.0.0.0" in listening()  # control: it would be seen


def test_the_folder_of_a_session_is_open_to_its_user_alone():
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    assert session.parents[1].stat().st_mode & 0o777 == 0o700


def test_a_private_ray_runs_no_service_that_nobody_uses():
    """Each would import Ray in a process of its own, and Ray would wait for the dashboard's."""
    commands: list[str] = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it ends just now
            commands.append(" ".join(process.cmdline()))
    assert any("gcs_server" in one for one in commands)  # control
    assert [one for one in commands if "monitor.py" in one or "dashboard.py" in one] == []


def listening() -> list[str]:
    """The addresses on which this process and its descendants accept connections."""
    found: list[str] = []
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            connections = process.net_connections("inet")
            found += [one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN]
    return found
