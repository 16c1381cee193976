"""The conclusions that a grid permits, and their limits, as sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..records.measure import ACCURACY, words
from ..writing.markdown_table import sentence
from .compare import Comparison
from .phrases import best_point, coefficients_text, in_points, unit_of
from .response_surface import Surface
from .scaled_points import ScaledPoint, grid_of


def conclusions(
    points: Sequence[ScaledPoint],
    comparison: Comparison,
    surface: Surface | None,
    exponents: Mapping[str, float] | None,
    target: float | None,
) -> list[str]:
    """The conclusions as sentences, each with its limits."""
    lines: list[str] = []
    metric = comparison.metric
    best, margin, unbiased = best_point(points, comparison), comparison.margin, comparison.margin_unbiased
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
        how = f"{in_points(flattery, metric=metric)} {unit_of(metric)} more" if flattery > 0 else "no more"
        same = f"{in_points(margin.value, True, metric)} {unit_of(metric)}"
        lines.append(f"Chosen and compared on the same seeds the margin is {same}, {how} than on left-out seeds.")
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
        lines.append(sentence(surface.statement))
        if surface.better_than_mean and exponents and target:
            lines.append(
                f"By the surface the best coefficients are {coefficients_text(surface.optimum(exponents, target))}."
            )
    several = "accuracies" if metric == ACCURACY else f"values of {words(metric)}"
    lines.append(
        f"All {several} are of validation data, on which the best was chosen; the test data have no part in this page."
    )
    return lines
