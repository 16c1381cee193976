"""The processes of the private Ray that this process has started."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Protocol

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


class Pollable(Protocol):
    """One process, or several that belong together."""

    def poll(self) -> int | None:
        """None while it lives."""


class Agents:
    """The agents of a raylet. If one dies, the raylet ends itself seconds later, and Ray then ends
    this process without a word."""

    def __init__(self, raylet: int) -> None:
        self._raylet = raylet

    def poll(self) -> int | None:
        """None while all live that have been seen; they begin after the raylet."""
        seen, living = _seen.setdefault(self._raylet, set()), ray_private.agents(self._raylet)
        died = seen - living
        seen |= living
        return 1 if died else None


_seen: dict[int, set[int]] = {}
"""Raylet -> its agents."""
Processes = Sequence[tuple[str, Pollable]]
"""Names and processes."""


def vital_processes() -> Processes:
    """The vital processes that this process has started and not stopped, dead ones included."""
    own: list[tuple[str, Pollable]] = [(name, one) for name in VITAL for one in ray_private.processes(name)]
    return [*own, *(("agent", Agents(one.pid)) for one in ray_private.processes(ray_private.RAYLET))]


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
