"""A grid about another measure than accuracy: the same decisions, and values as people see them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.studies.quality import measures
from automl.studies.scaling import (
    AtMultiple,
    ScaledPoint,
    accuracy_table,
    compare,
    compare_rules,
    fit_surface,
    network_table,
    report_lines,
    report_markdown,
    rule_conclusions,
    rules_figure,
    rules_markdown,
    scaling_figure,
    simplex_figure,
)
from matplotlib.text import Text

Grid = Callable[..., list[ScaledPoint]]
Truth = Callable[[np.ndarray], float]
EXPONENTS = {"depth": 1.0, "width": 2.0, "resolution": 2.0}
OTHERS = [name for name in measures.names() if name != "accuracy"]


def of(points: list[ScaledPoint], metric: str, lowered: float = 0.0) -> list[ScaledPoint]:
    """The same points as values of another measure, each lowered by as much."""
    return [
        replace(one, metric=metric, accuracies={seed: value - lowered for seed, value in one.accuracies.items()})
        for one in points
    ]


def told(points: list[ScaledPoint]) -> str:
    """All that a terminal and a page say of a grid."""
    comparison, surface = compare(points, resamples=100), fit_surface(points)
    lines = report_lines(points, comparison, surface, exponents=EXPONENTS, target=2.0)
    page = report_markdown(points, comparison, surface, facts={}, figures=[], exponents=EXPONENTS, target=2.0)
    return "\n".join([*lines, page])


def rules_of(points: list[ScaledPoint]) -> Any:
    base, best, *controls = [points[0], points[5], *points[-3:]]
    return compare_rules(base, [AtMultiple(multiple=2.0, points=(best, *controls), unreached={})])


def told_of_rules(points: list[ScaledPoint]) -> str:
    found = rules_of(points)
    tables = [str(part) for part in (*accuracy_table(found), *network_table(found))]
    return "\n".join([*tables, *rule_conclusions(found), rules_markdown(found, facts={}, figures=[])])


def drawn(points: list[ScaledPoint]) -> str:
    comparison = compare(points, resamples=50)
    figures = (
        simplex_figure(points, fit_surface(points), comparison, exponents=EXPONENTS, target=2.0, title="t"),
        scaling_figure(points, comparison, "t"),
        rules_figure(rules_of(points), "t"),
    )
    return "\n".join(text.get_text() for figure in figures for text in figure.findobj(Text))  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("metric", OTHERS)
def test_every_measure_is_named_and_no_accuracy_is_spoken_of(metric: str, grid: Grid, hill: Truth) -> None:
    one = measures.get(metric)
    points = of(grid(hill), metric, 10.0 if one.smaller_is_better else 0.0)
    for text in (told(points), told_of_rules(points)):
        assert one.words in text
        assert bool(re.search(r"[+-][\d.]+ points", text)) == one.share  # control: shares have percentage points
        assert "accurac" not in text.lower().replace(one.words, "")
        assert "nan" not in text


def test_figures_name_the_measure_at_their_axes(grid: Grid, hill: Truth) -> None:
    text = drawn(of(grid(hill), "mae", 10.0))
    assert text.count("MAE") >= 3
    assert "accuracy" not in text
    assert "%), ± 1 sd" not in text
    assert "accuracy (%)" in drawn(grid(hill))


@pytest.mark.parametrize("truth", [None, lambda shares: 0.8 + 0.1 * float((shares**2).sum())])
def test_smaller_is_better_gives_the_same_decisions_with_values_of_the_other_sign(
    truth: Truth | None, grid: Grid, hill: Truth
) -> None:
    points = grid(truth or hill)
    by_accuracy, by_error = (compare(each, resamples=200) for each in (points, of(points, "mae", 10.0)))
    assert by_error.best is not None
    assert by_accuracy.best is not None
    assert (by_error.best.id, by_error.best_control) == (by_accuracy.best.id, by_accuracy.best_control)
    assert by_error.verdict.split(" (")[0] == by_accuracy.verdict.split(" (")[0]
    one, other = by_accuracy.to_dict(), by_error.to_dict()
    assert other["metric"] == "mae"
    for key in ("margin", "margin_unbiased"):
        assert other[key]["value"] == pytest.approx(-one[key]["value"])
        assert other[key]["interval"] == pytest.approx([-end for end in reversed(one[key]["interval"])])
    assert other["best"]["mean"]["value"] == pytest.approx(10 - one["best"]["mean"]["value"])
    assert other["folds"][0]["difference"] == pytest.approx(-one["folds"][0]["difference"])
    assert other["noise"] == pytest.approx(one["noise"])
    networks = [each.to_dict() for each in of(points, "mae", 10.0)]
    assert networks[3]["mean"] == pytest.approx(10 - (points[3].mean or 0))
    assert networks[3]["accuracies"]["0"] == pytest.approx(10 - points[3].accuracies[0])
    assert networks[3]["std"] == pytest.approx(points[3].std)


def test_an_error_that_compound_scaling_lowers_is_shown_with_a_minus_sign(grid: Grid, hill: Truth) -> None:
    points = of(grid(hill), "mae", 10.0)
    found = compare(points, resamples=100)
    assert found.verdict.startswith("compound beats the best single axis (-0.0")
    assert "MAE on left-out seeds, 95 % interval -0.0" in found.verdict
    text = told(points)
    assert "Its minimum at 2 times the cost" in text
    assert "Best differs by (MAE)" in text
    assert "Its maximum at 2 times the cost" in told(grid(hill))
    assert "Best is higher by (points)" in told(grid(hill))


def test_the_surface_has_the_sign_of_what_is_shown(grid: Grid, hill: Truth) -> None:
    points = grid(hill)
    one, other = fit_surface(points).to_dict(), fit_surface(of(points, "mae", 10.0)).to_dict()
    assert other["metric"] == "mae"
    assert other["coefficients"]["depth*width"] == pytest.approx(-one["coefficients"]["depth*width"], abs=1e-9)


def test_values_outside_of_the_measure_and_several_measures_are_refused(point: Callable[..., ScaledPoint]) -> None:
    assert point("a", [-4.2], metric="mae").to_dict()["mean"] == pytest.approx(4.2)
    with pytest.raises(InputError, match=r"between 0 and inf, but got -4.2 \(seed 0 of a\)"):
        point("a", [4.2], metric="mae")
    with pytest.raises(InputError, match="one measure, but got accuracy and macro-f1"):
        compare([point("a", [0.5]), point("b", [0.5], metric="macro-f1")])
