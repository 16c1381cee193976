"""Proposes reference networks before the candidates of the sampler.

References are published networks, scaled to the budget of the search. They are trained, promoted
and stopped as all others are, but that the better half of them at a rung goes on in any case: the
search is judged by what it adds to the best. They need not lie in the space that is searched, and
the sampler does not learn from them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from ...blocks import InputError
from ...spaces import Budget, Space
from ...spaces.references import ScaledReference, Strides, reference_networks, scaled_reference
from ...studies import Study
from ...studies.choosing.belief import Belief
from ...studies.choosing.reference_trials import NOTE, ORIGIN, noted_references
from ...studies.writing.json_values import JSON
from .proposal import Curve, Proposal, Proposes

FIRST = ("resnet18", "efficientnet_b0")
"""The references that are tried first: the networks most commonly used."""
LAST = ("mobilenetv2_100", "resnext50_32x4d", "mobilenetv3_large_100", "resnet50", "resnest14d", "mnasnet_100")
"""The order of automl's other references; those that users register come between."""
SHARE, LEAST, MOST = 1 / 4, 2, 6
"""References by default: this share of the trials, but at least and at most these numbers."""
WITHOUT_TRIALS = 4
"""References by default if only time ends the search."""
SHORT = 1200.0
"""Seconds: a search that has less time tries only `LEAST` references, which lie at the very budget
and take longest of all networks."""


def default_count(trials: int | None, seconds: float | None = None) -> int:
    """The number of references for a search of this many trials: a quarter of them, at least 2 and
    at most 6, and never more than half of the trials; 4 if only time ends the search, and 2 if it
    has less than 20 minutes."""
    if seconds is not None and seconds < SHORT:
        return LEAST if trials is None else min(LEAST, trials // 2)
    if trials is None:
        return WITHOUT_TRIALS
    return min(max(int(SHARE * trials), LEAST), MOST, trials // 2)


def references_within(budget: Budget, *, image_size: int, classes: int, channels: int) -> Iterator[ScaledReference]:
    """Yield the reference networks for a search, each scaled by its width to the budget.

    Each published network comes once, in the order of `FIRST`, of those that users have registered,
    and of `LAST`; those that cannot be scaled to the budget are left out. The first has its
    published strides, the second strides fitted to the image, and so on, where that makes a
    difference and both are within the budget. No network comes twice.
    """
    known = reference_networks.parts()
    ours = {*FIRST, *LAST}
    names = [*FIRST, *sorted(set(known) - ours), *LAST]
    seen: set[str] = set()
    for name in names if budget.bounds else ():
        found: dict[Strides, ScaledReference] = {}
        for strides in ("published", "fitted"):
            with contextlib.suppress(InputError):  # it does not fit the budget, or cannot be built at this size
                found[strides] = scaled_reference(
                    known[name], budget, strides=strides, image_size=image_size, classes=classes, channels=channels
                )
        different = len({one.candidate.id for one in found.values()}) > 1
        chosen = found.get("fitted" if different and len(seen) % 2 else "published", found.get("fitted"))
        if chosen is not None and chosen.candidate.id not in seen:
            seen.add(chosen.candidate.id)
            yield chosen


def references_for(space: Space, budget: Budget) -> Iterator[ScaledReference]:
    """Yield the reference networks for a search of `space`, as `references_within`; none if its
    images are not square."""
    channels, height, width = space.image
    if height == width:
        yield from references_within(budget, image_size=height, classes=space.classes, channels=channels)


def references_of(
    study: Study, space: Space, budget: Budget, *, trials: int | None, wanted: int | None, seconds: float | None = None
) -> list[ScaledReference]:
    """The references of a search, in the order in which they are tried; notes them in the study.

    Args:
        study: the study; it may hold trials already.
        space: the space that is searched; there are references only for images that are square.
        budget: bounds on cost; without any there are no references.
        trials: trials of the study altogether; None if only time ends the search.
        seconds: wall time of the run; None if only trials end the search.
        wanted: their number; None takes `default_count` for a new study, and for one that has begun
            those that it began with.
    """
    kept, noted = noted_references(study), NOTE in study.notes()
    begun = noted or bool(study.evaluations() or study.paused())
    every = references_for(space, budget)
    if begun and wanted is None:
        return [one for one in every if one.candidate.id in kept] if kept else []
    count = default_count(trials, seconds) if wanted is None else wanted
    chosen = list(islice(every, count))
    new = [_note(one) for one in chosen if one.candidate.id not in kept]
    if new or not noted:
        study.note(NOTE, [*(dict(each) for each in kept.values()), *new])
    return chosen


class ReferencesFirst:
    """Proposes references, then what another proposer proposes."""

    def __init__(self, proposer: Proposes, references: Sequence[ScaledReference], *, known: Iterable[str] = ()) -> None:
        """Begin, or continue.

        Args:
            proposer: proposes all further networks; it does not learn from the references.
            references: the references of the study.
            known: ids of the candidates that the study has evaluated or paused.
        """
        self._proposer, self._repeated = proposer, 0
        self._ids = {one.candidate.id for one in references}
        known = set(known)
        self.left: list[ScaledReference] = [one for one in references if one.candidate.id not in known]
        """The references that are still to be proposed."""
        self.refused: int = proposer.refused
        self.duplicates: int = proposer.duplicates

    def propose(self, *, random: bool = False) -> Proposal | None:
        """The next reference if any is left, otherwise the next proposal of the other proposer that
        is not one of the references."""
        if self.left:
            one = self.left.pop(0)
            return Proposal(
                candidate=one.candidate,
                cost=one.cost,
                settings={"reference": one.name},
                params={},
                distributions={},
                origin=ORIGIN,
            )
        while (proposal := self._proposer.propose(random=random)) is not None and proposal.candidate.id in self._ids:
            self._repeated += 1
            proposal.say_nothing()
            self._proposer.failed(proposal)
        self.refused, self.duplicates = self._proposer.refused, self._proposer.duplicates + self._repeated
        return proposal

    def completed(self, proposal: Proposal, accuracy: float, curve: Curve = ()) -> None:
        """Tell the other proposer of a completed training, unless it is of a reference."""
        if proposal.origin != ORIGIN:
            self._proposer.completed(proposal, accuracy, curve)

    def pruned(self, proposal: Proposal, curve: Curve = ()) -> None:
        """Tell the other proposer of a pruned training, unless it is of a reference."""
        if proposal.origin != ORIGIN:
            self._proposer.pruned(proposal, curve)

    def failed(self, proposal: Proposal) -> None:
        """Tell the other proposer of a failure, unless it is of a reference."""
        if proposal.origin != ORIGIN:
            self._proposer.failed(proposal)

    def believed(self) -> Belief | None:
        """What the other proposer believes of its own proposals."""
        return self._proposer.believed()


def _note(one: ScaledReference) -> dict[str, JSON]:
    origin = one.origins[0]
    return {"id": one.candidate.id, "words": origin.words, **origin.to_dict()}
