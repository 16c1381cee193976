"""A small baseline, and workers of a grid that are played by the test: no Ray and no training."""

from collections.abc import Callable

from automl.search.course.engine import Engine
from automl.search.course.job import Job

from .course.played_workers import accuracy_of, play

BASELINE = """
name: little
skeleton: resnet
image: [1, 20, 20]
stages:
  - {channels: 6, repeats: 3, stride: 1}
  - {channels: 10, repeats: 3, stride: 2}
dimensions: {depth: 1.0, width: 1.0, resolution: 1.0, unit: basic, stem_width: 4, divisor: 1}
"""


class Workers:
    """In place of Ray: every job is played, up to a number of trainings that end."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.stop_after: int | None = None
        self.by_time = False
        self.runs = 0
        self.accuracy: Callable[[Job, int], float] = accuracy_of

    def __call__(self, engine: Engine, *rest: object, **more: object) -> None:
        self.runs += 1
        self.jobs = play(engine, stop_after=self.stop_after, by_time=self.by_time, accuracy=self.accuracy)

    @property
    def pairs(self) -> list[tuple[str, int]]:
        return [(job.candidate, job.seed) for job in self.jobs]
