"""Keeps the weights of the best trials, so that a search that confirms nothing still hands over a
trained network.

A worker writes the weights of a trial when it is complete, and before that while it is more
accurate than all that are. Here the driver deletes those of trials that others have overtaken.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ...studies import CandidateRow, Evaluation, Paused, Purpose, State
from ...studies.front import front
from ...studies.store import Store, StoreError
from ...studies.trained.artifacts import TRIALS, trial_weights
from ...studies.trained.classifier_measures import MEASURES
from .job import Job
from .running import Running

FRONT, ACCURATE, UNFINISHED = 4, 6, 2
"""Trials whose weights are kept: the most accurate of the front, the most accurate of all that are
complete, of which the network chosen is one, and unfinished ones that are more accurate."""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """How far a trial has come."""

    epoch: int
    """Its last epoch."""
    accuracy: float
    """The accuracy after it."""
    cost: float
    """Cost of the network."""


class KeptWeights:
    """The weights of the best trials of one study."""

    def __init__(self, axis: str, store: Store | None) -> None:
        """`axis` is the cost of the study's front; `store` has its weights, None keeps none."""
        self._axis, self._store = axis, store
        self._complete: dict[str, Reached] = {}
        self._unfinished: dict[str, Reached] = {}
        self._own: set[str] = set()

    def know(self, trial: Evaluation, network: CandidateRow) -> None:
        """Note a trial of an earlier run or of another driver that has ended."""
        if trial.state is not State.FAIL:
            complete = trial.state is State.COMPLETE
            self._note(trial.candidate_id, trial.seed, trial.curve, network.cost(self._axis), complete=complete)

    def know_paused(self, trial: Paused) -> None:
        """Note a paused trial of an earlier run or of another driver."""
        self._note(trial.candidate.id, trial.seed, trial.curve, trial.candidate.cost(self._axis))

    def asked(self, live: Running) -> Job:
        """The job of `live` that keeps its weights too, if it is a trial that is trained."""
        if not self._is_trial(live) or self._store is None:
            return live.job
        self._own.add(_name(live.id, live.job.seed))
        kept = trial_weights(live.id, live.job.seed)
        return replace(live.job, store=self._store.place, kept=kept, above=self._best)

    def ended(self, trials: Iterable[Running], running: Iterable[Running] = ()) -> None:
        """Note how far trainings have come that have ended or are paused, and delete the weights of
        trials that are neither among the best nor `running`. What another driver of the study has
        trained meanwhile is left to that."""
        if self._store is None:
            return
        for one in filter(self._is_trial, trials):
            self._note(one.id, one.job.seed, one.curve, one.network.cost(self._axis), complete=one.complete)
        live = {_name(one.id, one.job.seed) for one in running}
        kept = set(self._files())
        with suppress(OSError, StoreError):  # what is left there is deleted after the next trial
            for file in self._store.names(TRIALS):
                trial, _, epoch = file.removesuffix(".pt").removesuffix(MEASURES).rpartition("-epoch")
                noted = self._complete.get(trial) or self._unfinished.get(trial)
                known = noted is not None and epoch.isdecimal() and int(epoch) <= noted.epoch
                if (known or trial in self._own) and f"{trial}-epoch{epoch}.pt" not in kept and trial not in live:
                    self._store.remove(f"{TRIALS}/{file}")

    def _is_trial(self, live: Running) -> bool:
        return self._store is not None and live.job.purpose is Purpose.SEARCH and not live.job.scores

    @property
    def _best(self) -> float:
        """The accuracy above which an unfinished trial is of interest."""
        return max((one.accuracy for one in self._complete.values()), default=-math.inf)

    def _files(self) -> Iterator[str]:
        """The names of the files that are kept."""
        complete = sorted(self._complete, key=lambda key: -self._complete[key].accuracy)
        reached = [self._complete[key] for key in complete]
        on_front = front([one.accuracy for one in reached], [one.cost for one in reached])[:FRONT]
        for key in {*complete[:ACCURATE], *(complete[index] for index in on_front)}:
            yield f"{key}-epoch{self._complete[key].epoch}.pt"
        better = [key for key, one in self._unfinished.items() if one.accuracy > self._best]
        for key in sorted(better, key=lambda key: self._unfinished[key].accuracy)[-UNFINISHED:]:
            yield f"{key}-epoch{self._unfinished[key].epoch}.pt"

    def _note(
        self, network: str, seed: int, curve: Sequence[tuple[int, float]], cost: float, *, complete: bool = False
    ) -> None:
        if curve:
            key, reached = _name(network, seed), Reached(epoch=curve[-1][0], accuracy=curve[-1][1], cost=cost)
            self._unfinished.pop(key, None)
            (self._complete if complete else self._unfinished)[key] = reached


def _name(network: str, seed: int) -> str:
    """The name of a trial's file of weights, without the epoch."""
    return Path(trial_weights(network, seed)).name
