"""The page and the lines say what the numbers say, whichever way they fall."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from automl.studies.scaling import ScaledPoint, compare, fit_surface, report_lines, report_markdown

Make = Callable[..., ScaledPoint]
Grid = Callable[..., list[ScaledPoint]]
Truth = Callable[[np.ndarray], float]
THREE = {"depth": 1.0, "width": 2.0, "resolution": 2.0}


def page(points: list[ScaledPoint], *, surface: bool = True, asked: bool = True) -> str:
    return report_markdown(
        points,
        compare(points, resamples=200),
        fit_surface(points) if surface else None,
        facts={"command": "automl scale a|b", "seed": "0"},
        figures=[("Shares of the cost", "simplex.svg"), ("Four ways", "scaling.svg")],
        exponents=THREE if asked else None,
        target=2.0 if asked else None,
    )


def lines(points: list[ScaledPoint], *, surface: bool = True) -> list[str]:
    return report_lines(
        points, compare(points, resamples=200), fit_surface(points) if surface else None, exponents=THREE, target=2.0
    )


def rows(text: str) -> list[list[str]]:
    """Lines of tables as lists of cells, an escaped bar kept."""
    return [
        [cell.strip() for cell in line.replace("\\|", "¦")[1:-1].split("|")]
        for line in text.splitlines()
        if line.startswith("|")
    ]


def test_the_page_holds_the_facts_the_figures_and_every_network(grid: Grid, hill: Truth) -> None:
    points = grid(hill)
    text = page(points)
    assert ["command", "automl scale a¦b"] in rows(text)
    assert "![Shares of the cost](simplex.svg)" in text
    assert "![Four ways](scaling.svg)" in text
    networks = [row for row in rows(text) if len(row) == 12]
    assert len(networks) == len(points) + 2  # head and rule
    by_kind = [row[0] for row in networks]
    assert (by_kind.count("**best**"), by_kind.count("baseline"), by_kind.count("depth only")) == (1, 1, 1)
    one = points[5]
    assert any(
        f"{one.macs:,}" in row
        and f"{100 * (one.mean or 0):.2f} ± {100 * (one.std or 0):.2f}" in row
        and f"{one.factor:.3f}" in row
        for row in networks
    )
    assert all(row[4] == "2.000" for row in networks[3:])


def test_all_rows_of_a_table_have_as_many_cells_as_its_head(grid: Grid, hill: Truth) -> None:
    blocks = [block for block in page(grid(hill)).split("\n\n") if block.startswith("|")]
    assert len(blocks) >= 5
    for block in blocks:
        assert len({len(row) for row in rows(block)}) == 1


def test_where_mixtures_are_better_the_page_says_so_with_numbers(grid: Grid, hill: Truth) -> None:
    points = grid(hill)
    text = page(points)
    found = compare(points, resamples=200)
    assert found.verdict.startswith("compound beats")
    assert f"**C{found.verdict[1:]}.**" in text
    assert found.margin is not None
    assert found.margin_unbiased is not None
    assert f"{100 * found.margin.value:+.2f} points" in text
    assert f"{100 * found.margin_unbiased.value:+.2f} points" in text
    assert found.margin_unbiased.interval is not None
    assert (
        f"{100 * found.margin_unbiased.interval.low:+.2f} to {100 * found.margin_unbiased.interval.high:+.2f}" in text
    )
    assert "By the surface the best coefficients are depth" in text
    assert "test data have no part" in text


def test_where_a_single_axis_is_better_the_page_says_so(grid: Grid) -> None:
    text = page(grid(lambda shares: 0.8 + 0.1 * float((shares**2).sum())))
    assert "**A single axis is better (-" in text
    assert "compound beats" not in text.lower()


def test_where_nothing_differs_the_page_claims_nothing(grid: Grid) -> None:
    text = page(grid(lambda _: 0.8, noise=0.01, seed=1))
    assert "**No difference can be shown (" in text
    assert "no better than the mean" in text
    assert "By the surface the best" not in text
    assert "cannot be told from the best" in text


def test_stopped_trainings_are_counted(grid: Grid, hill: Truth, point: Make) -> None:
    text = page([*grid(hill), point("never", stopped={0: 0.2, 1: 0.3})])
    assert "2 trainings were stopped early and 1 grid points never finished one" in text


def test_without_exponents_there_is_no_product_and_no_optimum(grid: Grid, hill: Truth) -> None:
    text = page(grid(hill), asked=False)
    assert "Product" not in text
    assert "maximum" not in text


@pytest.mark.parametrize("accuracies", [[], [0.8], [0.8, 0.8, 0.8]])
def test_grids_with_little_or_nothing_are_reported_too(accuracies: list[float], point: Make) -> None:
    for points in (
        [point("a", accuracies)],
        [point("a", accuracies), point("a", accuracies, control="depth")],
        [point("base", accuracies, control="baseline")],
    ):
        text = page(points, surface=False)
        assert "No difference can be shown" in text
        assert "No surface was fitted." in text
        assert "nan" not in text
        assert "None" not in text
        assert lines(points, surface=False)[-1].startswith("verdict     no difference can be shown")


def test_a_best_that_is_a_single_axis_network_is_named_as_such(point: Make) -> None:
    same = [0.8, 0.9, 0.85]
    assert "itself a single-axis network" in page(
        [point("a", same), point("a", same, control="depth"), point("b", [0.1, 0.2, 0.1])], surface=False
    )


def test_the_lines_are_about_a_dozen_of_plain_text(grid: Grid, hill: Truth) -> None:
    shown = lines(grid(hill))
    assert 10 <= len(shown) <= 14
    assert not any(set(line) & set("|*`\n") for line in shown)
    for word in (
        "networks",
        "noise",
        "baseline",
        "best",
        "control",
        "margin",
        "unbiased",
        "surface",
        "optimum",
        "verdict",
    ):
        assert any(line.startswith(f"{word:<12}") for line in shown)


def test_the_same_numbers_give_the_same_page(grid: Grid, hill: Truth) -> None:
    assert page(grid(hill)) == page(grid(hill))
