"""The course of a search: what to train next, when to stop it, what to write down. It knows neither Ray nor torch.

Two phases. *Searching*: candidates are proposed, trained up to full fidelity or stopped at a rung. *Confirming*: the most accurate networks of the
front are trained afresh, longer and from another seed, so that the best is not merely the luckiest of many. Whoever runs it (Ray Tune, or a test)
calls `next_job`, `reported`, `ended` and `failed`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ..blocks.errors import AutomlError
from ..spaces import Candidate
from ..studies import CandidateRow, Evaluation, Fidelity, FrontPoint, Purpose, State, Study
from .events import Counts, Listener, Running, Silent
from .job import Job
from .proposer import Proposal, Proposes
from .rungs import Rungs

FINAL_FACTOR = 2
"""A chosen network is trained for so many times the epochs of a trial, on all training images."""
GIVE_UP_AFTER = 8
"""So many failures without a single accuracy are no fault of the candidates."""
RESERVE_SHARE = 0.35
"""Of the time given, what is kept for confirming at the most."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When a search ends."""

    trials: int | None
    """Trials in the study altogether, those of earlier runs included; None: only time ends it."""
    seconds: float | None
    """Wall time of this run, confirmation included; None: only trials end it."""
    finals: int = 3
    """How many networks of the front are confirmed."""


@dataclass(kw_only=True)
class _Live:
    running: Running
    cost: CandidateRow
    proposal: Proposal | None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    reason: str | None = None


