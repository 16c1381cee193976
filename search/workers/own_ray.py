"""The processes of the private Ray that this process has started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from . import ray_private

VITAL = (ray_private.RAYLET, ray_private.GCS)
"""The processes without which nothing runs."""


def raylet() -> int:
    """The id of the raylet, once Ray has been started."""
    (found,) = ray_private.processes(ray_private.RAYLET)
    return found.pid


def is_own() -> bool:
    """Whether Ray's processes are those of this process, and not a cluster's."""
    return ray_private.node() is None or bool(ray_private.processes(ray_private.RAYLET))


Processes = Sequence[tuple[str, subprocess.Popen[bytes]]]
"""Names and processes."""


def vital_processes() -> Processes:
    """The vital processes that this process has started and not stopped, dead ones included."""
    return [(name, process) for name in VITAL for process in ray_private.processes(name)]


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
    with ray_private.workers_without_variables() if is_own() else nullcontext():
        yield


def kill() -> None:
    """Kill the processes of Ray that this process has started. Ending them in order takes longer:
    Ray waits for a minute for one that has died already."""
    ray_private.kill_processes()
