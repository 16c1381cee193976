"""The final trainings of a run: planned once when searching ends, then handed out one by one."""

from __future__ import annotations

from dataclasses import replace

from ...studies import FrontPoint, Purpose, Study
from ...studies.artifacts import weights_name
from ...studies.reference_trials import ORIGIN
from .clock import Clock
from .confirmation import FILLED, FIRST_SEEDS, Final, described, planned
from .events import Listener, Silent, duration
from .job import Job
from .limits import Limits, Trials
from .running import Running

UNUSED = 0.1
"""Part of the time given that is not left unused without a word."""
MOST_SEEDS = 8
"""Seeds from which a network is confirmed at most, where there is time for more."""


class FinalTrainings:
    """Confirms the most accurate networks of the front of a study."""

    def __init__(self, study: Study, trials: Trials, limits: Limits, clock: Clock) -> None:
        self._study, self._trials, self._limits, self._clock = study, trials, limits, clock
        self._left: list[Final] | None = None
        self._listener: Listener = Silent()
        self._planned: list[Final] = []
        self._known: set[tuple[str, str, int]] = set()

    @property
    def begun(self) -> bool:
        """Whether they have been planned: nothing is searched any more."""
        return self._left is not None

    def plan(self, leaders: list[FrontPoint], listener: Listener) -> None:
        """Plan the trainings that confirm `leaders` in the time left, and tell `listener` of
        them."""
        self._listener = listener
        limits, done = self._limits, self._study.evaluations(Purpose.FINAL)
        self._left = planned(
            leaders,
            done,
            seed=self._trials.seed,
            seeds=limits.seeds,
            factor=limits.factor,
            seconds_left=self._clock.left,
            takes=self._clock.takes,
        )
        self._planned = list(self._left)
        self._known = {(each.candidate_id, each.fidelity.key, each.seed) for each in done}
        if self._left:
            listener.phase(described(self._left))

    def next(self) -> Running | None:
        """The next training; None if all have been handed out."""
        final = self._left.pop(0) if self._left else self._further()
        if final is None:
            return None
        network, weights = final.point.candidate, self._trials.weights
        job = Job(
            candidate=network.spec,
            params=network.params,
            fidelity=final.fidelity,
            seed=final.seed,
            purpose=Purpose.FINAL,
            checkpoint=str(weights / weights_name(network.id, final.fidelity, final.seed)) if weights else None,
        )
        return Running(job=job, network=network)

    def _further(self) -> Final | None:
        """The same training from one more seed, of the network of `_compared` that has the fewest,
        if the time left suffices; None if it does not, or if time is not what ends the search."""
        left = self._clock.left
        if left is None or self._limits.trials is not None:
            return None
        for final in sorted(self._compared(), key=self._seeds):
            takes = self._clock.takes([final.point], 1, final.fidelity.epochs)
            if takes is not None and takes <= FILLED * left and self._seeds(final) < MOST_SEEDS:
                seed = self._trials.seed + self._seeds(final) + 1
                while (final.point.id, final.fidelity.key, seed) in self._known:
                    seed += 1
                self._planned.append(replace(final, seed=seed))
                return self._planned[-1]
        if left > UNUSED * (self._limits.seconds or 0.0):
            self._listener.said(f"{duration(left)} of the time are left: no further training would end in it")
            self._listener = Silent()  # it is said once
        return None

    def _compared(self) -> list[Final]:
        """The networks whose comparison gains most from a further seed, each by its last training.

        All networks are trained from `FIRST_SEEDS` seeds. Further ones serve the two that the
        certificate compares: the best network that the search found and the best reference, or the
        best two if there are no references. These seeds are new to both, so the choice does not
        favour either.
        """
        networks = {final.point.id: final for final in self._planned}
        if any(self._seeds(final) < FIRST_SEEDS for final in networks.values()):
            return list(networks.values())
        means: dict[str, list[float]] = {}
        for each in self._study.evaluations(Purpose.FINAL):
            final = networks.get(each.candidate_id)
            if final is not None and each.accuracy is not None and each.fidelity == final.fidelity:
                means.setdefault(each.candidate_id, []).append(each.accuracy)
        ranked = sorted(means, key=lambda key: -sum(means[key]) / len(means[key]))
        references = [key for key in ranked if networks[key].point.evaluation.origin == ORIGIN]
        found = [key for key in ranked if key not in references]
        return [networks[key] for key in ([*found[:1], *references[:1]] if references else found[:2])]

    def _seeds(self, final: Final) -> int:
        """The last seed from which a network is confirmed, counted from that of the search."""
        return max(each.seed for each in self._planned if each.point.id == final.point.id) - self._trials.seed
