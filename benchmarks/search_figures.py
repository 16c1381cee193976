"""The figures of `search_report.py`: means at every mark, and the regrets of all seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from search_problems import Vector
from search_runs import MARKS, SHOWN, WORDS

ACROSS = 4
"""Panels in a row."""
Curves = list[tuple[str, dict[str, dict[int, tuple[Vector, Vector]]]]]
"""Title of a panel, and for each sampler and seed the regrets at every mark."""


def means(curves: Curves, file: Path) -> None:
    """One panel a problem: mean at every mark, with its standard error."""
    figure, axes = _panels(len(curves))
    for axis, (title, found) in zip(axes, curves, strict=False):
        for sampler, runs in found.items():
            values = np.stack([pair[0] for pair in runs.values()])
            axis.errorbar(
                MARKS,
                values.mean(0),
                values.std(0) / np.sqrt(len(values)),
                label=WORDS[sampler],
                color=f"C{list(WORDS).index(sampler)}",
                capsize=2,
                linewidth=2.5 if sampler == "predictor" else 1,
            )
        axis.set_xlabel("evaluations", fontsize=8)
        _finished(axis, title)
    axes[0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def spreads(curves: Curves, file: Path) -> None:
    """One panel a problem: for each sampler a dot for each seed, after 30 evaluations (left, light)
    and 60 (right), with their median and their 95th percentile."""
    figure, axes = _panels(len(curves))
    for axis, (title, found) in zip(axes, curves, strict=False):
        for place, (sampler, runs) in enumerate(found.items()):
            values = np.stack([pair[0] for pair in runs.values()])
            for side, mark in zip((-0.2, 0.2), SHOWN, strict=True):
                shown = values[:, mark][~np.isnan(values[:, mark])]
                colour = f"C{list(WORDS).index(sampler)}"
                spots = place + side + np.linspace(-0.12, 0.12, len(shown))
                axis.plot(spots, shown, ".", color=colour, alpha=0.4 if side < 0 else 0.9, markersize=3)
                if len(shown):
                    for level in np.quantile(shown, [0.5, 0.95]):
                        axis.plot([place + side - 0.17, place + side + 0.17], [level, level], "k-", linewidth=0.8)
        axis.set_xticks(range(len(found)), list(found), rotation=60, fontsize=7)
        _finished(axis, title)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def _panels(count: int) -> tuple[Any, list[Any]]:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    matplotlib.rcParams["svg.hashsalt"] = "automl"
    down = max(1, -(-count // ACROSS))
    figure, axes = pyplot.subplots(down, ACROSS, figsize=(4 * ACROSS, 3 * down), squeeze=False)
    for axis in list(axes.flat)[count:]:
        axis.remove()
    return figure, list(axes.flat)


def _finished(axis: Any, title: str) -> None:
    axis.set_title(title, fontsize=9)
    axis.set_yscale("symlog", linthresh=0.01)
    axis.set_ylim(bottom=0)
