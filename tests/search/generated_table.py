"""A generated table of networks whose true accuracies are known, and searches of it.

The budget is one of parameters, and multiply-adds say little of the accuracy: a network that is not
on the front of accuracy and multiply-adds may be the best. Accuracies are sums of what the
parameters add, and a little that is special to each network; every training has noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from automl.search.course.clock import Clock
from automl.search.course.engine import Engine
from automl.search.course.limits import Limits, Trials
from automl.search.evaluators.table import Covered, SimulatedTime, run
from automl.search.proposing.proposer import Proposer
from automl.search.tables import Table
from automl.search.tables.trained_networks import Entry
from automl.spaces import Census, Space, census, parse_budget
from automl.spaces.draws.bulk import enumerate_rows, settings
from automl.studies import Fidelity, Purpose, State, Study, StudySpec
from automl.studies.choosing.chosen import best

BUDGET = "25000Params"
NOISE = 0.012
"""Standard deviation of one training."""
OWN = 0.003
"""Standard deviation of what is special to one network."""
SEEDS = 12
"""Trainings of each network in the table."""


def generated_space() -> Space:
    return Space.from_dict(
        {
            "name": "generated",
            "skeleton": "mobilenetv2",
            "image": [1, 16, 16],
            "classes": 3,
            "stages": [{"channels": 8, "stride": 2, "repeats": 1}, {"channels": 16, "stride": 2, "repeats": 1}],
            "dimensions": {
                "width": [0.5, 0.75, 1.0, 1.25],
                "resolution": [0.75, 1.0, 1.25, 1.5],
                "expansion": {"choices": [2, 3, 4], "each": "stage"},
                "kernel": {"choices": [3, 5], "each": "stage"},
                "attention": ["none", "se", "eca"],
            },
        }
    )


@dataclass(frozen=True)
class Generated:
    """The networks of the space that are within the budget, with their true accuracies."""

    space: Space
    found: Census
    truth: Mapping[str, float]

    @classmethod
    def make(cls, seed: int = 0, *, own: float = OWN) -> Generated:
        space, budget = generated_space(), parse_budget(BUDGET)
        rng, networks = np.random.default_rng([seed, 3]), {}
        for rows in enumerate_rows(space):
            for row in rows:
                chosen = settings(space, row)
                candidate = space.candidate(chosen)
                cost = candidate.cost()
                if budget.admits(cost):
                    networks[candidate.id] = chosen
        special = own * rng.standard_normal(len(networks))
        truth = {
            key: 0.70 + _effect(chosen) + deviation
            for (key, chosen), deviation in zip(networks.items(), special, strict=True)
        }
        return cls(space, census(space, budget), truth)

    def table(self, seed: int) -> Table:
        """The trainings of all networks, with the noise of this seed."""
        rng = np.random.default_rng([seed, 7])
        entries = {
            key: Entry(
                curves=tuple(((1, float(value)),) for value in true + NOISE * rng.standard_normal(SEEDS)),
                seconds=(60.0,) * SEEDS,
                rows=(),
            )
            for key, true in self.truth.items()
        }
        return Table(path=Path("generated"), fingerprint="", entries=entries, epochs=1, rows=len(entries), outside=0)


GAINS: Mapping[str, Mapping[Any, float]] = {
    "width": {0.5: 0.0, 0.75: 0.02, 1.0: 0.03, 1.25: 0.035},
    "resolution": {0.75: 0.0, 1.0: 0.012, 1.25: 0.024, 1.5: 0.012},
    "expansion": {2: 0.0, 3: 0.012, 4: 0.02},
    "kernel": {3: 0.0, 5: 0.012},
    "attention": {"none": 0.0, "se": 0.024, "eca": 0.012},
}
"""What each value of a parameter adds to the accuracy."""


def _effect(chosen: Mapping[str, Any]) -> float:
    return sum(GAINS[name.partition(".")[0]][value] for name, value in chosen.items())


def searched(
    folder: Path, generated: Generated, seed: int, *, trials: int | None = 60, sampler: str = "predictor", **limits
) -> Study:
    """A search of the table, confirmation included."""
    table, budget = generated.table(seed), parse_budget(BUDGET)
    spec = StudySpec(
        name=f"s{seed}", space=generated.space.to_dict(), budget=BUDGET, data={"name": "table"}, settings={}
    )
    study = Study.create_or_continue(f"sqlite:///{folder}/{seed}.db", spec, command="automl search", versions={})
    proposer = Proposer(generated.space, budget, generated.found, sampler=sampler, seed=seed, trials=trials or 60)
    given = Limits(**{"trials": trials, "seconds": None, "factor": 1, "finals": 3, "seeds": 3, **limits})
    clock = SimulatedTime()
    engine = Engine(
        study,
        Covered(proposer, table),
        trials=Trials(fidelity=lambda candidate: Fidelity(epochs=1, size=16), epochs=1, seed=0),
        limits=given,
        clock=Clock(given, now=clock, began=0.0),
    )
    with study.recording():
        run(engine, table, workers=1, clock=clock)
    return study


def rank_of_the_chosen(study: Study, generated: Generated) -> int:
    """The true rank of the network chosen among those that were evaluated, from 1."""
    evaluated = [each.candidate_id for each in study.evaluations(Purpose.SEARCH, State.COMPLETE)]
    ranked = sorted(evaluated, key=lambda key: -generated.truth[key])
    chosen = best(study)
    assert chosen is not None
    return 1 + ranked.index(chosen.candidate.id)
