"""Records what ends in the study, and keeps the counts and the front of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...studies import CandidateRow, Evaluation, FrontPoint, Purpose, State, Study
from ...studies.choosing.chosen import finalists
from ..proposing.proposal import Proposes
from .belief_notes import note_believed
from .events import Counts, Listener
from .limits import Limits

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Recorder:
    """Writes evaluations to one study and tells the listener of them."""

    def __init__(self, study: Study, listener: Listener, limits: Limits) -> None:
        """Begin without any evaluation."""
        self.study: Study = study
        self.listener: Listener = listener
        self._limits = limits
        self.counts: Counts = Counts(target=limits.trials)
        """Numbers of evaluations by how they ended."""
        self._best: tuple[float, int] | None = None
        self._leaders: list[FrontPoint] | None = None

    @property
    def begun(self) -> int:
        """Trials that have ended."""
        return self.counts.done + self.counts.pruned + self.counts.failed

    def believed_best(self, proposer: Proposes) -> list[FrontPoint]:
        """The networks that are confirmed, by what is believed now: it is noted in the study."""
        note_believed(self.study, proposer)
        self._leaders = None
        return self.leaders()

    def leaders(self) -> list[FrontPoint]:
        """The networks that would be confirmed by what is noted: see `finalists`."""
        if self._leaders is None:
            self._leaders = finalists(self.study, self._limits.finals)
        return self._leaders

    def record(
        self,
        evaluation: Evaluation,
        network: CandidateRow,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
    ) -> Evaluation:
        """Write an evaluation that ended, and Optuna's trial of it, in one transaction; then count
        it and tell the listener."""
        evaluation = replace(evaluation, metric=self.study.spec.metric)  # a training that was paused does not say it
        values = None
        if evaluation.purpose is Purpose.SEARCH and evaluation.state is State.COMPLETE:
            assert evaluation.accuracy is not None  # checked at its construction
            values = evaluation.accuracy, network.cost(self.study.spec.cost)
        kept = self.study.record(evaluation, network, params=params, distributions=distributions, values=values)
        self.count(kept, network)
        self.listener.ended(kept, network.macs, self.counts, self._best)
        return kept

    def count(self, evaluation: Evaluation, network: CandidateRow) -> None:
        """Count an evaluation that the study holds."""
        if evaluation.purpose is Purpose.FINAL:
            self.counts.finals += evaluation.state is State.COMPLETE
            return
        self._leaders = None
        self.counts.done += evaluation.state is State.COMPLETE
        self.counts.pruned += evaluation.state is State.PRUNED
        self.counts.failed += evaluation.state is State.FAIL
        if evaluation.state is State.COMPLETE and evaluation.accuracy is not None:
            found = evaluation.accuracy, network.macs
            if self._best is None or (found[0], -found[1]) > (self._best[0], -self._best[1]):
                self._best = found
