"""Writes the report of a compound-scaling grid: a page, its numbers, and two figures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..blocks import InputError
from ..studies import Purpose
from ..studies.records.measure import words
from ..studies.writing.atomic_file import make_folder, refused, write_text
from ..studies.writing.markdown_table import capital
from .grid import GridResult
from .listed_trainings import ListedTrainings

if TYPE_CHECKING:
    from ..studies.scaling import Comparison, Surface


@dataclass(frozen=True, kw_only=True)
class GridEvidence:
    """The statistics of a grid."""

    result: GridResult
    """Networks of the grid and their trainings."""
    comparison: Comparison
    """Best network, ties, and margins with their intervals."""
    surface: Surface | None
    """Response surface over the coefficients; None with fewer than three networks that have a
    complete training."""
    exponents: Mapping[str, float]
    """Exponent of each axis in the cost constraint, on which the surface's optimum lies."""

    def lines(self) -> list[str]:
        """The report in lines for a terminal."""
        from ..studies.scaling import report_lines

        return report_lines(
            self.result.points, self.comparison, self.surface, exponents=self.exponents, target=self.result.grid.target
        )

    def to_dict(self) -> dict[str, Any]:
        """The statistics as plain JSON with stable keys."""
        return {
            "facts": dict(facts(self.result)),
            "points": [point.to_dict() for point in self.result.points],
            "comparison": self.comparison.to_dict(),
            "surface": None if self.surface is None else self.surface.to_dict(),
            "left": self.result.left,
        }


def evidence(result: GridResult) -> GridEvidence:
    """Compute the statistics of the trainings so far."""
    from ..studies.scaling import compare, fit_surface

    try:
        surface = fit_surface(result.points)
    except InputError:  # too few networks trained to the end
        surface = None
    return GridEvidence(
        result=result, comparison=compare(result.points), surface=surface, exponents=result.grid.exponents
    )


def write(found: GridEvidence, folder: Path) -> list[Path]:
    """Write report.md, report.json and the figures; files of the same names are replaced.

    Raises:
        InputError: the folder cannot be written.
        AutomlError: the disk refuses a file; earlier files stay as they were.
    """
    from ..studies.scaling import report_markdown, save, scaling_figure, simplex_figure

    result, grid = found.result, found.result.grid
    name = Path(grid.baseline.name).stem
    measured = capital(words(found.comparison.metric))
    try:
        make_folder(folder)
        figures = [(f"{measured} against cost for the ways of scaling", "scaling.svg")]
        save(scaling_figure(result.points, found.comparison, f"Scaling {name}"), folder / "scaling.svg")
        if len(grid.exponents) == 3:
            title = f"{name} at {grid.multiple:g} times its cost"
            figures.insert(
                0, (f"{measured} over the simplex of equal cost; a corner spends all of it on one axis", "simplex.svg")
            )
            drawing = simplex_figure(
                result.points,
                found.surface,
                found.comparison,
                exponents=grid.exponents,
                target=grid.target,
                title=title,
            )
            save(drawing, folder / "simplex.svg")
        page = report_markdown(
            result.points,
            found.comparison,
            found.surface,
            facts=facts(result),
            figures=figures,
            exponents=grid.exponents,
            target=grid.target,
        )
        write_text(folder / "report.md", page)
        write_text(folder / "report.json", json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n")
    except OSError as error:
        raise refused("--out", error) from None
    return [folder / "report.md", folder / "report.json", *(folder / path for _, path in figures)]


def facts(result: GridResult) -> Mapping[str, str]:
    """The settings, versions and hardware that are needed to repeat the grid."""
    grid = result.grid
    trained = ListedTrainings(study=result.study, plan=result.plan, seeds=result.seeds, left=result.left)
    return {
        "command": result.study.command,
        "baseline": (
            f"{Path(grid.baseline.name).name}: {int(grid.baseline.cost.macs):,} MACs,"
            f" {int(grid.baseline.cost.params):,} parameters"
        ),
        "target": (
            f"{grid.multiple:g} times its MACs within {grid.tolerance:.0%} by the {grid.rule} rule, steps of"
            f" {grid.step:g}, φ = {grid.phi:g}"
        ),
        "cost exponents": (
            ", ".join(f"{axis} {value:.3f}" for axis, value in grid.exponents.items())
            + " (measured from the cost model)"
        ),
        **training_facts(trained),
    }


def training_facts(trained: ListedTrainings) -> Mapping[str, str]:
    """The data, recipe, seeds, versions and hardware of the trainings of listed networks."""
    plan, study = trained.plan, trained.study
    trainings = study.evaluations(Purpose.SEARCH)
    devices = sorted({each.device for each in trainings})
    of_part = f" ({plan.fraction:.0%} of them an epoch)" if plan.fraction < 1 else ""
    return {
        "data": (
            f"{Path(str(study.spec.data['name'])).name}: {len(plan.split.train):,} images to train{of_part},"
            f" {len(plan.split.validation):,} to validate"
        ),
        "training": f"{plan.epochs} epochs at {plan.sized}, recipe {_recipe(plan.recipe.to_dict())}",
        "seeds": (
            ", ".join(map(str, trained.seeds))
            + " (initial weights, order and augmentation of images; the split is of the first)"
        ),
        "trainings": (
            f"{len(trainings)} in {sum(each.seconds for each in trainings) / 60:.0f} minutes of worker time;"
            f" {trained.left} left to do"
        ),
        "hardware": (
            f"{os.cpu_count()} CPU cores ({platform.machine()}), trained on {', '.join(devices) or 'nothing yet'}"
        ),
        "versions": ", ".join(f"{name} {value}" for name, value in study.versions.items()),
    }


def _recipe(recipe: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in recipe.items() if isinstance(value, int | float | str))
