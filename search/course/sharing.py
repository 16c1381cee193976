"""Shares a study with other drivers: what this one may begin, and what the others have ended.

The database decides: an evaluation is claimed before it begins, in one transaction, and the claim
goes with the record of its end, or with its driver. A study that no driver holds, such as that of a
test, is shared with nobody, nor is one whose evaluations are looked up in thousands a second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ...studies import CandidateRow, Evaluation, Paused, Purpose, Study
from ...studies.choosing.reference_trials import ORIGIN
from ..proposing.proposal import Proposal
from .running import Key

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

PAUSE = 1.0
"""Seconds between two looks at what the others do."""


class Sharing:
    """A study as one of its drivers sees it."""

    def __init__(
        self, study: Study, learn: Callable[[FrozenTrial, str], None] | None = None, *, alone: bool = False
    ) -> None:
        """Begin.

        Args:
            study: the study.
            learn: is given each trial of the search that another driver has ended, with the id of
                its candidate.
            alone: whether no other driver may join; then nothing is claimed.
        """
        self._study, self._learn = study, learn
        self._lease = None if alone else study.lease
        self._known: set[Key] = set()
        self._looked = -PAUSE
        self.elsewhere: int = 0
        """Trials that other drivers have begun and not ended."""
        self._free = 0
        self._put_off: dict[Key, Proposal] = {}
        self._begun: set[Key] = set()

    def know(self, key: Key) -> None:
        """Note an evaluation of the study that this driver knows to have ended."""
        self._known.add(key)
        self._put_off.pop(key, None)

    def begins(
        self,
        key: Key,
        purpose: Purpose = Purpose.SEARCH,
        *,
        trials: int | None = None,
        proposal: Proposal | None = None,
    ) -> bool:
        """Whether this driver may begin an evaluation, or go on with it. If another one has begun
        it, or the study has its `trials`, it may not; then a `proposal` that no sampler has made is
        put off: see `given_up`."""
        if (lease := self._lease) is None:
            return True
        claimed = lease.claim(key, purpose, trials=trials)
        if claimed == "mine":
            self._known.add(key)
            return True
        if claimed == "taken" and proposal is not None and proposal.trial is None:
            self._put_off[key] = proposal
            self._begun.add(key)
        self._looked = -PAUSE
        return False

    @property
    def gave_up(self) -> bool:
        """Whether another driver has begun and given up what `given_up` returns: it has died."""
        return any(key not in self._begun for key in self._put_off)

    def given_up(self) -> Proposal | None:
        """A network of a list, or a reference, that another driver had begun and has given up."""
        key = next((key for key in self._put_off if key not in self._begun), None)
        return None if key is None else self._put_off.pop(key)

    def adopted(self) -> Iterator[Paused]:
        """The paused trainings that no other driver holds: they are this driver's now."""
        for paused in self._study.paused():
            if paused.key not in self._known and self.begins(paused.key):
                yield paused

    def news(self) -> Iterator[tuple[Evaluation, CandidateRow]]:
        """What other drivers have ended since the last call."""
        lease = self._lease
        if lease is None or not lease.shared or time.monotonic() - self._looked < PAUSE:
            return
        self._looked = time.monotonic()
        found = lease.ended(self._known)
        self.elsewhere, self._free = lease.unfinished()
        if self._put_off:
            self._begun = lease.begun_elsewhere() | {one.key for one, _ in found}
        self._teach([one for one, _ in found])
        yield from found

    @property
    def freed(self) -> bool:
        """Whether there are paused trainings that no driver holds."""
        return self._free > 0

    def _teach(self, ended: Sequence[Evaluation]) -> None:
        """Tell the sampler of trials that it has not proposed; those of references have no
        parameters."""
        numbers = {one.trial: one.candidate_id for one in ended if one.trial is not None and one.origin != ORIGIN}
        if self._learn is not None and numbers:
            for trial in self._study.optuna_trials(among=numbers.keys()):
                self._learn(trial, numbers[trial.number])
