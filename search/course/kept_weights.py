"""Keeps the weights of the best trials, so that a search that confirms nothing still hands over a
trained network.

A worker writes the weights of a trial when it is complete, and before that while it is more
accurate than all that are. Here the driver deletes those of trials that others have overtaken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from ...studies import Evaluation, Paused, Purpose, State, Study
from ...studies.artifacts import trial_weights
from ...studies.finalists import leaders
from .job import Job
from .running import Running

FRONT, ACCURATE, UNFINISHED = 4, 6, 2
"""Trials whose weights are kept: the most accurate of the front, the most accurate of all that are
complete, of which the network chosen is one, and unfinished ones that are more accurate."""


class KeptWeights:
    """The weights of the best trials of one study."""

    def __init__(self, study: Study, folder: Path | None) -> None:
        """`folder` holds the study's weights; None keeps none."""
        self._study, self._folder = study, folder
        self._best: float | None = None

    def asked(self, live: Running) -> Job:
        """The job of `live` that keeps its weights too, if it is a trial that is trained."""
        job = live.job
        if self._folder is None or job.scores or job.purpose is not Purpose.SEARCH:
            return job
        if self._best is None:
            self._note(self._study.evaluations(Purpose.SEARCH, State.COMPLETE))
        return replace(job, kept=str(self._folder / trial_weights(live.id, job.seed)), above=self._best)

    def tidy(self, running: Iterable[Running]) -> None:
        """Delete the weights of trials that are neither among the best nor `running`."""
        if self._folder is None:
            return
        live = {Path(trial_weights(one.id, one.job.seed)).name for one in running}
        kept = set(self._names())
        for file in (self._folder / "search").glob("*-epoch*.pt"):
            if file.name not in kept and file.name.rpartition("-epoch")[0] not in live:
                file.unlink(missing_ok=True)

    def _names(self) -> Iterator[str]:
        """The names of the files that are kept."""
        ended = self._study.evaluations(Purpose.SEARCH)
        complete = [one for one in ended if one.state is State.COMPLETE]
        self._note(complete)
        best = sorted(complete, key=lambda one: -(one.accuracy or 0.0))[:ACCURATE]
        on_front = [point.evaluation for point in leaders(self._study.front(), FRONT)]
        others = [
            one for one in (*ended, *self._study.paused()) if isinstance(one, Paused) or one.state is State.PRUNED
        ]
        more = sorted((one for one in others if _reached(one) > (self._best or -1.0)), key=_reached)[-UNFINISHED:]
        for one in (*best, *on_front, *more):
            key = one.candidate.id if isinstance(one, Paused) else one.candidate_id
            yield f"{Path(trial_weights(key, one.seed)).name}-epoch{one.curve[-1][0]}.pt"

    def _note(self, complete: Iterable[Evaluation]) -> None:
        """Note the accuracy above which an unfinished trial is of interest."""
        self._best = max((one.accuracy or 0.0 for one in complete), default=-1.0)


def _reached(one: Evaluation | Paused) -> float:
    """The last accuracy of a trial; -1 before the first."""
    return one.curve[-1][1] if one.curve else -1.0
