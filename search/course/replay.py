"""What a run takes over: from earlier runs of its study, and from other drivers while it runs."""

from __future__ import annotations

from ...studies import CandidateRow, Evaluation, Paused, Purpose, State
from ...studies.choosing.reference_trials import ORIGIN
from .clock import Clock
from .kept_weights import KeptWeights
from .random_part import RandomPart
from .recorder import Recorder
from .rungs import Rungs
from .sharing import Sharing
from .waiting import Waiting


class History:
    """Tells the parts of an engine what it has not evaluated itself."""

    def __init__(
        self,
        sharing: Sharing,
        recorder: Recorder,
        rungs: Rungs,
        waiting: Waiting,
        clock: Clock,
        random: RandomPart,
        kept: KeptWeights,
    ) -> None:
        self._study, self._sharing, self._axis = recorder.study, sharing, recorder.study.spec.cost
        self._recorder, self._rungs, self._waiting = recorder, rungs, waiting
        self._clock, self._random, self._kept = clock, random, kept

    def begin(self) -> None:
        """Take over what has ended, and the paused trainings that no other driver holds."""
        networks = self._study.candidates()
        for evaluation in self._study.evaluations():
            self._ended(evaluation, networks[evaluation.candidate_id])
        mine = {paused.key: paused for paused in self._sharing.adopted()}
        for paused in self._study.paused():
            if paused.key in mine:
                self._paused(paused)
            else:
                self._reached(paused, waiting=False)

    def hear(self) -> None:
        """Take over what other drivers have ended since, and what dead ones had paused."""
        for evaluation, network in self._sharing.news():
            self._ended(evaluation, network)
        if self._sharing.freed:
            for paused in self._sharing.adopted():
                self._paused(paused)

    def _ended(self, evaluation: Evaluation, network: CandidateRow) -> None:
        self._sharing.know(evaluation.key)
        self._recorder.count(evaluation, network)
        if evaluation.purpose is not Purpose.SEARCH:
            return
        self._random.note(evaluation.origin)
        self._kept.know(evaluation, network)
        reference = evaluation.origin == ORIGIN and evaluation.state is State.COMPLETE
        self._rungs.replay(evaluation.key, evaluation.curve, network.cost(self._axis), reference=reference)
        if evaluation.curve:
            end = evaluation.curve[-1][0]
            self._clock.timed(network, evaluation.fidelity, evaluation.seconds, begin=0, end=end)

    def _paused(self, paused: Paused) -> None:
        self._waiting.add(paused)
        self._recorder.counts.waiting = len(self._waiting)
        self._reached(paused, waiting=self._waiting.can_resume(paused))

    def _reached(self, paused: Paused, *, waiting: bool) -> None:
        self._random.note(paused.origin)
        self._kept.know_paused(paused)
        self._clock.timed(paused.candidate, paused.fidelity, paused.seconds, begin=0, end=paused.curve[-1][0])
        about = {"waiting": waiting, "reference": waiting and paused.origin == ORIGIN}
        self._rungs.replay(paused.key, paused.curve, paused.candidate.cost(self._axis), **about)
