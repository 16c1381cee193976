"""The result of a grid in lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .compare import Comparison
from .phrases import (
    best_point,
    coefficients_text,
    estimate_text,
    higher,
    in_points,
    level_and_interval,
    mean_text,
    often_text,
    percent,
    ties_text,
    unit_of,
)
from .response_surface import Surface
from .scaled_points import ScaledPoint, baseline_of, check, grid_of


def report_lines(
    points: Sequence[ScaledPoint],
    comparison: Comparison,
    surface: Surface | None,
    *,
    exponents: Mapping[str, float] | None = None,
    target: float | None = None,
) -> list[str]:
    """The result of a grid in about a dozen lines of plain text."""
    check(points)
    best = best_point(points, comparison)
    noise, metric = comparison.noise, comparison.metric
    spread = "unknown: no network has two seeds"
    if noise.sd is not None:
        spread = f"sd {in_points(noise.sd, metric=metric)} {unit_of(metric)}, pooled, {noise.df} degrees of freedom"
    lines = [
        (
            f"networks    {len(grid_of(points))} of the grid, {len(comparison.controls)} single-axis, seeds"
            f" {', '.join(map(str, comparison.seeds)) or 'none'}"
        ),
        f"noise       {spread}",
    ]
    if base := baseline_of(points):
        lines.append(f"baseline    {percent(base)}")
    if best and comparison.best:
        lines.append(
            f"best        {best.label}: {percent(best)},"
            f" {level_and_interval(comparison.best.mean.interval, comparison.level, 'mean', metric)}"
        )
        lines.append(f"            {often_text(comparison.best)}{ties_text(comparison)}")
    for control in comparison.controls:
        apart = ""
        if control.difference:
            apart = f"; best {higher(metric)} {estimate_text(control.difference, comparison.level, metric)}"
        lines.append(f"control     {control.axis} only: {mean_text(control.mean, control.n, metric)}{apart}")
    lines.append(f"margin      {estimate_text(comparison.margin, comparison.level, metric)}, flattered by the choice")
    unbiased = estimate_text(comparison.margin_unbiased, comparison.level, metric)
    lines.append(f"unbiased    {unbiased}, on left-out seeds")
    if surface is not None:
        lines.append(f"surface     {surface.statement}")
        if surface.better_than_mean and exponents and target:
            lines.append(f"optimum     {coefficients_text(surface.optimum(exponents, target))}")
    return [*lines, f"verdict     {comparison.verdict}"]
