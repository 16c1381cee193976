"""Tells why a worker has died, and which process of a private Ray."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar
from weakref import WeakSet

from ray.air.execution import PlacementGroupResourceManager
from ray.tune.experiment import Trial

from ...studies import Fault
from .own_ray import dead_of, dead_process, vital_processes
from .ray_private import placement_groups_in
from .vital_watch import noticed

CRASHED = "The actor died unexpectedly before finishing this task"
"""Ray's message for a process that died without an exception."""
NO_MEMORY = ("OutOfMemoryError", "running low on memory")
"""What Ray says of a worker that it has killed because the memory of its machine was used up."""


class RayDied(BaseException):
    """A process of the private Ray has died, and with it all workers."""


def why(trial: Trial) -> tuple[str, Fault]:
    """Why the worker of a trial died, and what is at fault: the exception that it raised, or Ray's
    message, from the file that Tune writes."""
    try:
        text = Path(str(trial.error_file)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Failure #")]
    if any(said in text for said in NO_MEMORY):
        return "the worker died: Ray killed it because the memory of its machine was used up", Fault.MEMORY
    if not lines:
        return "the worker died: no reason was given", Fault.MACHINE
    if CRASHED in text:
        return (
            "the worker died: its process crashed in native code, or was killed, for lack of memory say",
            Fault.MACHINE,
        )
    return f"the worker died: {lines[-1 if 'ray::' in lines[0] else 0][:300]}", Fault.MACHINE


def check_ray() -> None:
    """Raise `RayDied` if a process of the private Ray has died. Ray itself notices a dead GCS after
    a minute, and then ends the driver."""
    if (name := dead_process()) is not None:
        noticed()
        raise RayDied(name)


class PlacementGroups(PlacementGroupResourceManager):
    """Tune's placement groups, which are removed only while the Ray in which they were made lives.

    Tune leaves those of its last workers, and all of a run that was broken off, to Python's garbage
    collector. Until it comes by, the workers live and hold their CPUs, so that a next run in the
    same process may wait for them for ever; and its call would wait for a dead GCS, in the middle
    of anything. `own_placement_groups` removes them when the run ends.
    """

    made: ClassVar[WeakSet[PlacementGroups]] = WeakSet()
    """Those that have not been collected."""

    def __init__(self, update_interval_s: float = 0.1) -> None:
        super().__init__(update_interval_s=update_interval_s)
        self._vital = vital_processes()
        self.made.add(self)

    def clear(self) -> None:
        """Remove all groups."""
        if dead_of(self._vital) is None:
            super().clear()


@contextmanager
def own_placement_groups() -> Iterator[None]:
    """Inside, Tune keeps its placement groups in `PlacementGroups`. At the end they are removed,
    and the workers with them."""
    try:
        with placement_groups_in(PlacementGroups):
            yield
    finally:
        for groups in list(PlacementGroups.made):
            groups.clear()
