"""Chooses the networks that a verification compares: that of the search, and what one would have
taken without it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from ...blocks import Cost, InputError, InvalidBlock
from ...spaces import Budget, Candidate, Space, parse_budget
from ...spaces.architectures import architecture
from ...spaces.draws.bulk import settings
from ...spaces.draws.distinct import feasible
from ...spaces.kinds.union import Union
from ...spaces.scaling.baseline import Baseline, find_baseline
from ...spaces.scaling.family import PAPER, phi_steps
from ...studies import State, Study
from ...studies.choosing.chosen import LEADERS, chosen_candidate, finalists, own_best
from ...studies.choosing.finals import comparable_finals, trainings
from ...studies.evidence import tried_references
from ...studies.evidence.verification import Role
from ...studies.statistics.intervals import mean_of
from ...studies.writing.json_values import JSON
from ..proposing.references_first import references_for

REFERENCES = 3
"""Number of references that are compared, unless another is asked for."""
COMPOUND = "efficientnet_b0"
"""The published network that is scaled by the compound rule if the space's base cannot be: the one
for which its coefficients were found."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A network that is to be trained beside others."""

    role: Role
    """Why it is compared."""
    words: str
    """Its name in words."""
    candidate: Candidate
    """The network."""
    cost: Cost
    """Its cost at the deployment size."""

    @property
    def id(self) -> str:
        """Id of the candidate."""
        return self.candidate.id

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON; `from_dict` reads it back."""
        return {
            "role": self.role,
            "id": self.id,
            "words": self.words,
            "macs": int(self.cost.macs),
            "params": int(self.cost.params),
            "spec": self.candidate.spec,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Compared:
        """The network that `to_dict` wrote."""
        return _compared(data["role"], data["words"], Candidate.from_spec(data["spec"]))


def networks_to_compare(
    study: Study, *, references: int = REFERENCES, controls: bool = True
) -> tuple[list[Compared], list[str]]:
    """The networks that a verification of `study` compares, each once: the one chosen, the best
    references, and as controls a random one of the space and one scaled by the compound rule.

    If a reference was chosen, the best network that the search itself has found is compared too.

    Args:
        study: the study that is verified.
        references: number of references, at least 1.
        controls: whether the random network and the scaled one are compared.

    Returns:
        The networks, and why others could not be found, in lines for the reader.

    Raises:
        InputError: no trial has finished yet.
    """
    chosen = chosen_candidate(study)
    space = Space.from_dict(study.spec.space, str(study.spec.space.get("name", "space")))
    budget = budget_of(study)
    found: list[Compared] = []
    own = own_best(study)
    if own is not None:
        words = "the network found" if own.id == chosen.id else "the best network that the search itself has found"
        found.append(_compared("own", words, Candidate.from_spec(own.spec)))
    published = list(_references(study, space, budget, without={one.id for one in found}, count=references))
    found += published
    left_out = []
    if len(published) < references:
        which = f"only {len(published)} of {references} reference networks" if published else "no reference network"
        left_out.append(f"{which} could be scaled to the budget and the images")
    if not controls:
        return found, left_out
    ids = {one.id for one in found}
    random = _random(space, budget, seed=int(study.spec.settings["seed"]), without=ids)
    compound = _compound(space, budget, without=ids | ({random.id} if random else set()))
    found += [one for one in (random, compound) if one is not None]
    if random is None:
        left_out.append("the space holds no other network within the budget, to be drawn at random")
    if compound is None:
        left_out.append("compound scaling gives no other network within the budget")
    return found, left_out


def budget_of(study: Study) -> Budget:
    """The budget of a study; without one, the MACs of the network chosen are the budget.

    Raises:
        InputError: there is none, and no trial has finished yet.
    """
    return parse_budget(study.spec.budget or f"macs<={chosen_candidate(study).macs}")


def _references(study: Study, space: Space, budget: Budget, *, without: set[str], count: int) -> Iterator[Compared]:
    """The best references by what the study knows of them, then others, up to `count`."""
    candidates, seen = study.candidates(), set(without)
    finals = comparable_finals(trainings(study), finalists(study, LEADERS))
    ranked = []
    for one in tried_references(study):
        if one.accuracy is None or one.state == State.FAIL or one.id not in candidates:
            continue
        confirmed = mean_of([each.accuracy or 0.0 for each in finals.get(one.id, ())])
        mean = -math.inf if confirmed is None else confirmed
        ranked.append(((mean, one.state == State.COMPLETE, one.accuracy), one))
    known = (
        _compared("reference", one.words, Candidate.from_spec(candidates[one.id].spec))
        for _, one in sorted(ranked, key=lambda pair: pair[0], reverse=True)
    )
    others = (
        Compared(role="reference", words=one.origins[0].words, candidate=one.candidate, cost=one.cost)
        for one in references_for(space, budget)
    )
    for one in chain(known, others):  # which are scaled one by one, as they are taken
        if len(seen) - len(without) < count and one.id not in seen:
            seen.add(one.id)
            yield one


def _random(space: Space, budget: Budget, *, seed: int, without: set[str]) -> Compared | None:
    """The first of a uniform order of the networks within the budget that is none of `without`."""
    for rows in feasible(space, budget, np.random.default_rng([seed, 1])):
        for row in rows:
            candidate = space.candidate(settings(space, row))
            if candidate.id not in without:
                return _compared("random", f"a random network of {space.name}", candidate)
    return None


def _compound(space: Space, budget: Budget, *, without: set[str]) -> Compared | None:
    """The base network of the space, or else `COMPOUND`, scaled by the compound rule to the largest
    network within the budget; None if there is none, or only one of `without`."""
    first = space.members[0] if isinstance(space, Union) else space
    channels, height, _ = space.image
    published = Baseline.of_architecture(architecture(COMPOUND), COMPOUND, strides="fitted").resized(height)
    for make in (
        lambda: (f"the base of {first.name}", find_baseline(first.base())),
        lambda: (COMPOUND, published.adapted(classes=space.classes, channels=channels)),
    ):
        with contextlib.suppress(InputError, InvalidBlock):  # it cannot be built, or not be scaled to the budget
            name, base = make()
            steps = phi_steps(base, PAPER)
            last = steps.within(budget)
            network = steps.at(last)
            if network is not None and network[0].id not in without:
                words = f"{name} at φ {steps.roundest(last):g}"
                return Compared(role="compound", words=words, candidate=network[0], cost=network[1])
    return None


def _compared(role: Role, words: str, candidate: Candidate) -> Compared:
    return Compared(role=role, words=words, candidate=candidate, cost=candidate.cost())
