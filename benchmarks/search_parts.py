"""What `search.py` runs: parts of the benchmark, each a set of problems, samplers and seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from search_generated import DEVELOPMENT, HELD_OUT_NAMES, SEEN
from search_problems import problem
from search_runs import Task

JUDGED_FROM = 100
"""Seeds of runs from this one on were never used in development."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the benchmark."""

    title: str
    """Its heading on the page."""
    words: str
    """What it is for."""
    problems: tuple[str, ...]
    """Names of its problems."""
    samplers: tuple[str, ...]
    """Names of its samplers."""
    seeds: int
    """Runs of each sampler on each problem."""
    first: int = JUDGED_FROM
    """Seed of the first run."""
    length: int = 60
    """Evaluations of a run."""
    front: bool = False
    """Whether fronts are searched, without a budget, instead of the best under each budget."""

    def places(self, name: str) -> list[int]:
        """The budgets of a problem, as numbers; -1 for the front."""
        one = problem(name)
        return [-1] if self.front else list(range(len(one.fixed or one.shares)))

    def tasks(self) -> Iterator[Task]:
        """Its runs, with the seeds outermost."""
        for seed in range(self.first, self.first + self.seeds):
            for name in self.problems:
                for place in self.places(name):
                    for sampler in self.samplers:
                        yield Task(sampler=sampler, problem=name, place=place, seed=seed, length=self.length)


SIMPLE = ("predictor", "ard", "ridge", "local")
PARTS = {
    "held-out": Part(
        title="Generated problems, held out",
        words="Neither these problems nor these seeds were looked at before the sampler was finished.",
        problems=tuple(HELD_OUT_NAMES),
        samplers=SIMPLE,
        seeds=8,
    ),
    "macro": Part(
        title="NAS-Bench-Macro, seeds held out",
        words="Earlier versions were developed with other seeds of this table.",
        problems=("macro",),
        samplers=(*SIMPLE, "tpe-multivariate"),
        seeds=8,
    ),
    "seen": Part(
        title="Generated problems that were held out once",
        words="An earlier version was judged on them, and they have been looked at since.",
        problems=tuple(SEEN),
        samplers=SIMPLE,
        seeds=5,
    ),
    "development": Part(
        title="Generated problems of development",
        words="The sampler was developed on them.",
        problems=tuple(DEVELOPMENT),
        samplers=("predictor", "ard"),
        seeds=5,
        first=0,
    ),
    "fronts": Part(
        title="Fronts",
        words="Earlier versions were developed with other seeds of these problems.",
        problems=("macro", "features", "cells", "widths", "layers", "mixed"),
        samplers=("predictor", "evolution", "random", "nsga2", "tpe-multivariate"),
        seeds=4,
        length=100,
        front=True,
    ),
}
