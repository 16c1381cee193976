"""Draws accuracy over the shares of the cost that each axis takes.

The figure is a triangle for three axes, a strip for two, parallel coordinates otherwise. The share
of an axis is e·log c divided by its sum over all axes, its part of the logarithmic cost. At equal
cost the shares determine the coefficients. They are those of the requested coefficients, also for
networks whose actual cost differs from the target.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..writing.figure_style import COMPOUND, FAINT, INK, MAP, accuracy_scale, axis_colour, settle, style
from .compare import Comparison
from .phrases import heading, height, percent, scale
from .response_surface import Surface, spans_of
from .scaled_points import BASELINE, ScaledPoint, check, grid_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]
CORNERS: Floats = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, math.sqrt(3) / 2]])
STEPS = 60
"""Number of grid steps of the surface along each side."""


def simplex_figure(
    points: Sequence[ScaledPoint],
    surface: Surface | None,
    comparison: Comparison,
    *,
    exponents: Mapping[str, float],
    target: float,
    title: str,
) -> Figure:
    """All networks except the baseline by their shares, coloured by mean accuracy.

    The fitted surface is drawn below them if there is one.

    Raises:
        InputError: the points do not belong to one grid, or exponents or target do not fit them.
    """
    from matplotlib.figure import Figure

    axes = check(points)
    spans = spans_of(axes, exponents, target)
    placed = [
        (point, shares)
        for point in points
        if point.control != BASELINE and (shares := _shares(point, spans)) is not None
    ]
    with style():
        figure = Figure(figsize=(7.2, 6.6 if len(axes) == 3 else 5.2), layout="constrained")
        plot = figure.add_subplot()
        draw = {2: _strip, 3: _triangle}.get(len(axes), _parallel)
        draw(figure, plot, axes, spans, placed, surface, comparison)
        figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold", parse_math=False)
        handles, labels = plot.get_legend_handles_labels()
        note = _caption(surface, len(axes))
        figure.legend(
            handles,
            labels,
            loc="outside lower center",
            ncols=3,
            fontsize=8.5,
            markerscale=0.75,
            title=note,
            title_fontsize=8,
        )
        return settle(figure)


def _shares(point: ScaledPoint, spans: Floats) -> Floats | None:
    """The shares of the axes; None if the coefficients do not change the cost."""
    shares = np.log(list(point.coefficients.values())) / spans
    return shares / shares.sum() if abs(shares.sum()) > 1e-9 else None


def _caption(surface: Surface | None, axes: int) -> str:
    note = "Position: the share of the logarithmic cost that each axis takes."
    ground = {2: "Line", 3: "Coloured ground"}.get(axes)
    if surface is None or ground is None:
        return note
    saved = f"{surface.errors}, the mean's {surface.size(surface.mean_rmse)}"
    return (
        f"{note}\n{ground}: fitted surface, {saved}{'' if surface.better_than_mean else ': no better than the mean'}."
    )


def _kinds(
    placed: Sequence[tuple[ScaledPoint, Floats]], comparison: Comparison
) -> dict[str, tuple[list[int], dict[str, object]]]:
    """Legend entry -> (indices of its points, style of their markers); each point has one entry."""
    best = comparison.best.id if comparison.best else None
    tied = {contrast.id for contrast in comparison.tied}
    kinds: dict[str, tuple[list[int], dict[str, object]]] = {
        "grid": ([], {"marker": "o", "s": 62, "edgecolors": "white", "linewidths": 0.8}),
        "grid, cannot be told from the best": ([], {"marker": "o", "s": 62, "edgecolors": INK, "linewidths": 1.3}),
        "single axis": ([], {"marker": "D", "s": 62, "edgecolors": INK, "linewidths": 1.0}),
        "best": ([], {"marker": "*", "s": 330, "edgecolors": COMPOUND, "linewidths": 1.5}),
        "no complete training": ([], {"marker": "x", "s": 36, "color": FAINT, "linewidths": 1.3}),
    }
    found = False
    for index, (point, _) in enumerate(placed):
        kind = "grid, cannot be told from the best" if point.id in tied else "grid"
        if point.mean is None:
            kind = "no complete training"
        elif point.control is not None:
            kind = "single axis"
        elif point.id == best and not found:
            kind, found = "best", True
        kinds[kind][0].append(index)
    return {kind: entry for kind, entry in kinds.items() if entry[0]}


def _means(placed: Sequence[tuple[ScaledPoint, Floats]]) -> list[float]:
    return [math.nan if point.mean is None else height(point.mean, point.metric) for point, _ in placed]


def _known(values: Sequence[float]) -> list[float]:
    return [value for value in values if not math.isnan(value)]


def _triangle(
    figure: Figure,
    plot: Axes,
    axes: Sequence[str],
    spans: Floats,
    placed: Sequence[tuple[ScaledPoint, Floats]],
    surface: Surface | None,
    comparison: Comparison,
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import MaxNLocator

    means = _means(placed)
    ground, heights = np.empty((0, 3)), np.empty(0)
    if surface is not None:
        ground = np.array([(i, j, STEPS - i - j) for i in range(STEPS + 1) for j in range(STEPS + 1 - i)]) / STEPS
        heights = height(1.0, surface.metric) * surface.at(ground * spans)
    colours_of = accuracy_scale([*_known(means), *heights])
    if len(ground):
        levels = MaxNLocator(11).tick_values(colours_of.vmin or 0.0, colours_of.vmax or 0.0)
        plot.tricontourf(*(ground @ CORNERS).T, heights, levels=levels, cmap=MAP, norm=colours_of, zorder=0)  # pyright: ignore[reportCallIssue]
    plot.plot(*CORNERS[[0, 1, 2, 0]].T, color="#666666", linewidth=1.0, zorder=2)
    _ruler(plot, axes)
    spots = np.array([shares for _, shares in placed]).reshape(-1, 3) @ CORNERS
    for order, (kind, (rows, look)) in enumerate(_kinds(placed, comparison).items()):
        colours = {} if "color" in look else {"c": [means[row] for row in rows], "cmap": MAP, "norm": colours_of}
        plot.scatter(*spots[rows].T, label=kind, zorder=4 + order, **colours, **look)  # pyright: ignore[reportArgumentType]
    bar = figure.colorbar(ScalarMappable(norm=colours_of, cmap=MAP), ax=plot, shrink=0.62, pad=0.03)
    bar.set_label(f"mean validation {heading(comparison.metric)}")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    best = next(
        (point for point in grid_of(p for p, _ in placed) if comparison.best and point.id == comparison.best.id), None
    )
    if best:
        plot.text(
            0.0,
            0.985,
            f"best: {best.label}\n{percent(best)}",
            transform=plot.transAxes,
            va="top",
            fontsize=8.5,
            color=COMPOUND,
        )
    plot.set_aspect("equal")
    plot.set_xlim(-0.14, 1.14)
    plot.set_ylim(-0.1, 1.0)
    plot.axis("off")


def _ruler(plot: Axes, axes: Sequence[str]) -> None:
    """Draw and label the lines of equal share at every quarter, in the colour of their axis."""
    for number, axis in enumerate(axes):
        colour = axis_colour(axes, axis)
        after, before = (number + 1) % 3, (number + 2) % 3
        for share in (0.25, 0.5, 0.75):
            ends = np.zeros((2, 3))
            ends[:, number] = share
            ends[0, after], ends[1, before] = 1 - share, 1 - share
            line = ends @ CORNERS
            plot.plot(*line.T, color="white", linewidth=0.7, alpha=0.75, zorder=1)
            outward = line[0] + 0.05 * (line[0] - line[1]) / np.linalg.norm(line[0] - line[1])
            plot.text(
                float(outward[0]),
                float(outward[1]),
                f"{share:.0%}",
                fontsize=7.5,
                color=colour,
                ha="center",
                va="center",
            )
        corner = CORNERS[number] + 0.07 * (CORNERS[number] - CORNERS.mean(axis=0))
        vertical = "bottom" if number == 2 else "top"
        plot.text(
            float(corner[0]),
            float(corner[1]),
            f"{axis} only",
            ha="center",
            va=vertical,
            color=colour,
            fontweight="bold",
            fontsize=10.5,
        )


def _strip(
    figure: Figure,
    plot: Axes,
    axes: Sequence[str],
    spans: Floats,
    placed: Sequence[tuple[ScaledPoint, Floats]],
    surface: Surface | None,
    comparison: Comparison,
) -> None:
    del figure
    if surface is not None:
        across = np.linspace(0, 1, 201)
        plot.plot(
            100 * across,
            height(1.0, surface.metric) * surface.at(np.column_stack([1 - across, across]) * spans),
            color=FAINT,
            linewidth=1.5,
            label="surface",
            zorder=1,
        )
    means = _means(placed)
    for kind, (rows, look) in _kinds(placed, comparison).items():
        rows = [row for row in rows if not math.isnan(means[row])]
        if not rows:  # without an accuracy there is no height to draw it at
            continue
        where, heights = [100 * placed[row][1][1] for row in rows], [means[row] for row in rows]
        spread = [scale(comparison.metric) * (placed[row][0].std or 0.0) for row in rows]
        plot.errorbar(where, heights, spread, fmt="none", ecolor=FAINT, elinewidth=1, capsize=2.5, zorder=2)
        plot.scatter(
            where,
            heights,
            label=kind,
            color=COMPOUND if kind == "best" else axis_colour(axes, axes[0]),
            zorder=3,
            **look,  # pyright: ignore[reportArgumentType]
        )
    plot.set_xlabel(f"share of {axes[1]} (%); the rest is {axes[0]}")
    plot.set_ylabel(f"validation {heading(comparison.metric)}, ± 1 sd")


def _parallel(
    figure: Figure,
    plot: Axes,
    axes: Sequence[str],
    spans: Floats,
    placed: Sequence[tuple[ScaledPoint, Floats]],
    surface: Surface | None,
    comparison: Comparison,
) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable

    del spans, surface
    means = _means(placed)
    colours_of = accuracy_scale(_known(means))
    where = np.arange(len(axes))
    best = comparison.best.id if comparison.best else None
    marked = False
    for row in sorted(
        range(len(placed)), key=lambda row: -math.inf if math.isnan(means[row]) else placed[row][0].mean or 0.0
    ):
        point, shares = placed[row]
        colour = FAINT if math.isnan(means[row]) else colormaps[MAP](colours_of(means[row]))
        kind = "--" if point.control else "-"
        if point.id == best and point.control is None and not marked:
            marked = True
            plot.plot(
                where,
                100 * shares,
                color=COMPOUND,
                linewidth=5.5,
                alpha=0.9,
                zorder=3,
                label=f"best: {point.label}, {percent(point)}",
            )
        plot.plot(where, 100 * shares, kind, color=colour, linewidth=1.8, marker="o", markersize=4, zorder=4)
    for at in where:
        plot.axvline(float(at), color="#CCCCCC", linewidth=0.8, zorder=0)
    plot.set_xticks(where, list(axes))
    plot.set_ylabel("share of the logarithmic cost (%)")
    bar = figure.colorbar(ScalarMappable(norm=colours_of, cmap=MAP), ax=plot, pad=0.02)
    bar.set_label(f"mean validation {heading(comparison.metric)}; dashed: single axis")
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
