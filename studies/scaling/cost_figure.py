"""Draws accuracy against cost for each way of scaling, after figure 8 of arXiv:1905.11946."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..writing.figure_style import AXIS_MARKERS, COMPOUND, FAINT, INK, axis_colour, save, settle, short, style
from .compare import Comparison
from .phrases import heading, height, scale
from .rules_compared import RulesCompared
from .scaled_points import ScaledPoint, baseline_of, check, controls_of, grid_of, metric_of
from .simplex_figure import simplex_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["rules_figure", "save", "scaling_figure", "simplex_figure"]

Line = tuple[str, str, str, list[ScaledPoint]]
"""Name, colour, marker and networks of one line of a figure."""
DODGE = 3.0
"""Horizontal offset in typographic points between networks of similar cost, to separate their error
bars."""


def scaling_figure(points: Sequence[ScaledPoint], comparison: Comparison, title: str) -> Figure:
    """Accuracy against actual MACs, ± 1 standard deviation over the seeds.

    Lines lead from the baseline to each single-axis network and to the best grid point. Without a
    baseline only the networks are drawn. Networks without a complete training are left out.

    Raises:
        InputError: the points do not belong to one grid.
    """
    axes = check(points)
    base = baseline_of(points)
    base = base if base and base.n else None
    lines: list[Line] = []
    for number, axis in enumerate(axes):
        along = sorted(
            (point for point in controls_of(points) if point.control == axis and point.n), key=lambda point: point.macs
        )
        if along:
            lines.append((f"{axis} only", axis_colour(axes, axis), AXIS_MARKERS[number % len(AXIS_MARKERS)], along))
    best = next((point for point in grid_of(points) if comparison.best and point.id == comparison.best.id), None)
    if best:
        lines.append((f"compound: {best.label}", COMPOUND, "*", [best]))
    others = [point for point in grid_of(points) if point.n and point is not best]
    return _drawn(lines, base, others, title, metric_of(points))


def rules_figure(found: RulesCompared, title: str) -> Figure:
    """Accuracy against actual MACs for every rule of scaling, ± 1 standard deviation over seeds.

    A line for each rule leads through the baseline. Networks without a complete training are left
    out.
    """
    points = [one for group in found.groups for one in group.points if one.n]
    lines: list[Line] = []
    axes = tuple(found.baseline.coefficients)
    for number, axis in enumerate(axes):
        along = [one for one in points if one.control == axis]
        if along:
            lines.append((f"{axis} only", axis_colour(axes, axis), AXIS_MARKERS[number % len(AXIS_MARKERS)], along))
    if compound := grid_of(points):
        lines.append(("compound", COMPOUND, "*", compound))
    return _drawn(lines, found.baseline if found.baseline.n else None, [], title, found.metric)


def _drawn(
    lines: Sequence[Line], base: ScaledPoint | None, others: Sequence[ScaledPoint], title: str, metric: str
) -> Figure:
    """Draw the lines, the baseline, and the other networks as faint dots."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    with style():
        figure = Figure(figsize=(7.2, 4.9), layout="constrained")
        plot = figure.add_subplot()
        if others:
            plot.scatter(
                [point.macs for point in others],
                [_height(point) for point in others],
                s=16,
                color=FAINT,
                alpha=0.6,
                linewidths=0,
                label="rest of the grid",
                zorder=1,
            )
        shifts = [DODGE * (number - (len(lines) - 1) / 2) for number in range(len(lines))]
        for shift, (name, colour, marker, along) in zip(shifts, lines, strict=True):
            _line(plot, name, colour, marker, along, base, shift)
        if base:
            _bar(plot, base, INK, "o", "baseline", 0.0)
        plot.set_xlabel("multiply-adds for one image")
        plot.set_ylabel(f"validation {heading(metric)}, mean ± 1 sd over seeds")
        plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        plot.grid(axis="y", color="#E5E5E5", linewidth=0.7)
        plot.set_axisbelow(True)
        plot.margins(x=0.09)
        plot.autoscale_view()
        plot.set_title(title, pad=12, parse_math=False)
        handles, labels = plot.get_legend_handles_labels()
        if handles:
            figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8.5)
        return settle(figure)


def _height(point: ScaledPoint) -> float:
    return height(point.mean or 0.0, point.metric)


def _line(
    plot: Axes,
    name: str,
    colour: str,
    marker: str,
    along: Sequence[ScaledPoint],
    base: ScaledPoint | None,
    shift: float,
) -> None:
    through = [*along] if base is None else [base, *along]
    way = sorted(through, key=lambda point: point.macs)
    plot.plot(
        [point.macs for point in way],
        [_height(point) for point in way],
        color=colour,
        linewidth=2.2 if marker == "*" else 1.5,
        alpha=0.8,
        zorder=2,
    )
    for number, point in enumerate(along):
        _bar(plot, point, colour, marker, name if number == 0 else None, shift)


def _bar(plot: Axes, point: ScaledPoint, colour: str, marker: str, name: str | None, shift: float) -> None:
    """Draw one network's mean ± sd, moved to the right by `shift` typographic points."""
    from matplotlib.transforms import ScaledTranslation

    figure = plot.figure
    moved = plot.transData + ScaledTranslation(shift / 72, 0, figure.dpi_scale_trans)
    spread = None if point.std is None else scale(point.metric) * point.std
    middle = _height(point)
    plot.update_datalim(
        [(point.macs, middle - (spread or 0)), (point.macs, middle + (spread or 0))]
    )  # what is moved does not count by itself
    plot.errorbar(
        [point.macs],
        [middle],
        yerr=spread,
        color=colour,
        marker=marker,
        markersize=13 if marker == "*" else 7,
        markeredgecolor="white",
        markeredgewidth=0.7,
        elinewidth=1.3,
        capsize=3,
        linestyle="none",
        label=name,
        transform=moved,
        zorder=3,
    )
