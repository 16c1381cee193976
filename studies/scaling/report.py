"""A grid in words and tables: a page in Markdown, and the same in a dozen lines for a terminal.

Nothing here computes: the sentences follow from `compare` and `fit_surface`, whichever way those
fell. Accuracies are shown in percent, differences in percentage points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..statistics.intervals import Estimate, Interval
from .compare import Best, Comparison
from .drawing import percent
from .points import BASELINE, ScaledPoint, baseline_of, check, grid_of
from .surface import Surface


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
    """The page. `facts` are its first table (command, seed, versions, data), `figures` pairs of
    caption and path.

    With `exponents` the table shows the product of c ** exponent as asked; with `target` too, the
    surface's optimum.

    Raises: InputError if these do not fit the points.
    """
    check(points)
    names = {
        point.id: point.label for point in reversed(grid_of(points))
    }  # of points that are one network the first gives the name
    parts = [
        "# Compound scaling: what the grid shows",
        f"**{_sentence(comparison.verdict)}**",
        table(["", ""], [[name, value] for name, value in facts.items()]) if facts else "",
        "## Reading",
        "\n".join(f"- {line}" for line in _reading(points, comparison, surface, exponents, target)),
        *(f"![{_cell(caption)}]({path})" for caption, path in figures),
        "## Networks",
        _points_table(points, comparison, exponents),
        (
            "Accuracy: validation, mean ± standard deviation over the seeds (n - 1). *Stopped*: ended early, in no"
            " mean. *Factor*: true MACs over the baseline's."
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


def report_lines(
    points: Sequence[ScaledPoint],
    comparison: Comparison,
    surface: Surface | None,
    *,
    exponents: Mapping[str, float] | None = None,
    target: float | None = None,
) -> list[str]:
    """The same in about a dozen lines of plain text."""
    check(points)
    best = _point(points, comparison)
    noise = comparison.noise
    lines = [
        (
            f"networks    {len(grid_of(points))} of the grid, {len(comparison.controls)} single-axis, seeds"
            f" {_listed(comparison.seeds)}"
        ),
        (
            "noise      "
            f" {'unknown: no network has two seeds' if noise.sd is None else f'sd {_points(noise.sd)} points, pooled, {noise.df} degrees of freedom'}"
        ),
    ]
    if base := baseline_of(points):
        lines.append(f"baseline    {percent(base)}")
    if best and comparison.best:
        lines.append(
            f"best        {best.label}: {percent(best)},"
            f" {_interval(comparison.best.mean.interval, comparison.level, 'mean')}"
        )
        lines.append(f"            {_often(comparison.best)}{_ties(comparison)}")
    for control in comparison.controls:
        higher = f"; best is higher by {_estimate(control.difference, comparison.level)}" if control.difference else ""
        lines.append(f"control     {control.axis} only: {_mean(control.mean, control.n)}{higher}")
    lines.append(f"margin      {_estimate(comparison.margin, comparison.level)}, flattered by the choice")
    lines.append(f"unbiased    {_estimate(comparison.margin_unbiased, comparison.level)}, on left-out seeds")
    if surface is not None:
        lines.append(f"surface     {surface.statement}")
        if surface.better_than_mean and exponents and target:
            lines.append(f"optimum     {_coefficients(surface.optimum(exponents, target))}")
    return [*lines, f"verdict     {comparison.verdict}"]


def _reading(
    points: Sequence[ScaledPoint],
    comparison: Comparison,
    surface: Surface | None,
    exponents: Mapping[str, float] | None,
    target: float | None,
) -> list[str]:
    """What may be said, and what may not."""
    lines: list[str] = []
    best, margin, unbiased = _point(points, comparison), comparison.margin, comparison.margin_unbiased
    if best and comparison.best:
        others = sum(point.n > 0 for point in grid_of(points)) - 1
        if comparison.noise.sd is None:
            lines.append(
                f"Highest is {best.label}, by one seed for each network: whether another seed would choose it too is"
                " unknown."
            )
        elif others and comparison.tied:
            lines.append(
                f"{len(comparison.tied)} of {others} other grid points cannot be told from the best, so its"
                " coefficients are one choice among these."
            )
        elif others:
            lines.append(f"The best can be told from all {others} other grid points.")
        if any(contrast.id == best.id for contrast in comparison.controls):
            lines.append("The best of the grid is itself a single-axis network.")
    if margin and unbiased:
        flattery = margin.value - unbiased.value
        how = f"{_points(flattery)} points more" if flattery > 0 else "no more"
        lines.append(
            f"Chosen and compared on the same seeds the margin is {_points(margin.value, True)} points, {how} than on"
            " left-out seeds."
        )
        chosen = {fold.best for fold in comparison.folds}
        if len(comparison.folds) > 1:
            agree = "chose the same grid point" if len(chosen) == 1 else f"chose {len(chosen)} different grid points"
            lines.append(f"With one seed left out in turn, the remaining seeds {agree}.")
    if 1 < len(comparison.seeds) < 5:
        lines.append(
            f"{len(comparison.seeds)} seeds can show large differences only; a small one may exist and stay unseen."
        )
    if stopped := sum(len(point.stopped) for point in points):
        never = sum(not point.n for point in grid_of(points))
        lines.append(
            f"{stopped} trainings were stopped early and {never} grid points never finished one: what they would have"
            " reached is unknown."
        )
    if surface is not None:
        lines.append(_sentence(surface.statement))
        if surface.better_than_mean and exponents and target:
            lines.append(
                f"By the surface the best coefficients are {_coefficients(surface.optimum(exponents, target))}."
            )
    lines.append(
        "All accuracies are of validation data, on which the best was chosen; the test data have no part in this page."
    )
    return lines


def _points_table(points: Sequence[ScaledPoint], comparison: Comparison, exponents: Mapping[str, float] | None) -> str:
    axes = check(points)
    best = _point(points, comparison)
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
        spread = f" ± {_points(point.std)}" if point.std is not None else ""
        rows.append(
            [
                "**best**" if point is best else kind,
                *(f"{value:.4g}" for value in point.coefficients.values()),
                *product,
                f"{point.factor:.3f}",
                f"{point.macs:,}",
                f"{point.params:,}",
                str(point.n),
                "–" if point.mean is None else f"{100 * point.mean:.2f}{spread}",
                str(len(point.stopped) or ""),
                f"`{point.id[:8]}`",
            ]
        )
    product = ["Product"] if exponents else []
    return table(
        ["", *axes, *product, "Factor", "MACs", "Parameters", "n", "Accuracy (%)", "Stopped", "Id"], rows, left=1
    )


def _best_text(comparison: Comparison, names: Mapping[str, str]) -> str:
    best, noise = comparison.best, comparison.noise
    if best is None:
        return "No point of the grid has a complete training."
    told = f"Best: {names[best.id]}, {_mean(best.mean.value, best.mean.n)}"
    if noise.sd is None:
        return f"{told}. No network has two seeds, so there is no spread to judge it by."
    spread = (
        f"Intervals are t intervals by the variance pooled over all networks (sd {_points(noise.sd)} points, {noise.df}"
        " degrees of freedom)"
    )
    boot = (
        f"A paired bootstrap over the seeds, too narrow for few of them, gives {_range(best.mean.bootstrap)};"
        f" {_often(best)}"
    )
    return f"{told}, {_interval(best.mean.interval, comparison.level, 'mean')}. {spread}. {boot}{_ties(comparison)}."


def _ties_table(comparison: Comparison, names: Mapping[str, str]) -> str:
    if not comparison.tied:
        return ""
    rows = [
        [names[c.id], _mean(c.mean, c.n), _points(c.difference.value, True), _range(c.difference.interval, True)]
        for c in comparison.tied
        if c.difference
    ]
    return table(
        [
            "Cannot be told from the best",
            "Accuracy",
            "Best is higher by (points)",
            f"{100 * comparison.level:.4g} % interval, all at once",
        ],
        rows,
        left=1,
    )


def _controls_table(comparison: Comparison) -> str:
    if not comparison.controls:
        return "The grid has no single-axis controls."
    rows = [
        [
            f"{c.axis} only",
            _mean(c.mean, c.n),
            _points(c.difference.value, True) if c.difference else "–",
            _range(c.difference.interval, True) if c.difference else "–",
        ]
        for c in comparison.controls
    ]
    return table(
        ["Control", "Accuracy", "Best is higher by (points)", f"{100 * comparison.level:.4g} % interval"], rows, left=1
    )


def _margins(comparison: Comparison, names: Mapping[str, str]) -> str:
    margin, level = comparison.margin, comparison.level
    if margin is None:
        return "There is no margin to give: the best of the grid or the best control is missing."
    boot = (
        f"; with both chosen anew in each of {comparison.resamples:,} resamples {_range(margin.bootstrap, True)}"
        if margin.bootstrap
        else ""
    )
    lines = [
        (
            f"- Margin over the best single axis ({comparison.best_control}), as measured:"
            f" {_estimate(margin, level)}{boot}. It is flattered: the luck that made the best of many the best is"
            " in it."
        ),
        (
            f"- On left-out seeds, which had no part in the choice: {_estimate(comparison.margin_unbiased, level)}."
            " This one decides."
        ),
    ]
    axes = {contrast.id: contrast.axis for contrast in reversed(comparison.controls)}
    rows = [
        [str(fold.seed), names[fold.best], f"{axes[fold.control]} only", _points(fold.difference, True)]
        for fold in comparison.folds
    ]
    shown = (
        table(["Left-out seed", "Chosen by the others", "Against", "Difference (points)"], rows, left=3) if rows else ""
    )
    return "\n".join(lines) + (f"\n\n{shown}" if shown else "")


def _surface_text(surface: Surface | None, exponents: Mapping[str, float] | None, target: float | None) -> list[str]:
    if surface is None:
        return ["No surface was fitted."]
    lines = [
        f"Ridge regression (λ = {surface.ridge:.3g}) of the mean accuracy on second-order terms of the logarithmic"
        f" coefficients, {surface.n} networks: {surface.statement}. At the chosen ridge the leave-one-out error is"
        f" {_points(surface.loo_rmse)} points, R² against the mean {surface.loo_r2:.2f}."
    ]
    if exponents and target:
        optimum = surface.optimum(exponents, target)
        lines.append(
            f"Its maximum at {target:g} times the cost: {_coefficients(optimum)}, predicted"
            f" {100 * surface.predict(optimum):.2f} %."
        )
    rows = [[f"`{name}`", f"{value:+.5f}"] for name, value in surface.coefficients.items()]
    return [*lines, table(["Term", "Coefficient"], rows, left=1)]


def _point(points: Sequence[ScaledPoint], comparison: Comparison) -> ScaledPoint | None:
    return next((point for point in grid_of(points) if comparison.best and point.id == comparison.best.id), None)


def _ties(comparison: Comparison) -> str:
    if comparison.noise.sd is None:
        return "what ties with it is unknown"
    count = len(comparison.tied)
    return (
        f"{count} other {'grid point' if count == 1 else 'grid points'} cannot be told from it"
        if count
        else "no other grid point ties with it"
    )


def _often(best: Best) -> str:
    return "" if best.probability_best is None else f"best in {100 * best.probability_best:.0f} % of the resamples; "


def _coefficients(values: Mapping[str, float]) -> str:
    return ", ".join(f"{axis} {value:.3f}" for axis, value in values.items())


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds)) or "none"


def _mean(mean: float | None, n: int) -> str:
    return "no complete training" if mean is None else f"{100 * mean:.2f} % (n = {n})"


def _points(value: float, sign: bool = False) -> str:
    shown = round(100 * value, 2) + 0.0  # no "-0.00"
    return f"{shown:+.2f}" if sign else f"{shown:.2f}"


def _range(interval: Interval | None, sign: bool = False) -> str:
    return f"{_points(interval.low, sign)} to {_points(interval.high, sign)}" if interval else "–"


def _interval(interval: Interval | None, level: float, what: str) -> str:
    return f"{100 * level:.4g} % interval of the {what} {_range(interval)}" if interval else "no interval: one seed"


def _estimate(estimate: Estimate | None, level: float) -> str:
    if estimate is None:
        return "unknown"
    within = f"{100 * level:.4g} % interval {_range(estimate.interval, True)}" if estimate.interval else "no interval"
    return f"{_points(estimate.value, True)} points ({within}, n = {estimate.n})"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 2) -> str:
    """A table in Markdown. Columns from `left` on are numbers, and stand to the right."""
    rule = ["---" if number < left else "--:" for number in range(len(head))]
    lines = [head, rule, *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)
