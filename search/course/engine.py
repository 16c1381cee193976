"""The course of a search: what to train next, what waits, what goes on, what to write down. It
knows neither Ray nor torch.

Two phases. *Searching*: candidates are proposed and trained rung by rung; what cannot reach the
front waits at its rung, and goes on from there when it turns out that it might, or ends there with
the search. *Confirming*: the most accurate networks of the front are trained afresh, longer and
from other seeds, so that the best is not merely the luckiest of many. Whoever runs it (Ray Tune, a
table, a test) calls `next_job`, `reported`, `ended` and `failed`, at last `finish`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ...blocks.errors import AutomlError
from ...spaces import Candidate
from ...studies import CandidateRow, Evaluation, Fidelity, FrontPoint, Paused, Purpose, State, Study
from ...studies.artifacts import weights_name
from ...studies.chosen import images, leaders
from ..proposing.proposal import Proposal, Proposes
from .confirmation import Final, planned, seconds_for
from .events import Counts, Listener, Running, Silent
from .hinting import Hinting
from .job import Job
from .limits import Limits
from .rungs import Rungs

GIVE_UP_AFTER = 8
"""So many failures without a single accuracy are no fault of the candidates."""
RESERVE_SHARE = 0.35
"""Of the time given, what is kept for confirming at the most."""
RANDOM_SHARE = 0.15
"""Of the trials, and of the time, what the random part may take: the control by which the search is
judged, and what a sampler begins with."""
RANDOM_MOST = 32
"""Trials of the random part at the most: enough to tell what random search finds."""

Key = tuple[str, str, int]
"""Candidate, fidelity, seed: what is evaluated once."""


@dataclass(kw_only=True)
class _Live:
    running: Running
    cost: CandidateRow
    proposal: Proposal | None
    resumed: Paused | None = None
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    seconds: float = 0.0
    reason: str | None = None
    waits: bool = False
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        return self.cost.id, self.running.job.fidelity.key, self.running.job.seed


@dataclass(kw_only=True)
class _Waiting:
    paused: Paused
    proposal: Proposal


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
        patient: bool = True,
        score: str | None = None,
        hinting: Hinting | None = None,
    ) -> None:
        """Begin a run, or go on with a study.

        Args:
            study: what is known, and where what ends is written.
            proposer: says what is evaluated.
            fidelity: the full fidelity of a candidate.
            epochs: those that it has for all.
            seed: of the trials; confirmation takes those that follow.
            limits: when it ends.
            weights: the folder for weights of confirmed networks and states of trainings that wait;
                None keeps none.
            listener: is told of everything.
            began: when the time given began to count, by `clock`.
            clock: seconds.
            rungs: decide who goes on (without: by accuracy and cost).
            patient: whether who does not go on waits; else it is stopped for good.
            score: the zero-cost score by which trials are evaluated; None trains them.
            hinting: what is scored before the sampler begins to choose.
        """
        self.study, self._proposer, self._fidelity, self._seed, self._limits, self._weights = (
            study,
            proposer,
            fidelity,
            seed,
            limits,
            weights,
        )
        self._listener: Listener = listener or Silent()
        self._clock, self._patient, self._score, self._hinting = clock, patient, score, hinting
        self._began = clock() if began is None else began
        self._live: dict[str, _Live] = {}
        self._finals: list[Final] | None = None
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
        self._random = 0
        for evaluation in study.evaluations():
            self._count(evaluation)
            if evaluation.purpose is Purpose.SEARCH:
                key = (evaluation.candidate_id, evaluation.fidelity.key, evaluation.seed)
                self._rungs.replay(key, evaluation.curve, self._rows[evaluation.candidate_id].macs)
                self._random += evaluation.origin == "random"
                if evaluation.curve:
                    self._epoch_seconds[evaluation.candidate_id] = evaluation.seconds / len(evaluation.curve)
        self._waiting: dict[Key, _Waiting] = {}
        for paused in study.paused():
            self._rows[paused.candidate.id] = paused.candidate
            self._random += paused.origin == "random"
            self._epoch_seconds[paused.candidate.id] = paused.seconds / len(paused.curve)
            self._waiting[paused.key] = _Waiting(paused=paused, proposal=Proposal.again(paused))
            can_go_on = paused.checkpoint is None or (weights is not None and (weights / paused.checkpoint).exists())
            self._rungs.replay(paused.key, paused.curve, paused.candidate.macs, waiting=can_go_on)
        self.counts.waiting = len(self._waiting)

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
        if self._has_time() and (chosen := self._rungs.next(self._waiting)) is not None:
            return self._resume(key, self._waiting.pop(chosen))  # pyright: ignore[reportArgumentType]  (keys of our own)
        if self._searching():
            at_random = self._random_part()
            if self._hinting is not None and not at_random and (hint := self._hinting.next(key)) is not None:
                return hint
            proposal = self._proposer.propose(random=at_random)
            self.counts.refused, self.counts.duplicates = self._proposer.refused, self._proposer.duplicates
            if proposal is not None:
                return self._start(key, proposal)
            self.exhausted = True
            self._listener.said("everything there is to evaluate has been proposed")
        if any(live.proposal is not None for live in self._live.values()):
            return "wait"
        if self._finals is None:
            self._end_waiting(list(self._waiting))
            self._finals = self._choose_finals()
            if self._finals:
                networks, seeds = (
                    len({final.point.id for final in self._finals}),
                    len({final.seed for final in self._finals}),
                )
                times = f"{seeds} other seeds" if seeds > 1 else "another seed"
                self._listener.phase(
                    f"confirming {networks} of the front: {self._finals[0].fidelity.epochs} epochs each, from {times}"
                )
        if not self._finals:
            return "finished"
        final = self._finals.pop(0)
        checkpoint = (
            None
            if self._weights is None
            else str(self._weights / weights_name(final.point.id, final.fidelity, final.seed))
        )
        row = final.point.candidate
        job = Job(
            candidate=row.spec,
            params=row.params,
            fidelity=final.fidelity,
            seed=final.seed,
            purpose=Purpose.FINAL,
            checkpoint=checkpoint,
        )
        self._begin(key, job, row, None)
        return job

    def reported(self, key: str, epoch: int, accuracy: float, seconds: float) -> bool:
        """Note an epoch of worker `key`; False when it is to stop."""
        if self._scorer(key) is not None:
            return True
        live = self._live[key]
        live.running.curve.append((epoch, accuracy))
        live.seconds += seconds
        self._epoch_seconds[live.cost.id] = seconds
        self._listener.reported(live.running, self.counts)
        if live.proposal is None:
            return True
        self._failures.clear()
        goes_on = self._rungs.reached(live.key, epoch, accuracy, live.cost.macs)
        if epoch >= live.running.job.fidelity.epochs:
            return True
        if not goes_on and live.proposal.stoppable:
            live.waits = True
            return False
        if not goes_on:
            self._rungs.leave(live.key)
        return self._has_time(0.85)  # what the clock cuts off is not recorded, so that another run may train it

    def scored(self, key: str, scores: dict[str, float]) -> None:
        """Note the zero-cost scores of the network of worker `key`."""
        if (scorer := self._scorer(key)) is not None:
            scorer.scored(key, scores)
        elif key in self._live:
            self._live[key].scores.update(scores)

    def has_reported(self, key: str, epoch: int) -> bool:
        """Whether this epoch of worker `key` has been noted."""
        if (scorer := self._scorer(key)) is not None:
            return scorer.done(key)
        live = self._live.get(key)
        return live is None or (bool(live.running.curve) and live.running.curve[-1][0] >= epoch)

    def ended(self, key: str, *, worker: str = "", device: str = "cpu") -> None:
        """Worker `key` is done with its job: at full fidelity, at a rung, or cut off."""
        if (scorer := self._scorer(key)) is not None:
            scorer.ended(key)
        live = self._live.pop(key, None)
        if live is None:
            return
        curve = live.running.curve
        if curve and curve[-1][0] >= live.running.job.fidelity.epochs:
            self._record(live, State.COMPLETE, None, worker, device)
        elif not live.waits:
            self._drop(live)
        elif self._patient:
            self._pause(live, worker, device)
        else:
            self._rungs.leave(live.key)
            self._record(live, State.PRUNED, f"beaten at the rung of {curve[-1][0]} epochs", worker, device)

    def failed(self, key: str, reason: str, *, worker: str = "", device: str = "cpu") -> None:
        """The evaluation of worker `key` cannot be used; the search goes on."""
        if (scorer := self._scorer(key)) is not None:
            scorer.ended(key)
        live = self._live.pop(key, None)
        if live is None:
            return
        self._record(live, State.FAIL, reason, worker, device)
        self._failures.append(reason)
        if len(self._failures) >= GIVE_UP_AFTER and not self.counts.done + self.counts.pruned:
            raise AutomlError(f"the first {len(self._failures)} evaluations all failed, the last one so: {reason}")

    def abandon(self) -> None:
        """Forget what still runs: of it the database holds the rungs that it came to, from which
        the same command goes on."""
        if self._hinting is not None:
            self._hinting.forget()
        for key in list(self._live):
            self._drop(self._live.pop(key))

    def finish(self) -> None:
        """The run has come to its own end, by its trials or its time: what still waits ends at its
        rung."""
        self.abandon()
        self._end_waiting(list(self._waiting))

    def tick(self) -> None:
        """Let the listener redraw."""
        self._listener.tick([live.running for live in self._live.values()], self.counts, self.seconds_left)

    def has_work(self) -> bool:
        """Whether anything is left to do, so that a finished study does not start workers in vain."""
        return self._searching() or bool(self._waiting) or bool(self._choose_finals())

    def _scorer(self, key: str) -> Hinting | None:
        """What worker `key` scores a candidate for; None where it trains."""
        return self._hinting if self._hinting is not None and self._hinting.owns(key) else None

    def _searching(self) -> bool:
        if self.exhausted or self._finals is not None:
            return False
        begun = self.counts.done + self.counts.pruned + self.counts.failed + len(self._live) + len(self._waiting)
        if self._limits.trials is not None and begun >= self._limits.trials:
            return False
        return self._has_time()

    def _has_time(self, share: float = 1.0) -> bool:
        """Whether it is not yet time to confirm; `share` of the time for that is respected."""
        if self._finals is not None:
            return False
        return self._limits.seconds is None or self.elapsed < self._limits.seconds - share * self._reserve()

    def _random_part(self) -> bool:
        """Whether the next candidate belongs to the random part of the search."""
        if self._random >= RANDOM_MOST:
            return False
        trials, seconds = self._limits.trials, self._limits.seconds
        if trials is not None and self._random >= max(1, int(RANDOM_SHARE * trials)):
            return False
        if seconds is None or self._random < self.workers:
            return True
        each = max(self._epoch_seconds.values(), default=0.0) * self._rungs.epochs
        return (self._random + 1) * each <= RANDOM_SHARE * seconds * self.workers

    def _reserve(self) -> float:
        """Seconds to keep for confirming: what it is expected to take, with a margin, but no more
        than its share unless one network alone needs more.

        Where even that would take half of the time, nothing is kept and all of it is spent on
        searching.
        """
        assert self._limits.seconds is not None
        share = RESERVE_SHARE * self._limits.seconds if self._limits.finals else 0.0
        found = self._leaders()
        expected, first = self._takes(found, self._limits.seeds), self._takes(found[:1], 1)
        if expected is None or first is None:
            return share
        full = found[0].evaluation.fidelity
        least = images(full) * first / 0.7  # stragglers and margins take the rest
        if least > 0.5 * self._limits.seconds:
            return 0.0
        return max(least, min(share, 1.25 * self._limits.factor * full.epochs * expected + 5.0))

    def _takes(self, points: list[FrontPoint], seeds: int) -> float | None:
        found = seconds_for(points, seeds, self._epoch_seconds, self.workers)
        return None if found is None else self._limits.epoch_scale * found

    def _leaders(self) -> list[FrontPoint]:
        if self._front is None:
            self._front = self.study.front()
        return leaders(self._front, self._limits.finals)

    def _choose_finals(self) -> list[Final]:
        done = self.study.evaluations(Purpose.FINAL)
        limits = self._limits
        return planned(
            self._leaders(),
            done,
            seed=self._seed,
            seeds=limits.seeds,
            factor=limits.factor,
            seconds_left=self.seconds_left,
            takes=self._takes,
        )

    def _start(self, key: str, proposal: Proposal) -> Job:
        candidate, cost = proposal.candidate, proposal.cost
        row = CandidateRow(
            id=candidate.id,
            spec=candidate.spec,
            macs=int(cost.macs),
            params=int(cost.params),
            activations=int(cost.activations),
        )
        self._rows[row.id] = row
        self._random += proposal.origin == "random"
        job = self._job(row, self._fidelity(candidate), self._seed if proposal.seed is None else proposal.seed)
        self._begin(key, job, row, proposal)
        return job

    def _resume(self, key: str, waiting: _Waiting) -> Job:
        paused = waiting.paused
        job = self._job(paused.candidate, paused.fidelity, paused.seed, start=paused.curve[-1][0])
        self._begin(key, job, paused.candidate, waiting.proposal)
        live = self._live[key]
        live.running.curve.extend(paused.curve)
        live.resumed, live.seconds, live.started, live.scores = (
            paused,
            paused.seconds,
            paused.started,
            dict(paused.scores),
        )
        self.counts.waiting = len(self._waiting)
        return job

    def _job(self, row: CandidateRow, fidelity: Fidelity, seed: int, *, start: int = 0) -> Job:
        keeps = self._patient and self._weights is not None
        state = str(self._weights / "waiting" / f"{row.id[:16]}-seed{seed}") if keeps and self._weights else None
        rungs = tuple(level for level in self._rungs.levels if start < level < fidelity.epochs) if keeps else ()
        return Job(
            candidate=row.spec,
            params=row.params,
            fidelity=fidelity,
            seed=seed,
            purpose=Purpose.SEARCH,
            scores=() if self._score is None else (self._score,),
            start=start,
            rungs=rungs,
            state=state,
        )

    def _begin(self, key: str, job: Job, row: CandidateRow, proposal: Proposal | None) -> None:
        self._live[key] = _Live(running=Running(job=job, id=row.id, macs=row.macs), cost=row, proposal=proposal)

    def _pause(self, live: _Live, worker: str, device: str) -> None:
        """Keep what came to a rung and does not go on, until it does or ends."""
        job, proposal, curve = live.running.job, live.proposal, tuple(live.running.curve)
        assert proposal is not None  # of what is no final training
        state = job.state_file(curve[-1][0]) if job.state is not None else None
        paused = Paused(
            candidate=live.cost,
            fidelity=job.fidelity,
            seed=job.seed,
            settings=proposal.settings,
            params=proposal.params,
            distributions=proposal.distributions,
            curve=curve,
            seconds=live.seconds,
            origin=proposal.origin,
            scores=live.scores,
            worker=worker,
            device=device,
            checkpoint=None if state is None or self._weights is None else str(state.relative_to(self._weights)),
            started=live.started,
            finished=datetime.now(UTC),
        )
        self.study.pause(paused)
        self._forget_state(job, but=curve[-1][0])
        self._waiting[paused.key] = _Waiting(paused=paused, proposal=proposal)
        self._proposer.pruned(proposal, curve)
        self._end_waiting(self._rungs.surplus(self._waiting))  # pyright: ignore[reportArgumentType]  (keys of our own)
        self.counts.waiting = len(self._waiting)

    def _end_waiting(self, keys: list[Key]) -> None:
        """What waits ends at its rung."""
        for key in keys:
            waiting = self._waiting.pop(key)
            self._rungs.leave(key)
            paused, proposal = waiting.paused, waiting.proposal
            evaluation = paused.pruned(f"below the front at the rung of {paused.curve[-1][0]} epochs")
            evaluation = self.study.record(
                evaluation, paused.candidate, params=proposal.params, distributions=proposal.distributions, values=None
            )
            self._forget_state(self._job(paused.candidate, paused.fidelity, paused.seed))
            self._count(evaluation)
            self._listener.ended(evaluation, paused.candidate.macs, self.counts, self._best)
        self.counts.waiting = len(self._waiting)

    def _forget_state(self, job: Job, *, but: int | None = None) -> None:
        """Remove the states of a training that are not needed any more."""
        for level in self._rungs.levels if job.state is not None else ():
            if level != but:
                job.state_file(level).unlink(missing_ok=True)

    def _record(self, live: _Live, state: State, reason: str | None, worker: str, device: str) -> None:
        job, curve, proposal = live.running.job, tuple(live.running.curve), live.proposal
        evaluation = Evaluation(
            candidate_id=live.cost.id,
            fidelity=job.fidelity,
            seed=job.seed,
            purpose=job.purpose,
            state=state,
            settings=proposal.settings if proposal else {},
            curve=curve,
            accuracy=curve[-1][1] if curve else None,
            seconds=live.seconds,
            worker=worker,
            device=device,
            reason=reason,
            checkpoint=Path(job.checkpoint).name if job.checkpoint and state is State.COMPLETE else None,
            started=live.started,
            finished=datetime.now(UTC),
            origin=proposal.origin if proposal else "",
            scores=live.scores,
        )
        values = (
            (evaluation.accuracy, live.cost.macs)
            if proposal and state is State.COMPLETE and evaluation.accuracy is not None
            else None
        )
        evaluation = self.study.record(
            evaluation,
            live.cost,
            params=proposal.params if proposal else {},
            distributions=proposal.distributions if proposal else {},
            values=values,
        )
        self._forget_state(job)
        if proposal is not None:
            if values is not None:
                self._proposer.completed(proposal, values[0], curve)
            elif state is State.PRUNED:
                self._proposer.pruned(proposal, curve)
            else:
                self._proposer.failed(proposal)
        self._count(evaluation)
        self._listener.ended(evaluation, live.cost.macs, self.counts, self._best)

    def _drop(self, live: _Live) -> None:
        if live.resumed is not None and live.proposal is not None:  # it waits where it came from
            self._waiting[live.key] = _Waiting(paused=live.resumed, proposal=live.proposal)
            self._rungs.wait(live.key)
        elif live.proposal is not None:
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
