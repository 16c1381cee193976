"""Trainings that are paused at a rung, and the stored states from which they resume."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from ...studies import CandidateRow, Fidelity, Paused, Purpose
from ...studies.quality import ACCURACY
from ...studies.store import Store, StoreError
from .job import Job, after
from .running import Key, Running


class Waiting:
    """The paused trainings of a run, by key; `key in waiting` tells whether one is paused."""

    def __init__(self, store: Store | None, levels: Iterable[int], metric: str = ACCURACY) -> None:
        """Begin with none.

        Args:
            store: where the states of trainings are kept; None keeps none.
            levels: the epochs of the rungs.
            metric: the quality measure of the study.
        """
        self._store, self._levels, self._metric = store, tuple(levels), metric
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

    def resume(self, key: Key, *, score: str | None) -> Running:
        """Remove the paused training of this key, and give what resumes it; `score` as in `job`."""
        paused = self.pop(key)
        start = paused.curve[-1][0]
        job = self.job(paused.candidate, paused.fidelity, paused.seed, score=score, start=start)
        return Running.resume(job, paused)

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
            store=None if self._store is None else self._store.place,
            state=self.state(network, seed),
            metric=self._metric,
        )

    def can_resume(self, paused: Paused) -> bool:
        """Whether the state that a training resumes from is there, if it needs one."""
        name = paused.checkpoint
        return name is None or (self._store is not None and self._store.exists(name))

    def state(self, network: CandidateRow, seed: int) -> str | None:
        """Name of the states of a training, without the epoch; None if none are kept."""
        return None if self._store is None else f"waiting/{network.id[:16]}-seed{seed}"

    def rungs(self, fidelity: Fidelity, start: int) -> tuple[int, ...]:
        """Epochs after `start` at which the state of a training is to be kept."""
        return tuple(level for level in self._levels if start < level < fidelity.epochs) if self._store else ()

    def checkpoint(self, job: Job, epoch: int) -> str | None:
        """Name of the file that holds the state of a training after `epoch`."""
        return None if job.state is None or self._store is None else job.state_file(epoch)

    def forget(self, prefix: str | None, *, keep: int | None = None) -> None:
        """Delete the states that begin with `prefix`, but for the one after epoch `keep`."""
        if self._store is None or prefix is None:
            return
        for level in self._levels:
            if level != keep:
                with suppress(OSError, StoreError):  # what is left there is in nobody's way
                    self._store.remove(after(prefix, level))
