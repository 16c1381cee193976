"""The final trainings of a run: planned when searching ends, then handed out one by one.

All networks are trained from `FIRST_SEEDS` seeds, those of the certificate first. Where time alone
ends the run, and where nothing is trained but a table is read, further trainings are a race (Maron
& Moore, Hoeffding races, NIPS 1993). They serve the networks that may still be the best by the
posterior of all trainings, until one is told apart from the others or the time is over; then those
that have not been trained again and may be the best join. The best network of the search and the
best reference are trained on in any case: how they differ is what the certificate says, and it
would be too favourable if their trainings ended once they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...studies import Evaluation, FrontPoint, Study
from ...studies.choosing.chosen import comparison
from ...studies.choosing.finalists import DOUBT, complete_points, next_contender
from ...studies.choosing.reference_trials import ORIGIN
from ...studies.records.evaluation import Purpose
from ...studies.trained.artifacts import weights_name
from .clock import Clock
from .confirmation import FILLED, FIRST_SEEDS, Final, described, left_out, planned
from .events import Listener, Silent, duration
from .job import Job
from .limits import Limits, Trials
from .running import Running

UNUSED = 0.1
"""Part of the time given that is not left unused without a word."""


class FinalTrainings:
    """Confirms the networks of a study that are believed best."""

    def __init__(self, study: Study, trials: Trials, limits: Limits, clock: Clock) -> None:
        self._study, self._trials, self._limits, self._clock = study, trials, limits, clock
        self._left: list[Final] | None = None
        self._listener: Listener = Silent()
        self._planned: list[Final] = []
        self._more: list[Final] = []
        self._known: set[tuple[str, str, int]] = set()
        self._first: set[str] = set()
        self._raced = 0

    @property
    def begun(self) -> bool:
        """Whether they have been planned: nothing is searched any more."""
        return self._left is not None

    def plan(self, leaders: list[FrontPoint], listener: Listener) -> None:
        """Plan the trainings that confirm `leaders` in the time left, and tell `listener` of
        them."""
        self._listener = listener
        limits, done = self._limits, [one for one in self._study.evaluations(Purpose.FINAL) if one.confirms]
        self._left = self._plan(leaders, done)
        if self._clock.left is not None:
            self._more = left_out(leaders, self._left, done, seed=self._trials.seed, seeds=limits.seeds)
        self._planned = list(self._left)
        if limits.race:
            self._take_over(leaders)
        self._first = {final.point.id for final in self._planned[: len(self._planned) - self._raced]}
        self._known = {each.key for each in done}
        if self._left:
            listener.phase(described(self._left))

    def _plan(self, leaders: list[FrontPoint], done: Sequence[Evaluation]) -> list[Final]:
        return planned(
            leaders,
            done,
            seed=self._trials.seed,
            seeds=self._limits.seeds,
            factor=self._limits.factor,
            seconds_left=self._clock.left,
            workers=self._clock.workers,
            takes=self._clock.takes,
        )

    def _take_over(self, leaders: list[FrontPoint]) -> None:
        """Take over the race of an earlier run that was broken off: the final trainings since the
        last trial. Those before it belong to a search that asked for fewer trials."""
        every = self._study.evaluations()
        last = max((place for place, one in enumerate(every) if one.purpose is Purpose.SEARCH), default=-1)
        self._planned = self._plan(leaders, [one for one in every[: max(last, 0)] if one.confirms])
        first = {final.key for final in self._planned}
        points = {point.id: point for point in complete_points(self._study)}
        for one in every[last + 1 :]:
            if one.key not in first and one.candidate_id in points and one.confirms:
                self._planned.append(Final(point=points[one.candidate_id], fidelity=one.fidelity, seed=one.seed))
                self._raced += 1

    def next(self) -> Running | None:
        """The next training; None if all have been handed out."""
        final = self._left.pop(0) if self._left else self._left_out() or self._further()
        if final is None:
            return None
        network, store = final.point.candidate, self._trials.store
        job = Job(
            candidate=network.spec,
            params=network.params,
            fidelity=final.fidelity,
            seed=final.seed,
            purpose=Purpose.FINAL,
            store=None if store is None else store.place,
            checkpoint=None if store is None else weights_name(network.id, final.fidelity, final.seed),
            metric=self._study.spec.metric,
        )
        return Running(job=job, network=network)

    def _left_out(self) -> Final | None:
        """The next training that the plan has left out and that ends in the time left after all."""
        while self._more:
            final = self._more.pop(0)
            if self._fits(final):
                self._planned.append(final)
                return final
        return None

    def _fits(self, final: Final) -> bool:
        """Whether a training is expected to end in the time left."""
        left = self._clock.left
        takes = None if left is None else self._clock.takes(final.point, final.fidelity)
        return left is None or (takes is not None and takes <= FILLED * left)

    def _further(self) -> Final | None:
        """The same training from one more seed, of the network of `_racing` that has the fewest, if
        the time left suffices; None if it does not, if none is needed, or if a search that ends by
        its trials has no trainings left for the race."""
        left = self._clock.left
        by_time = left is not None and self._limits.trials is None
        if not by_time and self._raced >= self._limits.race:
            return None
        racing = [final for final in self._racing() if self._seeds(final) < self._limits.most_seeds]
        racing = racing or self._joining()
        for final in sorted(racing, key=self._seeds):
            if self._fits(final):
                self._raced += 1
                seed = self._trials.seed + self._seeds(final) + 1
                while (final.point.id, final.fidelity.key, seed) in self._known:
                    seed += 1
                self._planned.append(replace(final, seed=seed))
                return self._planned[-1]
        told = "no other network may be the best, or it was trained from as many seeds as are of use"
        return self._end("no further training would end in it" if racing or not self._planned else told)

    def _end(self, reason: str) -> None:
        """Say once why time is left, if it is much."""
        left = self._clock.left or 0.0
        if left > UNUSED * (self._limits.seconds or 0.0):
            self._listener.said(f"{duration(left)} of the time are left: {reason}")
            self._listener = Silent()

    def _racing(self) -> list[Final]:
        """The networks that gain from a further seed, each by its last training: the two of the
        certificate first, since its interval is widest with few seeds, then the best first; empty
        if the best is told apart."""
        networks = {final.point.id: final for final in self._planned}
        least = min(FIRST_SEEDS, self._limits.most_seeds)
        if len(networks) == 1 or any(self._seeds(networks[key]) < least for key in self._first):
            return [final for key, final in networks.items() if key in self._first]
        found = comparison(self._study, [final.point for final in networks.values()]).posterior
        ranked = sorted(networks, key=lambda key: -found[key].mean)
        rivals = [key for key in ranked[1:] if found[key].above(found[ranked[0]]) >= DOUBT]
        references = [key for key in ranked if networks[key].point.evaluation.origin == ORIGIN]
        own = [key for key in ranked if key not in references]
        certified = [*own[:1], *references[:1]] if references else []
        wanted = {*certified, *(ranked[:1] if rivals else []), *rivals}
        return [networks[key] for key in sorted(wanted, key=lambda key: (key not in certified, -found[key].mean))]

    def _joining(self) -> list[Final]:
        """A network that has not been trained again and may be the best, if there is one."""
        if not self._planned:
            return []
        planned, length = [final.point for final in self._planned], self._planned[0].fidelity
        known = {point.id for point in planned} | {key for key, _, _ in self._known}
        found = comparison(self._study, planned).posterior
        point = next_contender(self._study, known, max(found.values(), key=lambda one: one.mean))
        if point is None:
            return []
        fidelity = replace(point.evaluation.fidelity, epochs=length.epochs, fraction=length.fraction)
        return [Final(point=point, fidelity=fidelity, seed=self._trials.seed)]

    def _seeds(self, final: Final) -> int:
        """The last seed from which a network is confirmed, counted from that of the search."""
        seeds = [each.seed for each in self._planned if each.point.id == final.point.id]
        return max(seeds, default=self._trials.seed) - self._trials.seed
