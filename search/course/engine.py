"""Decides each worker's next job, applies early stopping, and records results.

A search has two phases. *Searching*: candidates are proposed and trained rung by rung; one that is
not promoted at a rung is paused, and resumes from there if it is promoted later, or is recorded as
pruned when the search ends. *Confirming*: the networks believed best are trained from scratch, for
longer and from other seeds, so that the best is not merely the luckiest of many.

The engine knows neither Ray nor torch. Whatever runs it (Ray Tune, a table, a test) calls
`next_job`, `reported`, `ended`, `failed` and `lost`, and at last `finish`.
"""

from __future__ import annotations

from typing import Literal

from ...studies import CandidateRow, Fault, Purpose, Study
from ..proposing.proposal import Proposal, Proposes
from .clock import Clock
from .endings import Endings
from .events import Counts, Listener, Silent
from .final_trainings import FinalTrainings
from .hinting import Hinting
from .job import Job
from .kept_weights import KeptWeights
from .limits import Limits, Trials
from .random_part import RandomPart
from .recorder import Recorder
from .replay import History
from .rungs import Rungs
from .running import RETRIES, Running
from .sharing import Sharing
from .too_slow import TooSlow
from .troubles import Troubles
from .waiting import Waiting


class Engine:
    """One run of a search on one study."""

    def __init__(
        self,
        study: Study,
        proposer: Proposes,
        *,
        trials: Trials,
        limits: Limits,
        listener: Listener | None = None,
        clock: Clock | None = None,
        rungs: Rungs | None = None,
        hinting: Hinting | None = None,
        sharing: Sharing | None = None,
    ) -> None:
        """Begin a run, or continue a study.

        Args:
            study: what is known, and where results are recorded.
            proposer: proposes the candidates.
            trials: how candidates are evaluated.
            limits: when the run ends.
            listener: is told of everything that happens.
            clock: the time of the run; begins now if None.
            rungs: promote or stop trainings; by accuracy and cost if None.
            hinting: scores that are computed before the sampler begins to choose.
            sharing: what other drivers do on the study.
        """
        self.study: Study = study
        self._proposer, self._trials, self._limits = proposer, trials, limits
        self._axis = study.spec.cost
        self._listener: Listener = listener or Silent()
        self.clock: Clock = clock or Clock(limits)
        """The time of the run."""
        self._rungs, self._hinting = rungs or Rungs(trials.epochs), hinting
        self._sharing = sharing or Sharing(study)
        self._slow = TooSlow(self.clock, self._listener)
        self._finals = FinalTrainings(study, trials, limits, self.clock)
        self._live, self._lost = dict[str, Running](), list[Running]()
        self.exhausted: bool = False
        """Whether no new candidate is left within the budget."""
        self.error: Exception | None = None
        """What ended the run before its time; set by whatever runs the engine."""
        self._recorder = Recorder(study, self._listener, limits)
        self.counts: Counts = self._recorder.counts
        """Numbers of evaluations by how they ended."""
        self._troubles = Troubles(self.counts)
        self._waiting = Waiting(trials.store if trials.pauses else None, self._rungs.levels, study.spec.metric)
        self._endings = Endings(study, proposer, self._recorder, self._waiting, self._rungs, pauses=trials.pauses)
        self._random = RandomPart(limits, self.clock, trials.epochs)
        self._kept = KeptWeights(self._axis, trials.store if trials.score is None else None)
        parts = self._recorder, self._rungs, self._waiting, self.clock, self._random, self._kept
        self._history = History(self._sharing, *parts)
        self._history.begin()
        self._endings.prune_surplus()  # a run that was killed may have paused one more, and not pruned the last

    def next_job(self, key: str) -> Job | Literal["wait", "finished"]:
        """The job of worker `key`; "wait" if it comes later, "finished" if there is none left."""
        self._history.hear()
        if (lost := self._lost_one()) is not None:
            return self._begin(key, lost)
        if not self._gathers() and (job := self._promoted(key)) is not None:
            return job
        while self._searching():
            at_random = self._random.goes_on()
            if self._hinting is not None and not at_random and (hint := self._hinting.next(key)) is not None:
                return hint
            proposal = self._sharing.given_up() or self._proposer.propose(random=at_random)
            self.counts.refused, self.counts.duplicates = self._proposer.refused, self._proposer.duplicates
            if proposal is None:
                self.exhausted = True
                self._listener.said("everything there is to evaluate has been proposed")
            elif (job := self._start(key, proposal)) is not None:
                return job
            self._history.hear()
        if (job := self._promoted(key)) is not None:  # none is left for which those at the first rung could wait
            return job
        if any(live.proposal is not None for live in self._live.values()):
            return "wait"
        if not self._finals.begun:
            self._endings.prune(list(self._waiting))
            if self._sharing.elsewhere and self._limits.seconds is None:
                return "wait"
            self._finals.plan(self._recorder.believed_best(self._proposer), self._listener)
        while (final := self._finals.next()) is not None:
            if self._sharing.begins(final.key, Purpose.FINAL):
                return self._begin(key, final)
        return "finished"

    def reported(self, key: str, epoch: int, accuracy: float, seconds: float) -> bool:
        """Note an epoch of worker `key`; False if the worker is to stop."""
        if self._scorer(key) is not None:
            return True
        live = self._live[key]
        begin = live.epoch
        live.curve.append((epoch, accuracy))
        live.seconds += seconds
        if epoch in live.job.rungs:
            live.rung = epoch, live.seconds
        self.clock.timed(live.network, live.job.fidelity, seconds, begin=begin, end=epoch)
        self.clock.expect(live)
        self._listener.reported(live, self.counts)
        self._troubles.clear()
        if live.proposal is None:
            return self.clock.ends_in_time(live)
        about = {"wait": self._gathers(), "reference": live.proposal.reference}
        promoted = self._rungs.reached(live.key, epoch, accuracy, live.network.cost(self._axis), **about)
        if live.complete:
            return True
        if not promoted and live.proposal.stoppable:
            live.stopped = True
            return False
        if not promoted:
            self._rungs.leave(live.key)
        ends = self._finals.begun or self._slow.shown(live)
        return not ends and self.clock.may_go_on(live, self._recorder.leaders)

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
        return live is None or (bool(live.curve) and live.curve[-1][0] >= epoch)

    def ended(self, key: str, *, worker: str = "", device: str = "cpu") -> None:
        """End the job of worker `key`: complete, stopped at a rung, or cut off by the clock."""
        if (live := self._taken(key)) is None:
            return
        if live.complete:
            self._endings.complete(live, worker, device)
        elif live.stopped:
            self._endings.at_rung(live, worker, device)
        else:
            self._endings.cut(live, worker, device)
        self._kept.ended([live], self._live.values())

    def failed(
        self, key: str, reason: str, fault: Fault = Fault.CANDIDATE, *, worker: str = "", device: str = "cpu"
    ) -> None:
        """Record that the evaluation of worker `key` cannot be used; the search goes on.

        Raises:
            AutomlError: nothing works: see `Troubles`.
        """
        if (live := self._taken(key)) is not None:
            self._endings.fail(live, reason, fault, worker, device)
            self._troubles.add(reason)

    def lost(self, key: str, reason: str, fault: Fault = Fault.MACHINE) -> None:
        """Take back the job of worker `key`, which has died or is silent. Its training goes on from
        its last rung on another worker; after `RETRIES` of these it has failed.

        Raises:
            AutomlError: as `failed`.
        """
        live = self._live.get(key)
        if live is None or live.losses >= RETRIES:
            self.failed(key, f"{reason} ({RETRIES + 1} workers were lost)", fault)
        else:
            self._lost.append(self._live.pop(key).again())
            self._troubles.add(reason)

    @property
    def silent(self) -> list[str]:
        """Workers that have not reported for so long that they must be taken for lost."""
        return [key for key, live in self._live.items() if live.silent]

    def abandon(self) -> None:
        """Drop what is still running; the same command resumes it from its last rung."""
        if self._hinting is not None:
            self._hinting.forget()
        for live in self._unfinished():
            self._endings.drop(live)

    def finish(self) -> None:
        """End the run by its trials or its time: paused trainings are recorded as pruned, and those
        that the time cuts off with the epochs that they have."""
        for live in (unfinished := self._unfinished()):
            self._endings.cut(live)
        self.abandon()
        self._endings.prune(list(self._waiting))
        self._kept.ended(unfinished)

    def said(self, text: str) -> None:
        """Tell the listener of something that happened to the workers."""
        self._listener.said(text)

    def tick(self) -> None:
        """Let the listener redraw."""
        self._listener.tick(list(self._live.values()), self.counts, self.clock.left)

    def _scorer(self, key: str) -> Hinting | None:
        """What worker `key` computes a hint for; None if it evaluates a network of the study."""
        return self._hinting if self._hinting is not None and self._hinting.owns(key) else None

    def _taken(self, key: str) -> Running | None:
        """What worker `key` has evaluated, which has ended; None if it was a hint."""
        if (scorer := self._scorer(key)) is not None:
            scorer.ended(key)
        return self._live.pop(key, None)

    def _unfinished(self) -> list[Running]:
        """What is running or waits for another worker; it is taken away."""
        found = [*self._live.values(), *self._lost]
        self._live, self._lost = {}, []
        return found

    def _lost_one(self) -> Running | None:
        """A training that has lost its worker; those for which no time is left are cut off."""
        while self._lost:
            live = self._lost.pop(0)
            if live.proposal is None or not live.proposal.stoppable or self._may_search():
                return live
            self._endings.cut(live)
        return None

    def _searching(self) -> bool:
        over = (self.exhausted and not self._sharing.gave_up) or self._finals.begun
        begun = self._recorder.begun + len(self._live) + len(self._waiting) + self._sharing.elsewhere
        full = self._limits.trials is not None and begun >= self._limits.trials
        return not over and not full and self.clock.may_begin(self._recorder.leaders)

    def _gathers(self) -> bool:
        """Whether nothing is promoted yet, since others are to follow first, and can."""
        return self._rungs.gathering and self.clock.early and self._searching()

    def _may_search(self) -> bool:
        return not self._finals.begun and self.clock.may_search(self._recorder.leaders)

    def _start(self, key: str, proposal: Proposal) -> Job | None:
        """Begin a trial; None if another driver has begun it, or the study has enough."""
        network = CandidateRow.of(proposal.candidate, proposal.cost)
        seed = proposal.seed if proposal.seed is not None else self._trials.seed
        job = self._waiting.job(network, self._trials.fidelity(proposal.candidate), seed, score=self._trials.score)
        live = Running(job=job, network=network, proposal=proposal)
        if self._slow.refuses(live):
            return self._proposer.failed(proposal)
        if not self._sharing.begins(live.key, trials=self._limits.trials, proposal=proposal):
            return self._endings.drop(live)
        self._random.note(proposal.origin)
        return self._begin(key, live)

    def _promoted(self, key: str) -> Job | None:
        """The job of a paused training that goes on; None if there is none."""
        promoted = self._rungs.next(self._waiting) if self._may_search() else None
        if promoted is None:
            return None
        live = self._waiting.resume(promoted, score=self._trials.score)  # pyright: ignore[reportArgumentType]  (our keys)
        self.counts.waiting = len(self._waiting)
        return self._begin(key, live)

    def _begin(self, key: str, live: Running) -> Job:
        self.clock.expect(live)
        live.job = self._kept.asked(live)
        self._live[key] = live
        return live.job