class Engine:
    """One run of a search on one study."""

    def __init__(
        self,
        study: Study,
        proposer: Proposes,
        *,
        fidelity: Callable[[Candidate], Fidelity],
        epochs: int,
        seed: int,
        limits: Limits,
        weights: Path | None,
        listener: Listener | None = None,
        began: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        rungs: Rungs | None = None,
    ) -> None:
        """`fidelity` is the full fidelity of a candidate, `epochs` those it has for all; `weights` is the folder for confirmed networks (None keeps none);
        `began` is when the time given began to count, by `clock`; `rungs` decide who is stopped early (without: by accuracy and cost)."""
        self.study, self._proposer, self._fidelity, self._seed, self._limits, self._weights = study, proposer, fidelity, seed, limits, weights
        self._listener: Listener = listener or Silent()
        self._clock = clock
        self._began = clock() if began is None else began
        self._live: dict[str, _Live] = {}
        self._finals: list[Job] | None = None
        self._rungs = rungs or Rungs(epochs)
        self._failures: list[str] = []
        self._epoch_seconds: dict[str, float] = {}
        self._rows: dict[str, CandidateRow] = study.candidates()
        self.exhausted = False
        """Whether the space holds nothing more within the budget."""
        self.error: Exception | None = None
        """What broke the run, if anything did; set by whoever runs the engine."""
        self.workers = 1
        """How many train at once; set by whoever runs the engine."""
        self.counts = Counts(target=limits.trials)
        self._best: tuple[float, int] | None = None
        self._front: list[FrontPoint] | None = None
        for evaluation in study.evaluations():
            self._count(evaluation)
            if evaluation.purpose is Purpose.SEARCH:
                self._rungs.replay(evaluation.curve, self._rows[evaluation.candidate_id].macs)
                if evaluation.curve:
                    self._epoch_seconds[evaluation.candidate_id] = evaluation.seconds / len(evaluation.curve)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._clock() - self._began

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the run must end."""
        return None if self._limits.seconds is None else max(0.0, self._limits.seconds - self.elapsed)

    def next_job(self, key: str) -> Job | Literal["wait", "finished"]:
        """What worker `key` is to do: a job, nothing yet, or nothing any more."""
        if self._searching():
            proposal = self._proposer.propose()
            self.counts.refused, self.counts.duplicates = self._proposer.refused, self._proposer.duplicates
            if proposal is not None:
                return self._start(key, proposal)
            self.exhausted = True
            self._listener.said("everything there is to evaluate has been evaluated")
        if any(live.proposal is not None for live in self._live.values()):
            return "wait"
        if self._finals is None:
            self._finals = self._choose_finals()
            if self._finals:
                self._listener.phase(f"confirming {len(self._finals)} of the front: {self._finals[0].fidelity.epochs} epochs each, from another seed")
        if not self._finals:
            return "finished"
        job = self._finals.pop(0)
        candidate_id = next(row.id for row in self._rows.values() if row.spec == job.candidate)
        self._begin(key, job, self._rows[candidate_id], None)
        return job

    def reported(self, key: str, epoch: int, accuracy: float, seconds: float) -> bool:
        """Note an epoch of worker `key`; False when it is to stop."""
        live = self._live[key]
        live.running.curve.append((epoch, accuracy))
        live.seconds += seconds
        self._epoch_seconds[live.cost.id] = seconds
        self._listener.reported(live.running, self.counts)
        if live.proposal is None or epoch >= live.running.job.fidelity.epochs:
            return True
        self._failures.clear()
        if not self._rungs.reached(epoch, accuracy, live.cost.macs) and live.proposal.stoppable:
            live.reason = f"beaten at the rung of {epoch} epochs"
            return False
        # cut by the clock and not by its accuracy: not recorded, so that another run may train it
        return self._limits.seconds is None or self.elapsed <= self._limits.seconds - 0.85 * self._reserve()

    def has_reported(self, key: str, epoch: int) -> bool:
        """Whether this epoch of worker `key` has been noted."""
        live = self._live.get(key)
        return live is None or (bool(live.running.curve) and live.running.curve[-1][0] >= epoch)

    def ended(self, key: str, *, worker: str = "", device: str = "cpu") -> None:
        """Worker `key` is done with its job: at full fidelity, or stopped."""
        live = self._live.pop(key, None)
        if live is None:
            return
        curve = live.running.curve
        complete = bool(curve) and curve[-1][0] >= live.running.job.fidelity.epochs
        if not complete and live.reason is None:
            self._drop(live)
            return
        self._record(live, State.COMPLETE if complete else State.PRUNED, None if complete else live.reason, worker, device)

    def failed(self, key: str, reason: str, *, worker: str = "", device: str = "cpu") -> None:
        """The evaluation of worker `key` cannot be used; the search goes on."""
        live = self._live.pop(key, None)
        if live is None:
            return
        self._record(live, State.FAIL, reason, worker, device)
        self._failures.append(reason)
        if len(self._failures) >= GIVE_UP_AFTER and not self.counts.done + self.counts.pruned:
            raise AutomlError(f"the first {len(self._failures)} evaluations all failed, the last one so: {reason}")

    def abandon(self) -> None:
        """Forget what still runs: nothing of it is in the database, so the same command will find nothing half done."""
        for key in list(self._live):
            self._drop(self._live.pop(key))

    def tick(self) -> None:
        """Let the listener redraw."""
        self._listener.tick([live.running for live in self._live.values()], self.counts, self.seconds_left)

    def has_work(self) -> bool:
        """Whether anything is left to do, so that a finished study does not start workers in vain."""
        return self._searching() or bool(self._choose_finals())

    def _searching(self) -> bool:
        if self.exhausted or self._finals is not None:
            return False
        if self._limits.trials is not None and self.counts.done + self.counts.pruned + self.counts.failed + len(self._live) >= self._limits.trials:
            return False
        return self._limits.seconds is None or self.elapsed < self._limits.seconds - self._reserve()

    def _reserve(self) -> float:
        """Seconds to keep for confirming: what it is expected to take, with a margin, but no more than its share unless one network alone needs more.

        Where even that would take half of the time, nothing is kept and all of it is spent on searching.
        """
        assert self._limits.seconds is not None
        share = RESERVE_SHARE * self._limits.seconds if self._limits.finals else 0.0
        leaders = self._leaders()
        expected, first = self._confirming_seconds(leaders), self._confirming_seconds(leaders[:1])
        if expected is None or first is None:
            return share
        full = leaders[0].evaluation.fidelity
        least = math.ceil(full.epochs * full.fraction) * first / 0.7  # stragglers and margins take the rest
        if least > 0.5 * self._limits.seconds:
            return 0.0
        return max(least, min(share, 1.25 * FINAL_FACTOR * full.epochs * expected + 5.0))

    def _confirming_seconds(self, points: list[FrontPoint]) -> float | None:
        """How long `points` take for an epoch each on all training images, on all workers; None where an epoch of one was never timed."""
        if not points or any(point.id not in self._epoch_seconds for point in points):
            return None
        busy = [0.0] * self.workers
        for seconds in sorted((self._epoch_seconds[point.id] / point.evaluation.fidelity.fraction for point in points), reverse=True):
            busy[busy.index(min(busy))] += seconds
        return max(busy)

    def _leaders(self) -> list[FrontPoint]:
        """The most accurate networks of the front."""
        if self._front is None:
            self._front = self.study.front()
        return sorted(self._front, key=lambda point: (-point.accuracy, point.macs))[: self._limits.finals]

    def _start(self, key: str, proposal: Proposal) -> Job:
        candidate, cost = proposal.candidate, proposal.cost
        row = CandidateRow(id=candidate.id, spec=candidate.spec, macs=int(cost.macs), params=int(cost.params), activations=int(cost.activations))
        self._rows[row.id] = row
        seed = self._seed if proposal.seed is None else proposal.seed
        job = Job(candidate=row.spec, params=row.params, fidelity=self._fidelity(candidate), seed=seed, purpose=Purpose.SEARCH)
        self._begin(key, job, row, proposal)
        return job

    def _begin(self, key: str, job: Job, row: CandidateRow, proposal: Proposal | None) -> None:
        self._live[key] = _Live(running=Running(job=job, id=row.id, macs=row.macs), cost=row, proposal=proposal)

    def _choose_finals(self) -> list[Job]:
        """The leaders not yet confirmed, as many as fit in the time left, all for the same epochs; slow ones first, so that workers end together."""
        seen = self.study.evaluations(Purpose.FINAL)
        confirmed = {evaluation.candidate_id for evaluation in seen if evaluation.state is State.COMPLETE}
        points = [point for point in self._leaders() if point.id not in confirmed]
        epochs, points = self._affordable(points)
        known = {(evaluation.candidate_id, evaluation.fidelity.key, evaluation.seed) for evaluation in seen}
        jobs: list[Job] = []
        for point in sorted(points, key=lambda point: -self._epoch_seconds.get(point.id, 0.0)):
            fidelity, seed = Fidelity(epochs=epochs, size=point.evaluation.fidelity.size), self._seed + 1
            if (point.id, fidelity.key, seed) not in known:
                checkpoint = None if self._weights is None else str(self._weights / weights_name(point.id, fidelity, seed))
                jobs.append(
                    Job(candidate=point.candidate.spec, params=point.params, fidelity=fidelity, seed=seed, purpose=Purpose.FINAL, checkpoint=checkpoint)
                )
        return jobs

    def _affordable(self, points: list[FrontPoint]) -> tuple[int, list[FrontPoint]]:
        """The epochs that the first so many of `points` can have, so that each sees at least as many images as in its trial; none where not even one can."""
        while points:
            full = points[0].evaluation.fidelity
            epochs = FINAL_FACTOR * full.epochs
            expected = self._confirming_seconds(points)
            if self.seconds_left is not None and expected:
                epochs = min(epochs, math.floor(0.85 * self.seconds_left / expected))
            if epochs >= full.epochs * full.fraction:
                return epochs, points
            points = points[:-1]
        return 0, []

    def _record(self, live: _Live, state: State, reason: str | None, worker: str, device: str) -> None:
        job, curve = live.running.job, tuple(live.running.curve)
        accuracy = curve[-1][1] if curve else None
        evaluation = Evaluation(
            candidate_id=live.cost.id, fidelity=job.fidelity, seed=job.seed, purpose=job.purpose, state=state,
            settings=live.proposal.settings if live.proposal else {}, curve=curve, accuracy=accuracy, seconds=live.seconds, worker=worker, device=device,
            reason=reason, checkpoint=Path(job.checkpoint).name if job.checkpoint and state is State.COMPLETE else None,
            started=live.started, finished=datetime.now(UTC),
        )  # fmt: skip
        proposal = live.proposal
        values = (evaluation.accuracy, live.cost.macs) if proposal and state is State.COMPLETE and evaluation.accuracy is not None else None
        evaluation = self.study.record(
            evaluation, live.cost, params=proposal.params if proposal else {}, distributions=proposal.distributions if proposal else {}, values=values
        )
        if proposal is not None:
            if values is not None:
                self._proposer.completed(proposal, values[0])
            elif state is State.PRUNED:
                self._proposer.pruned(proposal)
            else:
                self._proposer.failed(proposal)
        self._count(evaluation)
        self._listener.ended(evaluation, live.cost.macs, self.counts, self._best)

    def _drop(self, live: _Live) -> None:
        if live.proposal is not None:
            self._proposer.failed(live.proposal)

    def _count(self, evaluation: Evaluation) -> None:
        if evaluation.purpose is Purpose.FINAL:
            self.counts.finals += evaluation.state is State.COMPLETE
            return
        self._front = None
        self.counts.done += evaluation.state is State.COMPLETE
        self.counts.pruned += evaluation.state is State.PRUNED
        self.counts.failed += evaluation.state is State.FAIL
        if evaluation.state is State.COMPLETE and evaluation.accuracy is not None:
            point = (evaluation.accuracy, -self._rows[evaluation.candidate_id].macs)
            if self._best is None or point > (self._best[0], -self._best[1]):
                self._best = (point[0], -point[1])


def weights_name(candidate_id: str, fidelity: Fidelity, seed: int) -> str:
    """The file of a trained network's weights within a study's folder."""
    return f"{candidate_id[:16]}-{fidelity.epochs}x{fidelity.size}px-seed{seed}.pt"
