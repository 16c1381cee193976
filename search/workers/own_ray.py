"""The processes of the private Ray that this process has started."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Protocol

from . import ray_private, watchdog

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
    """The agents of a raylet. If one dies, the raylet ends itself at once, and Ray may then end
    this process without a word."""

    def __init__(self, raylet: int) -> None:
        self._raylet = raylet

    def poll(self) -> int | None:
        """None while all live that have been seen; they begin after the raylet."""
        seen = _seen.setdefault(self._raylet, set())
        if len(seen) < len(ray_private.AGENTS):  # later only these are looked at: it is asked at every report
            seen |= agents(self._raylet)
        return None if all(map(is_agent, seen)) else 1


def agents(raylet: int) -> set[int]:
    """The ids of the agents of a raylet that have their titles; none are known elsewhere than on
    Linux."""
    return {one for one in watchdog.agents(raylet) if is_agent(one)} if sys.platform == "linux" else set()


def is_agent(process: int) -> bool:
    """Whether a process lives and has the title of an agent. A child of the raylet has the raylet's
    command, which names the agents, until it has begun its own."""
    try:
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace").startswith(ray_private.AGENTS)
    except OSError:
        return False


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
