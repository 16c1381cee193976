"""The processes of the private Ray that this process has started."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

VITAL = ("raylet", "gcs_server")
"""The processes without which nothing runs."""


def raylet() -> int:
    """The id of the raylet, once Ray has been started."""
    (found,) = _node().all_processes["raylet"]
    return found.process.pid


def is_private() -> bool:
    """Whether Ray's processes are those of this process, and not a cluster's."""
    node = _node()
    return node is None or bool(node.all_processes.get("raylet"))


def dead_process() -> str | None:
    """Which of the vital processes has died; None if they live, or Ray is not private."""
    node = _node()
    if node is None:
        return None
    for name in VITAL:
        if any(one.process.poll() is not None for one in node.all_processes.get(name, ())):
            return name
    return None


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
