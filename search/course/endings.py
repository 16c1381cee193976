"""Ends trainings: in the study, at the rungs, on the disk, and for the proposer.

A training completes, fails, is pruned at its rung, is paused there, or is lost with its worker. The
engine decides which; `Endings` then updates the study, the rungs, the files and the proposer.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ...blocks.errors import AutomlError
from ...studies import Fault, State, Study
from ...studies.records.evaluation import cut_reason
from ..proposing.proposal import Proposes
from .recorder import Recorder
from .rungs import Rungs
from .running import Key, Running
from .waiting import Waiting


class Endings:
    """Records each ended training of a run wherever it is kept track of."""

    def __init__(
        self, study: Study, proposer: Proposes, recorder: Recorder, waiting: Waiting, rungs: Rungs, *, pauses: bool
    ) -> None:
        """`pauses`: whether trainings that are not promoted at a rung are paused, see `Trials`."""
        self._study, self._proposer, self._recorder = study, proposer, recorder
        self._waiting, self._rungs, self._pauses = waiting, rungs, pauses
        self._counts = recorder.counts

    def complete(self, live: Running, worker: str, device: str) -> None:
        """Record a training that has reached its full fidelity."""
        self._record(live, State.COMPLETE, worker=worker, device=device)

    def fail(self, live: Running, reason: str, fault: Fault, worker: str, device: str) -> None:
        """Record a training that cannot be used."""
        self._rungs.leave(live.key)
        self._record(live, State.FAIL, reason=reason, fault=fault, worker=worker, device=device)

    def at_rung(self, live: Running, worker: str, device: str) -> None:
        """Pause a training that is not promoted, until it is or the search ends; or prune it."""
        epoch = live.epoch
        if not self._pauses:
            self._rungs.leave(live.key)
            reason = f"beaten at the rung of {epoch} epochs"
            self._record(live, State.PRUNED, reason=reason, worker=worker, device=device)
            return
        self._pause(live, worker, device)
        self._waiting.forget(live.job.state, keep=epoch)
        assert live.proposal is not None  # final trainings are never stopped
        self._proposer.pruned(live.proposal, live.curve)
        self.prune_surplus()

    def prune_surplus(self) -> None:
        """Record paused trainings as pruned where more of them wait at a rung than are kept."""
        self.prune(self._rungs.surplus(self._waiting))  # pyright: ignore[reportArgumentType]  (keys of our own)

    def prune(self, keys: Sequence[Key]) -> None:
        """Record paused trainings as pruned at their rung."""
        for key, promoted in [(key, self._rungs.promotes(key)) for key in keys]:  # before any of them leaves
            epoch = self._waiting.epoch(key)
            paused = self._waiting.pop(key)
            self._rungs.leave(key)
            below = f"below the front at the rung of {epoch} epochs"
            evaluation = paused.pruned(cut_reason(epoch) if promoted else below)
            self._recorder.record(evaluation, paused.candidate, paused.params, paused.distributions)
            self._waiting.forget(self._waiting.state(paused.candidate, paused.seed))
        self._counts.waiting = len(self._waiting)

    def cut(self, live: Running, worker: str = "", device: str = "cpu") -> None:
        """Record a training that the clock has cut off, with the epochs that it has since it began
        or resumed. Without any it is dropped, and so are final trainings, those that may not be
        stopped, and those of a list of networks, which are never paused: another run trains
        them."""
        kept = self._pauses and live.proposal is not None and live.proposal.stoppable
        if not kept or live.epoch == live.job.start:
            return self.drop(live)
        self._rungs.leave(live.key)
        if live.too_slow and live.proposal is not None:
            live.proposal.say_too_slow()
        reason = cut_reason(live.epoch, slow=live.too_slow)
        self._record(live, State.PRUNED, reason=reason, worker=worker, device=device)

    def drop(self, live: Running) -> None:
        """Forget a training that was cut off. The next run resumes it from the last rung whose
        state is on the disk."""
        if live.proposal is None:
            return
        kept = live.at_rung() if self._pauses and live.proposal.stoppable else None
        if kept is not None:
            with suppress(AutomlError):  # without the database, the next run begins it anew
                self._pause(kept, "", "")
            self._rungs.wait(live.key)
        elif live.resumed is not None:
            self._waiting.add(live.resumed)
            self._rungs.wait(live.key)
        live.proposal.say_nothing()
        self._proposer.failed(live.proposal)

    def _pause(self, live: Running, worker: str, device: str) -> None:
        checkpoint = self._waiting.checkpoint(live.job, live.epoch)
        paused = live.paused(worker=worker, device=device, checkpoint=checkpoint)
        self._study.pause(paused)
        self._waiting.add(paused)

    def _record(
        self,
        live: Running,
        state: State,
        *,
        reason: str | None = None,
        fault: Fault | None = None,
        worker: str,
        device: str,
    ) -> None:
        proposal = live.proposal
        params, distributions = (proposal.params, proposal.distributions) if proposal else ({}, {})
        evaluation = live.evaluation(state, reason=reason, fault=fault, worker=worker, device=device)
        self._recorder.record(evaluation, live.network, params, distributions)
        self._waiting.forget(live.job.state)
        if proposal is None:
            return
        if state is State.COMPLETE and evaluation.accuracy is not None:
            self._proposer.completed(proposal, evaluation.accuracy, evaluation.curve)
        elif state is State.PRUNED:
            self._proposer.pruned(proposal, evaluation.curve)
        else:
            if fault is not None and not fault.blames_network(reported=bool(live.curve)):
                proposal.say_nothing()
            self._proposer.failed(proposal)
