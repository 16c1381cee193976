"""Trainings that are paused at a rung, and the states on disk from which they resume."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ...studies import CandidateRow, Fidelity, Paused, Purpose
from .job import Job
from .running import Key


class Waiting:
    """The paused trainings of a run, by key; `key in waiting` tells whether one is paused."""

    def __init__(self, folder: Path | None, levels: Iterable[int]) -> None:
        """Begin with none.

        Args:
            folder: where the states of trainings are kept; None keeps none.
            levels: the epochs of the rungs.
        """
        self._folder, self._levels = folder, tuple(levels)
        self._paused: dict[Key, Paused] = {}

    def __len__(self) -> int:
        return len(self._paused)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._paused)

    def __contains__(self, key: object) -> bool:
        return key in self._paused

    def add(self, paused: Paused) -> None:
        """Add a paused training."""
        self._paused[paused.key] = paused

    def pop(self, key: Key) -> Paused:
        """Remove and return the paused training of this key."""
        return self._paused.pop(key)

    def epoch(self, key: Key) -> int:
        """The epoch after which the training of this key is paused."""
        return self._paused[key].curve[-1][0]

    def job(
        self, network: CandidateRow, fidelity: Fidelity, seed: int, *, score: str | None = None, start: int = 0
    ) -> Job:
        """The job of a trial, which resumes after epoch `start`; a `score` is not trained."""
        return Job(
            candidate=network.spec,
            params=network.params,
            fidelity=fidelity,
            seed=seed,
            purpose=Purpose.SEARCH,
            scores=() if score is None else (score,),
            start=start,
            rungs=self.rungs(fidelity, start),
            state=self.state(network, seed),
        )

    def can_resume(self, paused: Paused) -> bool:
        """Whether the state that a training resumes from is there, if it needs one."""
        name = paused.checkpoint
        return name is None or (self._folder is not None and (self._folder / name).exists())

    def state(self, network: CandidateRow, seed: int) -> str | None:
        """Path of the states of a training, without the epoch; None if none are kept."""
        return None if self._folder is None else str(self._folder / "waiting" / f"{network.id[:16]}-seed{seed}")

    def rungs(self, fidelity: Fidelity, start: int) -> tuple[int, ...]:
        """Epochs after `start` at which the state of a training is to be kept."""
        return tuple(level for level in self._levels if start < level < fidelity.epochs) if self._folder else ()

    def checkpoint(self, job: Job, epoch: int) -> str | None:
        """Name of the file that holds the state of a training after `epoch`, within the study's
        folder."""
        if job.state is None or self._folder is None:
            return None
        return str(job.state_file(epoch).relative_to(self._folder))

    def forget(self, prefix: str | None, *, keep: int | None = None) -> None:
        """Delete the states under the path `prefix`, but for the one after epoch `keep`."""
        for level in self._levels if prefix is not None else ():
            if level != keep:
                Path(f"{prefix}-epoch{level}.pt").unlink(missing_ok=True)
