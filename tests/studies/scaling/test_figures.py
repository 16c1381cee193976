"""Figures that parse, repeat byte for byte, say what they show, and never touch pyplot."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.studies.scaling import ScaledPoint, compare, fit_surface, save, scaling_figure, simplex_figure
from matplotlib.figure import Figure

pytestmark = pytest.mark.xdist_group("figures")  # files of a group come first: of the last ones this takes longest

Make = Callable[..., ScaledPoint]
Grid = Callable[..., list[ScaledPoint]]
Truth = Callable[[np.ndarray], float]
SHAPES = {
    2: (("depth", "width"), (1.0, 2.0)),
    3: (("depth", "width", "resolution"), (1.0, 2.0, 2.0)),
    4: (("depth", "width", "resolution", "cardinality"), (1.0, 2.0, 2.0, 1.0)),
}
MANY = [3, *(pytest.param(count, marks=pytest.mark.exhaustive) for count in (2, 4))]
"""Numbers of axes: by default three, as in the paper."""


def both(points: list[ScaledPoint], exponents: tuple[float, ...], *, surface: bool = True) -> list[Figure]:
    comparison = compare(points, resamples=50)
    named = dict(zip(points[0].coefficients, exponents, strict=True))
    return [
        simplex_figure(
            points,
            fit_surface(points) if surface else None,
            comparison,
            exponents=named,
            target=2.0,
            title="Where the cost goes",
        ),
        scaling_figure(points, comparison, "Ways to spend it"),
    ]


def texts(figure: Figure) -> str:
    from matplotlib.text import Text

    return "\n".join(found.get_text() for found in figure.findobj(Text))  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("count", MANY)
def test_svgs_parse_and_repeat_byte_for_byte(count: int, grid: Grid, hill: Truth, tmp_path: Path) -> None:
    axes, exponents = SHAPES[count]
    written = []
    for run in range(2):
        for number, figure in enumerate(both(grid(hill, axes=axes, exponents=exponents), exponents)):
            written.append(save(figure, tmp_path / f"{run}-{number}.svg").read_bytes())
            written.append(save(figure, tmp_path / f"{run}-{number}-again.svg").read_bytes())
    assert written[0] == written[1] == written[4] == written[5]
    assert written[2] == written[3] == written[6] == written[7]
    for content in written[:3]:
        assert ElementTree.fromstring(content).tag.endswith("svg")
        assert b"dc:date" not in content


def test_pngs_repeat_byte_for_byte(grid: Grid, hill: Truth, tmp_path: Path) -> None:
    figure = both(grid(hill), (1.0, 2.0, 2.0))[1]
    first, second = (save(figure, str(tmp_path / f"{run}.png")).read_bytes() for run in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert b"Software" not in first


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\.svg or \.png, but got 'a\.pdf'"):
        save(Figure(), tmp_path / "a.pdf")


def test_the_simplex_names_its_corners_its_best_and_the_worth_of_its_surface(grid: Grid, hill: Truth) -> None:
    points = grid(hill)
    shown = texts(both(points, (1.0, 2.0, 2.0))[0])
    for wanted in (
        "depth only",
        "width only",
        "resolution only",
        "best: depth",
        "Where the cost goes",
        "leave-one-out error",
    ):
        assert wanted in shown
    assert "leave-one-out" not in texts(both(points, (1.0, 2.0, 2.0), surface=False)[0])


def test_a_single_axis_network_stands_in_its_corner(grid: Grid, hill: Truth) -> None:
    plot = both(grid(hill), (1.0, 2.0, 2.0))[0].axes[0]
    spots = next(np.asarray(found.get_offsets()) for found in plot.collections if found.get_label() == "single axis")
    assert spots == pytest.approx(np.array([[0, 0], [1, 0], [0.5, np.sqrt(3) / 2]]))


def test_every_network_but_the_baseline_is_drawn_once(grid: Grid, hill: Truth, point: Make) -> None:
    points = [*grid(hill), point("never", stopped={0: 0.2})]
    plot = both(points, (1.0, 2.0, 2.0))[0].axes[0]
    kinds = {
        str(found.get_label()): len(np.asarray(found.get_offsets()))
        for found in plot.collections
        if not str(found.get_label()).startswith("_")
    }
    assert sum(kinds.values()) == len(points) - 1
    assert (kinds["best"], kinds["single axis"], kinds["no complete training"]) == (1, 3, 1)


def test_the_lines_start_at_the_baseline_and_one_goes_to_the_best(grid: Grid, hill: Truth) -> None:
    points = grid(hill)
    figure = both(points, (1.0, 2.0, 2.0))[1]
    base, best = points[0], max((p for p in points if p.control is None), key=lambda p: p.mean or 0)
    lines = [
        np.asarray(line.get_xydata())
        for line in figure.axes[0].lines
        if line.get_linestyle() == "-" and len(np.asarray(line.get_xdata())) == 2
    ]
    assert len(lines) == 4
    assert all(line[0] == pytest.approx([base.macs, 100 * (base.mean or 0)]) for line in lines)
    assert lines[-1][1] == pytest.approx([best.macs, 100 * (best.mean or 0)])
    shown = texts(figure)
    for wanted in ("depth only", "width only", "resolution only", "compound: depth", "baseline", "± 1 sd"):
        assert wanted in shown


def test_error_bars_lie_inside_the_plot(grid: Grid, hill: Truth) -> None:
    points = grid(hill, noise=0.03)
    low, high = both(points, (1.0, 2.0, 2.0))[1].axes[0].get_ylim()
    for p in points:
        if p.control is not None:
            assert low < 100 * ((p.mean or 0) - (p.std or 0))
            assert 100 * ((p.mean or 0) + (p.std or 0)) < high


@pytest.mark.parametrize("count", MANY)
@pytest.mark.parametrize("accuracies", [[], [0.8], [0.8, 0.8]])
def test_grids_with_little_or_nothing_to_show_are_drawn_too(
    count: int, accuracies: list[float], point: Make, tmp_path: Path
) -> None:
    axes, exponents = SHAPES[count]
    even, first = dict.fromkeys(axes, 1.2), {axis: 2.0 if axis == "depth" else 1.0 for axis in axes}
    points = [
        point("a", accuracies, coefficients=even),
        point("b", accuracies, coefficients={**even, "depth": 1.3}),
        point("d", accuracies, coefficients=first, control="depth"),
        point("base", accuracies, coefficients=dict.fromkeys(axes, 1.0), control="baseline", macs=350_000_000),
    ]
    fewer = () if count == 3 and len(accuracies) == 2 else (points[:1], points[-1:])  # those of 2 and 4 axes have all
    for left in (points, *fewer):
        for number, figure in enumerate(both(left, exponents, surface=bool(accuracies) and left is points)):
            assert ElementTree.parse(save(figure, tmp_path / f"{number}.svg"))


def test_exponents_that_do_not_fit_the_axes_are_refused(grid: Grid, hill: Truth) -> None:
    points = grid(hill)
    with pytest.raises(InputError, match="exponents must give each of"):
        simplex_figure(points, None, compare(points, resamples=5), exponents={"depth": 1.0}, target=2.0, title="")


def test_neither_pyplot_nor_ray_torch_and_optuna_are_imported_and_matplotlib_comes_on_first_use(tmp_path: Path) -> None:
    code = f"""
import sys
from automl.studies.scaling import ScaledPoint, compare, save, scaling_figure
print(*[name for name in ("matplotlib", "ray", "torch", "optuna", "sqlalchemy") if name in sys.modules])
cost = {{"macs": 1, "params": 1, "factor": 1.0}}
reached = {{0: 0.5, 1: 0.6}}
point = ScaledPoint(id="a", coefficients={{"depth": 1.2}}, control=None, accuracies=reached, stopped={{}}, **cost)
save(scaling_figure([point], compare([point], resamples=5), "one"), {str(tmp_path / "one.svg")!r})
print(*[name for name in ("matplotlib.pyplot", "ray", "torch", "optuna", "sqlalchemy") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n\n"


def test_the_user_s_own_settings_of_matplotlib_change_nothing(grid: Grid, hill: Truth, tmp_path: Path) -> None:
    import matplotlib

    points = grid(hill)
    plain = [save(figure, tmp_path / "plain.svg").read_bytes() for figure in both(points, (1.0, 2.0, 2.0))]
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black", "svg.hashsalt": "other"}):
        other = [save(figure, tmp_path / "other.svg").read_bytes() for figure in both(points, (1.0, 2.0, 2.0))]
    assert plain == other
