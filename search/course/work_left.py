"""What a study holds and what is left of a search, told from its rows alone."""

from __future__ import annotations

from ...studies import Purpose, Study
from ...studies.choosing.chosen import finalists
from .confirmation import planned
from .events import Counts
from .limits import Limits


def counts_of(study: Study, target: int | None) -> Counts:
    """Numbers of the evaluations in a study; `target` is the number of trials asked for."""
    kept = study.counts()
    finals = study.evaluations(Purpose.FINAL)
    return Counts(
        done=kept["complete"],
        pruned=kept["pruned"],
        failed=kept["fail"],
        waiting=len(study.paused()),
        finals=sum(final.state == "COMPLETE" for final in finals),
        target=target,
    )


def has_work(study: Study, limits: Limits, *, elapsed: float = 0.0) -> bool:
    """Whether a run within `limits`, `elapsed` seconds after its begin, has anything to do: trials
    that are missing, trainings that are paused, or final trainings."""
    counts = counts_of(study, limits.trials)
    begun = counts.done + counts.pruned + counts.failed + counts.waiting
    in_time = limits.seconds is None or elapsed < limits.seconds
    if counts.waiting or (in_time and (limits.trials is None or begun < limits.trials)):
        return True
    if limits.race and counts.done:
        return True
    finals = planned(
        finalists(study, limits.finals),
        study.evaluations(Purpose.FINAL),
        seed=0,
        seeds=limits.seeds,
        factor=limits.factor,
        seconds_left=None,
        workers=1,
        takes=lambda point, fidelity: None,
    )
    return bool(finals)
