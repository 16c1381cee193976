"""Runs the jobs of a command in this process, in place of Ray's workers: real trainings that start
no process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
import torch
from automl.blocks import AutomlError
from automl.search.course.job import Job
from automl.search.course.measured_first import Course, MeasuredFirst
from automl.search.pretrained.source_weights import Source
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe
from automl.search.workers import cluster, ray_tune
from automl.search.workers.cluster import Resources
from automl.search.workers.job_runner import steps
from automl.search.workers.place import Evaluate, Place

RESOURCES = Resources(workers=1, cpus=1.0, gpus=0.0, total_gpus=0.0)


def run(
    engine: Course,
    arrays: Mapping[str, Any],
    recipe: Mapping[str, Any],
    resources: Resources,
    *,
    evaluate: Evaluate | None = None,
    source: Source | None = None,
) -> None:
    """One worker, which takes job after job: called as `ray_tune.run` is."""
    parts = [arrays[name] for name in ("images", "labels", "train", "validation")]
    place = Place(
        pixels=Pixels(*parts, None, "cpu", answers=arrays.get("answers")),  # pyright: ignore[reportCallIssue]
        recipe=Recipe.from_dict(recipe),
        device=torch.device("cpu"),
        source=source,
    )
    for key in map(str, count()):
        job = engine.next_job(key)
        if not isinstance(job, Job):
            assert job == "finished"  # the only worker waits for no other
            break
        try:
            for report in steps(job, place, evaluate):
                if "timings" in report and isinstance(engine, MeasuredFirst):
                    engine.timed(key, report["timings"])
                if not engine.reported(key, report["epoch"], report["accuracy"], report["seconds"]):
                    break
        except AutomlError as error:  # a fault of the candidate
            engine.failed(key, str(error), worker="here")
        else:
            engine.ended(key, worker="here")
    engine.finish()


@contextmanager
def worker_here() -> Iterator[None]:
    """Commands of this process start no Ray: their only worker is this process."""

    @contextmanager
    def session(*asked: object, **more: object) -> Iterator[Resources]:
        yield RESOURCES

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "session", session)
        patch.setattr(ray_tune, "run", run)
        yield
