"""All uses of Ray's private names, so that a new version of Ray breaks this file only.

Private is also what Ray documents for nobody: the names of its processes and settings, and parts of
Tune. Ray's public functions do not give what is taken here.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.air.execution import PlacementGroupResourceManager
    from ray.tune.experiment import Trial

RAYLET = "raylet"
GCS = "gcs_server"
"""Names of Ray's processes without which nothing runs."""
AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""How the titles of those begin that a raylet starts, and without which it ends itself."""
_WAIT, STEP_MS = "wait_for_persisted_port", 200
"""Ray's function that waits for a port, and the milliseconds of a step."""
SERVICES = ("start_monitor", "start_log_monitor", "start_api_server")
"""Methods of Ray's node that start what a Ray of one's own does not use."""
KEPT = {"idle_worker_killing_time_threshold_ms": 60_000}
"""Else Ray kills them after a second, as soon as Tune has reserved the CPUs for its workers."""


def usual_folder() -> str:
    """Where Ray puts its files if it is not told: `ray` in the folder for temporary files."""
    from ray._common.utils import get_default_ray_temp_dir

    return get_default_ray_temp_dir()


def listen(*, everywhere: bool) -> None:
    """Whether the processes that are started next listen on all interfaces; if not, on the loopback
    interface alone."""
    from ray._private import ray_constants

    ray_constants.ENABLE_RAY_CLUSTER = everywhere


def begin(place: str | None, *, preloaded: Sequence[str], **public: Any) -> None:
    """Start a Ray on this machine.

    Args:
        place: the folder for its files; None for Ray's usual one.
        preloaded: modules that its processes import at once; with any, idle processes stay.
        public: as for `ray.init`.
    """
    import ray
    from ray._private import ray_constants

    # a script that imports Ray before automl has let it read the variable too early
    ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = ray_constants.env_bool("RAY_ENABLE_UV_RUN_RUNTIME_ENV", False)
    settings = {"_system_config": {"preload_python_modules": list(preloaded), **KEPT}} if preloaded else {}
    with _without_services(), _in_sessions_of_their_own(), short_waits():
        ray.init(_temp_dir=place, **settings, **public)


@contextmanager
def _without_services() -> Iterator[None]:
    """Inside, a Ray of one's own starts without the services that it does not use here: the monitor
    that would start machines, the one that would send logs to the driver, and the server of the
    dashboard, which without a dashboard reports usage. Each is a process that imports Ray."""
    from ray._private.node import Node

    before = {name: getattr(Node, name) for name in SERVICES if hasattr(Node, name)}
    for name in before:
        setattr(Node, name, lambda self, **asked: None)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(Node, name, method)


@contextmanager
def _in_sessions_of_their_own() -> Iterator[None]:
    """Inside, Ray's processes are started in sessions of their own: what a terminal or a scheduler
    sends to the group of the driver does not reach them. The driver stops them in order.

    Only on Linux, where this package's own watch ends them if the driver dies; elsewhere Ray's
    reaper does, which finds them by the group of the driver."""
    if not sys.platform.startswith("linux"):
        yield
        return
    from ray._private import services

    before = services.ConsolePopen
    services.ConsolePopen = partial(before, start_new_session=True)
    try:
        yield
    finally:
        services.ConsolePopen = before


@contextmanager
def short_waits() -> Iterator[None]:
    """Inside, Ray waits for the ports of its processes in steps. Its own wait holds Python's lock:
    if the process has died, a command that is told to stop could not for 30 s."""
    from ray._private import node as module

    whole = getattr(module, _WAIT, None)
    if whole is None:
        yield
        return

    def wait(*place: Any, timeout_ms: int = 30_000, **how: Any) -> int:
        ends = time.monotonic() + timeout_ms / 1000
        while True:
            try:
                return whole(*place, timeout_ms=min(STEP_MS, timeout_ms), **how)
            except RuntimeError:
                if time.monotonic() >= ends:
                    raise

    setattr(module, _WAIT, wait)
    try:
        yield
    finally:
        setattr(module, _WAIT, whole)


def node() -> Any:
    """Ray's object for the processes that this process has started; None if there is none."""
    worker = sys.modules.get("ray._private.worker")
    return None if worker is None else worker._global_node


def processes(name: str) -> list[subprocess.Popen[bytes]]:
    """The processes of this name that this process has started and not stopped, dead ones
    included."""
    found = node()
    return [] if found is None else [one.process for one in found.all_processes.get(name, ())]


def kill_processes() -> None:
    """Kill the processes of Ray that this process has started."""
    if (found := node()) is not None:
        found.kill_all_processes(check_alive=False, allow_graceful=False)


@contextmanager
def workers_without_variables() -> Iterator[None]:
    """Inside, Tune gives workers no environment variables, for which Ray starts processes anew."""
    from ray.tune.execution import class_cache

    before = class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE
    class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE = {}, set()
    try:
        yield
    finally:
        class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE = before


@contextmanager
def placement_groups_in(kind: type[PlacementGroupResourceManager]) -> Iterator[None]:
    """Inside, Tune keeps its placement groups in objects of this class."""
    from ray.tune.execution import tune_controller

    before = tune_controller.PlacementGroupResourceManager
    tune_controller.PlacementGroupResourceManager = kind
    try:
        yield
    finally:
        tune_controller.PlacementGroupResourceManager = before


def worker_of(trial: Trial) -> Any:
    """Ray's handle of the worker on which a trial runs; None if it runs on none."""
    return trial.temporary_state.ray_actor
