"""Runs the grid search of compound scaling: the function behind `automl grid`.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, section 3.3. The
paper does not give the step, the tolerance or the number of seeds: they are options here. Networks
that scale one axis alone at the same true cost are the control.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..blocks import InputError
from ..blocks.documented import documented
from ..spaces import Space
from ..spaces.scaling.baseline import Baseline, find_baseline
from ..spaces.scaling.coefficient_grid import Grid, GridPoint, grid
from ..studies import Study
from .course.events import Listener, Silent
from .course.outages import await_database
from .grid_options import PARTS, GridOptions
from .listed_trainings import ListedTrainings, train_listed
from .options import SearchOptions
from .plan import Plan, images_of
from .proposing.listed import Listed
from .workers import cluster

if TYPE_CHECKING:
    from ..studies.scaling import ScaledPoint
    from .data import ImageData


@documented
@dataclass(frozen=True, kw_only=True)
class GridResult:
    """The result of a grid search."""

    grid: Grid
    """The networks that the grid admits."""
    study: Study
    """The study, in its database."""
    points: list[ScaledPoint]
    """Controls and networks with the accuracies of their trainings."""
    counts: Mapping[str, int]
    """Numbers of the study's trainings that are complete, pruned, failed."""
    seconds: float
    """Wall time of this run."""
    left: int
    """Trainings that are missing; the same call again trains them."""
    seeds: tuple[int, ...]
    """Seeds of the trainings."""
    plan: Plan = field(repr=False)
    """Data, sizes and recipe."""


def enumerated(options: GridOptions, baseline: Baseline | None = None) -> Grid:
    """The grid for the classes of the baseline; needs no data."""
    found = baseline or base_of(options)
    return grid(
        found,
        phi=options.phi,
        target=options.target,
        step=options.step,
        tolerance=options.tolerance,
        rule=options.rule,
        axes=tuple(options.axes),
    )


def base_of(options: GridOptions) -> Baseline:
    """The baseline that `options` name, at the size they give."""
    found = find_baseline(options.baseline, storage=options.storage)
    found = found if options.image_size is None else found.resized(options.image_size)
    return found if options.size_multiple == 1 else found.rounded_to(options.size_multiple)


def adapted(options: GridOptions, baseline: Baseline) -> Baseline:
    """The baseline for the classes and channels of the data that `options` name."""
    data = _images(options, options.for_search(_name(options, baseline)))
    return baseline.adapted(classes=len(data.classes), channels=data.channels)


def search_grid(
    options: GridOptions, *, listener: Listener | None = None, command: str = "", began: float | None = None
) -> GridResult:
    """Train the grid, its controls and the baseline from every seed; the same call again trains
    what is missing.

    Raises:
        InputError: an option is not valid, or the grid admits no network; nothing has been started
            or written.
        KeyboardInterrupt: stopped by the user; finished trainings are in the database.
    """
    began = time.monotonic() if began is None else began
    listener = listener or Silent()
    cluster.require_gpus(options.gpus_per_trial, address=options.address)
    await_database(options.storage, options.db_patience, listener.said)
    baseline = base_of(options)
    named = _name(options, baseline)
    asked = options.for_search(named)
    data = _images(options, asked)
    baseline = baseline.adapted(classes=len(data.classes), channels=data.channels)
    found = enumerated(options, baseline)
    chosen = [*found.controls, *(found.points if options.points is None else found.spread(options.points))]
    listed = _listed(found, chosen, stop=options.stop)
    trained = train_listed(
        options,
        listed,
        asked=asked,
        space=found.scaled.space,
        data=data,
        settings={name: plain(getattr(options, name)) for name in PARTS},
        controls=f"{len(found.controls)} controls",
        listener=listener,
        command=command,
        began=began,
    )
    points = reached(trained, chosen, listed)
    _note(trained.study, found, points)
    return GridResult(
        grid=found,
        study=trained.study,
        points=points,
        counts=trained.study.counts(),
        seconds=time.monotonic() - began,
        left=trained.left,
        seeds=trained.seeds,
        plan=trained.plan,
    )


def reached(trained: ListedTrainings, chosen: Sequence[GridPoint], listed: Sequence[Listed]) -> list[ScaledPoint]:
    """The accuracies of the trainings of each network in a study."""
    from ..studies.scaling import ScaledPoint

    complete, stopped = trained.accuracies()
    return [
        ScaledPoint(
            id=each.id,
            coefficients=point.base,
            control=point.control,
            macs=int(point.cost.macs),
            params=int(point.cost.params),
            factor=point.factor,
            accuracies=complete.get(each.id, {}),
            stopped=stopped.get(each.id, {}),
            metric=trained.study.spec.metric,
        )
        for point, each in zip(chosen, listed, strict=True)
    ]


def best_of(study: str, storage: str) -> tuple[Baseline, dict[str, float]]:
    """The baseline of a grid's study, and the coefficients at φ = 1 that were best in it so far.

    Raises:
        InputError: it is no study of a grid, or none of its trainings is complete.
    """
    opened = Study.open(storage, study)
    note, settings = opened.notes().get("grid"), opened.spec.settings.get("grid")
    if not isinstance(note, Mapping):
        kind = "is no study of `automl grid`" if settings is None else "has trained nothing to the end yet"
        if isinstance(settings, Mapping) and "multiples" in settings:
            kind = "compares rules of scaling, and chooses no coefficients"
        raise InputError(f"coefficients are read from a study of `automl grid`, but {study} {kind}")
    kept: dict[str, Any] = dict(note)
    return Baseline.of_data(kept["baseline"], kept["name"]), {
        axis: float(value) for axis, value in kept["best"].items()
    }


def _images(options: GridOptions, asked: SearchOptions) -> ImageData:
    return images_up_to(asked, (options.target * (1 + options.tolerance)) ** (options.phi / 2))


def images_up_to(asked: SearchOptions, resolution: float) -> ImageData:
    """The images, at a size for networks of up to `resolution` times the baseline's: the one at
    which resolution alone meets the cost."""
    return images_of(asked, max(1.0, resolution))


def _listed(found: Grid, chosen: Sequence[GridPoint], *, stop: bool) -> list[Listed]:
    own = {p.name: p.values[0] for p in found.baseline.at_one.parameters}
    return [
        Listed(
            candidate=found.candidate(point),
            cost=point.cost,
            stoppable=stop and point.control is None,
            settings={**own, **{axis: found.baseline.value(axis, factor) for axis, factor in point.factors.items()}},
        )
        for point in chosen
    ]


def _note(study: Study, found: Grid, points: Sequence[ScaledPoint]) -> None:
    """Note the best triple with the study: `automl scale --study` takes it."""
    from ..studies.scaling import compare

    best = compare(points, resamples=100).best
    if best is not None:
        chosen = next(point for point in points if point.id == best.id and point.control is None)
        study.note(
            "grid",
            {
                "id": best.id,
                "best": dict(chosen.coefficients),
                "phi": found.phi,
                "target": found.target,
                "exponents": found.exponents,
                "name": found.baseline.name,
                "baseline": found.baseline.at_one.to_dict(),
            },
        )


def plain(value: Any) -> Any:
    """An option as plain JSON, as a study keeps it."""
    if isinstance(value, Space):
        return value.name
    return list(value) if isinstance(value, tuple | list) else str(value) if isinstance(value, Path) else value


def _name(options: GridOptions, baseline: Baseline) -> str:
    parts = ["grid", Path(baseline.name).stem, f"{options.target:g}x", Path(options.data).stem]
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip("-")
