"""The processes of the private Ray that this process has started."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

VITAL = ("raylet", "gcs_server")
"""The processes without which nothing runs."""
SERVICES = ("start_monitor", "start_log_monitor", "start_api_server")
"""Methods of Ray's node that start what a private Ray does not use."""


def raylet() -> int:
    """The id of the raylet, once Ray has been started."""
    (found,) = _node().all_processes["raylet"]
    return found.process.pid


def is_private() -> bool:
    """Whether Ray's processes are those of this process, and not a cluster's."""
    node = _node()
    return node is None or bool(node.all_processes.get("raylet"))


Processes = Sequence[tuple[str, subprocess.Popen[bytes]]]
"""Names and processes."""


def vital_processes() -> Processes:
    """The vital processes that this process has started and not stopped, dead ones included."""
    node = _node()
    if node is None:
        return []
    return [(name, one.process) for name in VITAL for one in node.all_processes.get(name, ())]


def dead_of(processes: Processes) -> str | None:
    """The first of these processes, in their order, that has died; None if all live."""
    return next((name for name, process in processes if process.poll() is not None), None)


def dead_process() -> str | None:
    """Which of the vital processes has died; None if they live, or Ray is not private."""
    return dead_of(vital_processes())


@contextmanager
def prepared_processes() -> Iterator[None]:
    """Inside, Tune runs its workers in the processes that a private Ray has started before.

    Tune gives workers environment variables, and Ray starts a process anew for them. In a private
    Ray all processes have those of the driver.
    """
    from ray.tune.execution import class_cache

    before = class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE
    if is_private():
        class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE = {}, set()
    try:
        yield
    finally:
        class_cache.DEFAULT_ENV_VARS, class_cache.ENV_VARS_TO_PROPAGATE = before


@contextmanager
def without_services(node: type[Any]) -> Iterator[None]:
    """Inside, a private Ray starts without the services that it does not use here: the monitor that
    would start machines, the one that would send logs to the driver, and the server of the
    dashboard, which without a dashboard reports usage. Each is a process that imports Ray.

    `node` is Ray's class whose object starts all processes.
    """
    before = {name: getattr(node, name) for name in SERVICES if hasattr(node, name)}
    for name in before:
        setattr(node, name, lambda self, **asked: None)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(node, name, method)


def kill() -> None:
    """Kill all of them. To end in order takes longer, and where one of them has died already Ray
    waits for it for a minute."""
    node = _node()
    if node is not None:
        node.kill_all_processes(check_alive=False, allow_graceful=False)


def _node() -> Any:
    """Ray's object for the processes; None if none were started."""
    worker = sys.modules.get("ray._private.worker")
    return None if worker is None else worker._global_node
