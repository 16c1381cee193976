"""What a search with a limit of time plans, from its data and its space, and how it says so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from automl.search.course.pace import Pace
from automl.search.course.training_work import candidate_of
from automl.search.evaluators import find_evaluator
from automl.search.evaluators.training import Training
from automl.search.options import SearchOptions
from automl.search.plan import prepare
from automl.search.planning import Planned, Sample, fidelity_of, pace_of, planned
from automl.spaces import Space, census

from .conftest import SPACE, write_images


def made(folder: Path, space: Space, *, seconds: float, speed: float, **options: Any) -> Planned:
    """The plan of a search on 1,300 images of 64 px, on workers that take `speed` times as long as
    the formula says."""
    data = folder / "images.npz"
    if not data.exists():
        write_images(data, images=1300, size=64)
    asked = SearchOptions(
        data=str(data),
        space=space,
        image_size=64,
        seconds=seconds,
        storage=f"sqlite:///{folder}/s.db",
        **{"references": 0, **options},
    )
    settled = prepare(asked)
    evaluator = Training(options=asked, plan=settled, began=0.0)
    found = census(settled.space, settled.budget)
    sample = Sample.of(settled, found, asked.references)
    pace = pace_of(evaluator)
    assert isinstance(pace, Pace)
    formula = pace_of(evaluator)
    assert formula is not None
    for row in sample.networks[:4]:
        full = fidelity_of(settled, row, epochs=settled.epochs, fraction=settled.fraction)
        work = pace.trainings.update(candidate_of(row.spec), full, 64)
        pace.model.note(row.id, [work], speed * formula.model.seconds(row.id, [work]))
    return planned(evaluator, asked, found, sample, pace, left=seconds - 10, workers=2)


def test_the_plan_is_said_and_becomes_the_settings_of_the_study(tmp_path: Path, space: Space):
    found = made(tmp_path, space, seconds=600.0, speed=1.0)
    (line,) = found.words
    assert re.fullmatch(
        r"plan: about \d+ trials, \d+ of them to the end: \d+ epochs of (all|\d+%) of the images at 64 px; .+ to .+"
        r" each; .+ kept for confirming",
        line,
    )
    settled = found.evaluator.plan
    assert settled.spec.settings["epochs"] == settled.epochs == found.plan.epochs
    assert settled.spec.settings["fraction"] == settled.fraction == found.plan.fraction
    assert found.note()["trials"] == found.plan.trials


def test_the_proxy_size_is_made_smaller_only_where_nothing_else_suffices(tmp_path: Path):
    space = Space.from_dict({**SPACE, "dimensions": {**SPACE["dimensions"], "strides": ["fitted"]}})
    ample, short = (made(tmp_path, space, seconds=seconds, speed=30.0) for seconds in (100_000.0, 400.0))
    assert ample.plan.enough
    assert ample.evaluator.plan.proxy_size == 64
    assert short.evaluator.plan.proxy_size < 64
    assert short.evaluator.plan.spec.settings["proxy_size"] == short.evaluator.plan.proxy_size
    assert short.evaluator.plan.smallest_map > 0  # strides are fitted below the deployment size
    fixed = made(tmp_path, space, seconds=400.0, speed=30.0, proxy_size=64)
    assert fixed.evaluator.plan.proxy_size == 64
    assert (fixed.plan.needed or 0.0) > (short.plan.needed or 0.0)
    assert "--proxy-size" in fixed.words[1]


def test_it_stays_where_fitted_strides_take_what_a_smaller_one_saves(tmp_path: Path, space: Space):
    found = made(tmp_path, space, seconds=400.0, speed=30.0)
    assert not found.plan.enough
    assert found.evaluator.plan.proxy_size == 64
    assert "--proxy-size" not in found.words[1]


def test_where_the_time_is_too_short_one_line_says_what_would_do(tmp_path: Path, space: Space):
    found = made(tmp_path, space, seconds=60.0, speed=300.0, proxy_size=64, epochs=8)
    assert not found.plan.enough
    said = found.words[1]
    assert re.search(r"24 trials with 8 trained to the end need about --time \d+(min|h)", said)
    assert "no --epochs" in said
    assert len(made(tmp_path, space, seconds=200_000.0, speed=300.0).words) == 1  # control


def test_references_are_part_of_the_sample(tmp_path: Path, space: Space):
    asked = SearchOptions(
        data=str(write_images(tmp_path / "images.npz", size=32)),
        space=space,
        image_size=32,
        budget=["2MFLOPs"],
        seconds=300.0,
        storage=f"sqlite:///{tmp_path}/s.db",
    )
    settled = prepare(asked)
    found = census(settled.space, settled.budget)
    assert len(Sample.of(settled, found, None).references) == 2
    assert len(Sample.of(replace(settled, seconds=3600.0), found, None).references) == 4
    assert Sample.of(settled, found, 0).references == []


def test_what_is_not_trained_has_no_pace(tmp_path: Path, space: Space):
    options = SearchOptions(
        data=str(write_images(tmp_path / "images.npz")), space=space, evaluator="zero-cost", seconds=60.0
    )
    kind, argument = find_evaluator("zero-cost")
    assert pace_of(kind.prepare(options, argument, 0.0, None)) is None


def test_a_reference_that_would_take_most_of_the_time_is_left_out_unless_it_was_asked_for(tmp_path: Path, space: Space):
    few = {"budget": ["4MFLOPs"], "references": None}
    short, long = (made(tmp_path, space, seconds=seconds, speed=40.0, **few) for seconds in (240.0, 40_000.0))
    assert (short.references, long.references) == (1, 4)
    assert short.words[0].startswith("1 of 2 references tried")
    assert made(tmp_path, space, seconds=240.0, speed=40.0, budget=["4MFLOPs"], references=2).references == 2
