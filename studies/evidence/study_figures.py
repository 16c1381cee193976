"""Draws the two figures of a study: accuracy against cost, and progress beside random search."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...spaces.metrics import DEFAULT_AXIS
from ..records.measure import SCORE, in_percent, shown, words
from ..writing.figure_style import AXIS_COLOURS, COMPOUND, FAINT, INK, settle, short, style
from .search_rows import RANDOM, REFERENCE, Row
from .summary import Evidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RANDOM_COLOUR = AXIS_COLOURS[0]
GUIDED_COLOUR = AXIS_COLOURS[1]
REFERENCE_COLOUR = AXIS_COLOURS[2]


def front_figure(found: Evidence) -> Figure:
    """Accuracy against cost of all networks, with the front and confirmed means ± sd.

    Networks that were stopped early are drawn at the accuracy they had.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    scale = _scale(found)
    with style():
        figure = Figure(figsize=(7.2, 4.9), layout="constrained")
        plot = figure.add_subplot()
        stopped = [row for row in found.rows if not row.complete and row.state != "FAIL" and row.curve]
        finished = [row for row in found.rows if row.complete]
        low = _floor([row.reached for row in finished if row.reached is not None])
        _dots(plot, found, stopped, scale, "stopped early, or below", "none", FAINT, "v", low)
        _dots(
            plot,
            found,
            [row for row in finished if row.origin == RANDOM],
            scale,
            "random",
            RANDOM_COLOUR,
            RANDOM_COLOUR,
            "s",
        )
        _dots(
            plot,
            found,
            [row for row in finished if row.origin not in (RANDOM, REFERENCE)],
            scale,
            "search",
            GUIDED_COLOUR,
            GUIDED_COLOUR,
            "o",
        )
        references = [row for row in finished if row.origin == REFERENCE]
        _dots(plot, found, references, scale, "references", REFERENCE_COLOUR, REFERENCE_COLOUR, "D")
        if found.front:
            costs, values = [point.cost for point in found.front], [scale * point.accuracy for point in found.front]
            plot.step(costs, values, where="post", color=INK, linewidth=1.2, label="front", zorder=2)
        confirmed = () if found.measure == SCORE else found.seeds.networks  # accuracies have no place among scores
        for number, one in enumerate(one for one in confirmed if one.id in found.candidates):
            plot.errorbar(
                [found.candidates[one.id].cost(found.axis)],
                [scale * one.mean],
                yerr=None if one.std is None else abs(scale) * one.std,
                color=COMPOUND,
                marker="*",
                markersize=12,
                markeredgecolor="white",
                markeredgewidth=0.7,
                elinewidth=1.3,
                capsize=3,
                linestyle="none",
                zorder=4,
                label="confirmed, mean ± 1 sd over seeds" if number == 0 else None,
            )
        plot.set_xlabel(_cost_label(found))
        plot.set_ylabel(_label(found))
        plot.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(found, value)))
        _finish(figure, plot, f"{found.study}: {words(found.measure)} and cost")
        return settle(figure)


def progress_figure(found: Evidence) -> Figure:
    """The best so far over evaluations and over hours, beside random search with its 95 % band."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(9.6, 4.4), layout="constrained")
        plots = figure.subplots(1, 2, sharey=True)
        rows = [row for row in found.rows if row.state != "WAITING"]
        hours = list(itertools.accumulate(row.seconds / 3600 for row in rows))
        each = found.seconds_random
        _progress(plots[0], found, rows, list(range(1, len(rows) + 1)), 1.0)
        _progress(plots[1], found, rows, hours, None if each is None else each / 3600)
        plots[0].set_xlabel("evaluations ended")
        plots[1].set_xlabel("hours of training, all workers together")
        plots[0].set_ylabel(_label(found))
        _finish(figure, plots[0], f"{found.study}: best so far")
        plots[1].grid(axis="y", color="#E5E5E5", linewidth=0.7)
        return settle(figure)


def _progress(plot: Axes, found: Evidence, rows: Sequence[Row], spent: Sequence[float], unit: float | None) -> None:
    """Draw one panel; `unit` is the cost of a random network on its axis, None for no baseline."""
    scale = _scale(found)
    curve = found.baseline.curve
    if curve and unit:
        for part, linestyle, name in (
            (False, "-", "random search, expected"),
            (True, "--", "random search, extrapolated"),
        ):
            known = [point for point in curve if point.extrapolated == part]
            if part:  # the two join where the random part ends
                known = [point for point in curve if not point.extrapolated][-1:] + known
            if len(known) > 1 or not part:
                plot.plot(
                    [unit * one.n for one in known],
                    [scale * one.value for one in known],
                    linestyle,
                    color=RANDOM_COLOUR,
                    linewidth=1.4,
                    label=name,
                )
        across = [unit * one.n for one in curve]
        low, high = ([scale * one.interval[end] for one in curve] for end in (0, 1))
        plot.fill_between(across, low, high, color=RANDOM_COLOUR, alpha=0.15, linewidth=0, label="its 95 % interval")
    best: list[tuple[float, float]] = []
    for at, row in zip(spent, rows, strict=True):
        if row.origin != REFERENCE and row.reached is not None and (not best or row.reached > best[-1][1]):
            best.append((at, row.reached))
    if best:
        steps = [*best, (spent[-1], best[-1][1])]
        plot.step(
            [at for at, _ in steps],
            [scale * value for _, value in steps],
            where="post",
            color=COMPOUND,
            linewidth=1.8,
            label="search, best so far",
            zorder=3,
        )


def _dots(
    plot: Axes,
    found: Evidence,
    rows: Sequence[Row],
    scale: float,
    name: str,
    face: str,
    edge: str,
    marker: str,
    low: float = -math.inf,
) -> None:
    """Draw networks at their accuracies, but none below `low`.

    Networks with a few epochs of training would otherwise compress the scale of all others.
    """
    shown = [
        (found.candidates[row.id].cost(found.axis), row.reached if row.reached is not None else row.curve[-1][1])
        for row in rows
        if row.id in found.candidates
    ]
    if shown:
        plot.scatter(
            [cost for cost, _ in shown],
            [scale * max(value, low) for _, value in shown],
            s=20,
            marker=marker,
            facecolors=face,
            edgecolors=edge,
            linewidths=0.8,
            alpha=0.75,
            label=name,
            zorder=1,
        )


def _finish(figure: Figure, plot: Axes, title: str) -> None:
    plot.grid(axis="y", color="#E5E5E5", linewidth=0.7)
    plot.set_axisbelow(True)
    plot.set_title(title, pad=12, parse_math=False)
    handles, labels = plot.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=8.5)
    else:
        plot.text(0.5, 0.5, "nothing to show yet", transform=plot.transAxes, ha="center", va="center", color=FAINT)


def _floor(values: Sequence[float]) -> float:
    """The lowest accuracy drawn: below all of `values` by half of their range."""
    return min(values) - 0.5 * (max(values) - min(values)) if values else -math.inf


def _scale(found: Evidence) -> float:
    """By which values are multiplied; negative where smaller is better."""
    return 100.0 if in_percent(found.measure) else shown(found.measure, 1.0)


def _label(found: Evidence) -> str:
    if found.measure == SCORE:
        return "score"
    return f"validation {words(found.measure)}{' (%)' if in_percent(found.measure) else ''}"


def _cost_label(found: Evidence) -> str:
    """The first clause of what the metric is: "multiply-adds for one image"."""
    return re.split("[;,]", found.metric.words)[0] or found.metric.head


def _tick(found: Evidence, value: float) -> str:
    return short(value) if found.axis == DEFAULT_AXIS else found.metric.short(value)
