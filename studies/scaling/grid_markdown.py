"""The result of a grid as a page in Markdown.

The page computes nothing: its sentences follow from `compare` and `fit_surface`. Shares, such
as accuracies, are shown in percent, their differences in percentage points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..evidence.numbers import Numbers
from ..records.measure import shown, words
from ..writing.markdown_table import capital, cell, plain, sentence, table
from .compare import Comparison
from .conclusions import conclusions
from .phrases import (
    best_point,
    coefficients_text,
    estimate_text,
    heading,
    higher,
    in_points,
    in_value,
    interval_points,
    interval_values,
    level_and_interval,
    mean_text,
    often_text,
    ties_text,
    unit_of,
)
from .response_surface import Surface
from .scaled_points import BASELINE, ScaledPoint, check, grid_of


def report_markdown(
    points: Sequence[ScaledPoint],
    comparison: Comparison,
    surface: Surface | None,
    *,
    facts: Mapping[str, str],
    figures: Sequence[tuple[str, str]],
    exponents: Mapping[str, float] | None = None,
    target: float | None = None,
) -> str:
    """The report of a grid as a page in Markdown.

    `facts` are the rows of the first table (command, seed, versions, data), `figures` pairs of
    caption and path. With `exponents` the table of networks shows the product of c ** exponent of
    the requested coefficients; with `target` as well, the page gives the optimum of the surface.

    Raises:
        InputError: the points do not belong to one grid, or exponents or target do not fit them.
    """
    check(points)
    names = {
        point.id: point.label for point in reversed(grid_of(points))
    }  # of points that are one network the first gives the name
    parts = [
        "# Compound scaling: what the grid shows",
        f"**{sentence(comparison.verdict)}**",
        table(["", ""], [[name, plain(value)] for name, value in facts.items()]) if facts else "",
        "## Reading",
        "\n".join(f"- {line}" for line in conclusions(points, comparison, surface, exponents, target)),
        *(f"![{cell(caption)}]({path})" for caption, path in figures),
        "## Networks",
        _points_table(points, comparison, exponents),
        (
            f"{capital(words(comparison.metric))}: validation, mean ± standard deviation over the seeds (n - 1)."
            " *Stopped*: ended early, in no mean. *Factor*: true MACs over the baseline's."
        ),
        "## Best against the rest of the grid",
        _best_text(comparison, names),
        _ties_table(comparison, names),
        "## Best against single axes",
        _controls_table(comparison),
        _margins(comparison, names),
        "## Surface",
        *_surface_text(surface, exponents, target),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _points_table(points: Sequence[ScaledPoint], comparison: Comparison, exponents: Mapping[str, float] | None) -> str:
    axes = check(points)
    best = best_point(points, comparison)
    rows = []
    for point in points:
        kind = (
            "grid" if point.control is None else point.control if point.control == BASELINE else f"{point.control} only"
        )
        product = (
            [f"{math.prod(value ** exponents[axis] for axis, value in point.coefficients.items()):.3f}"]
            if exponents
            else []
        )
        spread = f" ± {in_points(point.std, metric=point.metric)}" if point.std is not None else ""
        rows.append(
            [
                "**best**" if point is best else kind,
                *(f"{value:.4g}" for value in point.coefficients.values()),
                *product,
                f"{point.factor:.3f}",
                f"{point.macs:,}",
                f"{point.params:,}",
                str(point.n),
                "–" if point.mean is None else f"{in_value(point.mean, point.metric)}{spread}",
                str(len(point.stopped) or ""),
                f"`{point.id[:8]}`",
            ]
        )
    product = ["Product"] if exponents else []
    measured = capital(heading(comparison.metric))
    return table(["", *axes, *product, "Factor", "MACs", "Parameters", "n", measured, "Stopped", "Id"], rows, left=1)


def _best_text(comparison: Comparison, names: Mapping[str, str]) -> str:
    best, noise, metric = comparison.best, comparison.noise, comparison.metric
    if best is None:
        return "No point of the grid has a complete training."
    told = f"Best: {names[best.id]}, {mean_text(best.mean.value, best.mean.n, metric)}"
    if noise.sd is None:
        return f"{told}. No network has two seeds, so there is no spread to judge it by."
    spread = (
        f"Intervals are t intervals by the variance pooled over all networks (sd"
        f" {in_points(noise.sd, metric=metric)} {unit_of(metric)}, {noise.df} degrees of freedom)"
    )
    boot = (
        f"A paired bootstrap over the seeds, too narrow for few of them, gives"
        f" {interval_values(best.mean.bootstrap, metric)}; {often_text(best)}"
    )
    interval = level_and_interval(best.mean.interval, comparison.level, "mean", metric)
    return f"{told}, {interval}. {spread}. {boot}{ties_text(comparison)}."


def _ties_table(comparison: Comparison, names: Mapping[str, str]) -> str:
    if not comparison.tied:
        return ""
    metric = comparison.metric
    rows = [
        [
            names[c.id],
            mean_text(c.mean, c.n, metric),
            in_points(c.difference.value, True, metric),
            interval_points(c.difference.interval, metric),
        ]
        for c in comparison.tied
        if c.difference
    ]
    return table(
        [
            "Cannot be told from the best",
            capital(words(metric)),
            f"Best {higher(metric)} ({unit_of(metric)})",
            f"{100 * comparison.level:.4g} % interval, all at once",
        ],
        rows,
        left=1,
    )


def _controls_table(comparison: Comparison) -> str:
    if not comparison.controls:
        return "The grid has no single-axis controls."
    metric = comparison.metric
    rows = [
        [
            f"{c.axis} only",
            mean_text(c.mean, c.n, metric),
            in_points(c.difference.value, True, metric) if c.difference else "–",
            interval_points(c.difference.interval, metric) if c.difference else "–",
        ]
        for c in comparison.controls
    ]
    apart = f"Best {higher(metric)} ({unit_of(metric)})"
    return table(["Control", capital(words(metric)), apart, f"{100 * comparison.level:.4g} % interval"], rows, left=1)


def _margins(comparison: Comparison, names: Mapping[str, str]) -> str:
    margin, level, metric = comparison.margin, comparison.level, comparison.metric
    if margin is None:
        return "There is no margin to give: the best of the grid or the best control is missing."
    boot = (
        f"; with both chosen anew in each of {comparison.resamples:,} resamples"
        f" {interval_points(margin.bootstrap, metric)}"
        if margin.bootstrap
        else ""
    )
    lines = [
        (
            f"- Margin over the best single axis ({comparison.best_control}), as measured:"
            f" {estimate_text(margin, level, metric)}{boot}. It is flattered: the luck that made the best of many the"
            " best is in it."
        ),
        (
            f"- On left-out seeds, which had no part in the choice:"
            f" {estimate_text(comparison.margin_unbiased, level, metric)}. This one decides."
        ),
    ]
    axes = {contrast.id: contrast.axis for contrast in reversed(comparison.controls)}
    rows = [
        [str(fold.seed), names[fold.best], f"{axes[fold.control]} only", in_points(fold.difference, True, metric)]
        for fold in comparison.folds
    ]
    shown = (
        table(["Left-out seed", "Chosen by the others", "Against", f"Difference ({unit_of(metric)})"], rows, left=3)
        if rows
        else ""
    )
    return "\n".join(lines) + (f"\n\n{shown}" if shown else "")


def _surface_text(surface: Surface | None, exponents: Mapping[str, float] | None, target: float | None) -> list[str]:
    if surface is None:
        return ["No surface was fitted."]
    metric = surface.metric
    error = f"{in_points(surface.loo_rmse, metric=metric)} {unit_of(metric)}"
    lines = [
        f"Ridge regression (λ = {surface.ridge:.3g}) of the mean {words(metric)} on second-order terms of the"
        f" logarithmic coefficients, {surface.n} networks: {surface.statement}. At the chosen ridge the leave-one-out"
        f" error is {error}, R² against the mean {surface.loo_r2:.2f}."
    ]
    if exponents and target:
        optimum = surface.optimum(exponents, target)
        extremum = "maximum" if shown(metric, 1.0) > 0 else "minimum"
        lines.append(
            f"Its {extremum} at {target:g} times the cost: {coefficients_text(optimum)}, predicted"
            f" {Numbers(metric).value(surface.predict(optimum))}."
        )
    rows = [[f"`{name}`", f"{shown(metric, value):+.5f}"] for name, value in surface.coefficients.items()]
    return [*lines, table(["Term", "Coefficient"], rows, left=1)]
