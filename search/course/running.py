"""One training that runs on a worker: its job, its reports, and the record that is made of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

from ...blocks.documented import documented
from ...studies import CandidateRow, Evaluation, Fault, Paused, State
from ...studies.records.measure import SCORE
from ..proposing.proposal import Proposal
from .job import Job

Key: TypeAlias = tuple[str, str, int]
"""(candidate id, fidelity key, seed): names one training of a study."""

RETRIES = 2
"""Times that a training goes on after its worker was lost."""
SILENCE, LEAST_SILENCE = 10.0, 300.0
"""Epochs, and at least seconds, without a report after which a worker is taken for lost."""


@documented
@dataclass(kw_only=True)
class Running:
    """A training, or the scoring of a network, that runs on a worker."""

    job: Job
    """What the worker was asked to do: the network, its fidelity and its seed."""
    network: CandidateRow
    """The network and its cost."""
    proposal: Proposal | None = None
    """The proposal that a trial of the search evaluates; None for a final training."""
    resumed: Paused | None = None
    """The paused training that this one resumes; None if it began at epoch 0."""
    curve: list[tuple[int, float]] = field(default_factory=list)
    """(epoch, validation accuracy), or (1, score), as reported so far; empty before the first
    report."""
    seconds: float = 0.0
    """Seconds of worker time so far, those before a pause included."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When its first epoch began."""
    scores: dict[str, float] = field(default_factory=dict)
    """Zero-cost scores of the network by name, where they were computed."""
    expected: tuple[float, ...] = ()
    """Seconds that its further epochs are expected to take; empty if that is not known."""
    since: float = field(default_factory=time.monotonic)
    """When it began, or reported last (`time.monotonic`)."""
    stopped: bool = False
    """Whether it was stopped at a rung: it is not promoted yet."""
    rung: tuple[int, float] | None = None
    """Epoch and seconds of the last rung whose state this run has kept; None if there is none."""
    too_slow: bool = False
    """Whether its training is expected to take longer than the whole search."""
    losses: int = 0
    """Number of workers that died or fell silent while they trained it."""

    @classmethod
    def resume(cls, job: Job, paused: Paused) -> Running:
        """The training of `job`, which resumes a paused one."""
        return cls(
            job=job,
            network=paused.candidate,
            proposal=Proposal.again(paused),
            resumed=paused,
            curve=list(paused.curve),
            seconds=paused.seconds,
            started=paused.started,
            scores=dict(paused.scores),
        )

    @property
    def id(self) -> str:
        """SHA-256 of the network, of which 12 digits are shown."""
        return self.network.id

    @property
    def macs(self) -> int:
        """Multiply-adds of the network for one image, at the deployment size."""
        return self.network.macs

    @property
    def key(self) -> Key:
        """What makes it unique in its study."""
        return self.network.id, self.job.fidelity.key, self.job.seed

    @property
    def measure(self) -> str:
        """What its curve holds: the study's quality measure, or "score" if it is not trained."""
        return SCORE if self.job.scores else self.job.metric

    @property
    def epoch(self) -> int:
        """The last epoch that was reported; 0 before the first."""
        return self.curve[-1][0] if self.curve else 0

    @property
    def progress(self) -> float:
        """Epochs that are done, with the expected part of the one that is running."""
        passed = time.monotonic() - self.since
        return self.epoch + (min(passed / self.expected[0], 0.9) if self.expected else 0.0)

    @property
    def left(self) -> float | None:
        """Seconds that it is expected to go on, if it is not stopped; None if that is not known."""
        return max(0.0, sum(self.expected) - (time.monotonic() - self.since)) if self.expected else None

    @property
    def complete(self) -> bool:
        """Whether it has reached its full fidelity."""
        return bool(self.curve) and self.curve[-1][0] >= self.job.fidelity.epochs

    @property
    def silent(self) -> bool:
        """Whether its worker has not reported for so long that it must be taken for lost."""
        done = self.epoch
        each = self.expected[0] if self.expected else self.seconds / done if done else None
        return each is not None and time.monotonic() - self.since > max(SILENCE * each, LEAST_SILENCE)

    def at_rung(self) -> Running | None:
        """This training as it was at the last rung whose state is kept; None if there is none."""
        if self.rung is None:
            return None
        epoch, seconds = self.rung
        return replace(self, curve=[point for point in self.curve if point[0] <= epoch], seconds=seconds)

    def again(self) -> Running:
        """This training for another worker: from its last rung, or from where it began."""
        kept = self.at_rung()
        if kept is None:
            before = self.resumed
            kept = replace(self, curve=list(before.curve) if before else [], seconds=before.seconds if before else 0.0)
        rungs = tuple(rung for rung in self.job.rungs if rung > kept.epoch)
        return replace(kept, job=replace(self.job, start=kept.epoch, rungs=rungs), losses=self.losses + 1)

    def evaluation(
        self,
        state: State,
        *,
        reason: str | None = None,
        fault: Fault | None = None,
        worker: str,
        device: str,
        test: float | None = None,
    ) -> Evaluation:
        """The record of this training, ended in `state` on `worker` and `device`; `test` is its
        accuracy on the test data."""
        kept = self.job.checkpoint if state is State.COMPLETE else None
        proposal = self.proposal
        return Evaluation(
            candidate_id=self.network.id,
            fidelity=self.job.fidelity,
            seed=self.job.seed,
            purpose=self.job.purpose,
            state=state,
            settings={} if proposal is None else proposal.settings,
            curve=tuple(self.curve),
            accuracy=self.curve[-1][1] if self.curve else None,
            test_accuracy=test,
            seconds=self.seconds,
            worker=worker,
            device=device,
            reason=reason,
            fault=fault,
            checkpoint=None if kept is None else Path(kept).name,
            started=self.started,
            finished=datetime.now(UTC),
            origin="" if proposal is None else proposal.origin,
            scores=self.scores,
            metric=self.job.metric,
        )

    def paused(self, *, worker: str, device: str, checkpoint: str | None) -> Paused:
        """The record of this training, paused at its last epoch; `checkpoint` names the file of its
        state, None if nothing is needed to resume it."""
        assert self.proposal is not None  # final trainings are never paused
        return Paused(
            candidate=self.network,
            fidelity=self.job.fidelity,
            seed=self.job.seed,
            settings=self.proposal.settings,
            params=self.proposal.params,
            distributions=self.proposal.distributions,
            curve=tuple(self.curve),
            seconds=self.seconds,
            origin=self.proposal.origin,
            scores=self.scores,
            worker=worker,
            device=device,
            checkpoint=checkpoint,
            started=self.started,
            finished=datetime.now(UTC),
        )
