"""The comparison against SciPy and hand computation, its calibration where nothing differs, and its
edges."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.studies.scaling import Noise, ScaledPoint, compare
from automl.studies.scaling.leave_one_out import leave_one_seed_out
from automl.studies.statistics.bootstrap import SeedBootstrap
from scipy import stats

Make = Callable[..., ScaledPoint]
Grid = Callable[..., list[ScaledPoint]]
KEYS = [
    "metric",
    "level",
    "resamples",
    "seed",
    "seeds",
    "noise",
    "best",
    "tied",
    "controls",
    "best_control",
    "margin",
    "margin_unbiased",
    "folds",
    "verdict",
]


def two_and_two(point: Make) -> list[ScaledPoint]:
    return [
        point("a", [0.80, 0.84, 0.82]),
        point("b", [0.78, 0.79, 0.83]),
        point("d", [0.70, 0.74, 0.72], control="depth"),
        point("w", [0.71, 0.70, 0.72], control="width"),
    ]


def test_the_interval_of_two_pooled_networks_is_scipys_t_test(point: Make) -> None:
    one, other = [0.80, 0.84, 0.82], [0.70, 0.74, 0.75, 0.71]
    points = [point("a", one), point("d", other, control="depth")]
    found = compare(points, resamples=50).controls[0].difference
    assert found is not None
    wanted = stats.ttest_ind(one, other).confidence_interval(0.95)
    assert found.interval == pytest.approx((wanted.low, wanted.high))
    assert found.value == pytest.approx(np.mean(one) - np.mean(other))


def test_the_pooled_variance_and_the_mean_s_interval_are_those_of_the_hand_computation(point: Make) -> None:
    points = two_and_two(point)
    table = np.array([list(p.accuracies.values()) for p in points])
    noise = math.sqrt(((table - table.mean(axis=1, keepdims=True)) ** 2).sum() / 8)
    found = compare(points, resamples=50)
    assert found.noise.df == 8
    assert found.noise.sd == pytest.approx(noise)
    assert found.best is not None
    half = stats.t.ppf(0.975, 8) * noise / math.sqrt(3)
    assert found.best.mean.interval == pytest.approx((0.82 - half, 0.82 + half))


def test_a_network_that_several_points_name_is_pooled_once(point: Make) -> None:
    points = [
        point("a", [0.8, 0.9]),
        point("a", [0.8, 0.9]),
        point("a", [0.8, 0.9], control="depth"),
        point("b", [0.5, 0.5]),
    ]
    assert Noise.pooled(points).df == 2
    assert Noise.pooled(points).sd == pytest.approx(math.sqrt(0.005 / 2))


def test_ties_are_those_whose_bonferroni_interval_holds_zero(grid: Grid, hill: Callable[[np.ndarray], float]) -> None:
    points = grid(hill, noise=0.004)
    found = compare(points, resamples=50)
    candidates = [p for p in points if p.control is None]
    best = max(candidates, key=lambda p: p.mean or 0)
    assert found.best is not None
    assert found.best.id == best.id
    assert found.noise.sd is not None
    bound = stats.t.ppf(1 - 0.05 / (len(candidates) - 1) / 2, found.noise.df) * found.noise.sd * math.sqrt(2 / 3)
    wanted = {p.id for p in candidates if p is not best and (best.mean or 0) - (p.mean or 0) <= bound}
    assert {contrast.id for contrast in found.tied} == wanted
    assert 0 < len(wanted) < len(candidates) - 1


def test_the_bootstrap_is_the_mean_over_all_resamples_of_the_shared_seeds(point: Make) -> None:
    points = two_and_two(point)
    table = np.array([list(p.accuracies.values()) for p in points])
    every = np.array([table[:, list(rows)].mean(axis=1) for rows in product(range(3), repeat=3)])
    ties = np.isclose(every[:, 0], every[:, 1])
    wins = (every[:, 0] > every[:, 1]) & ~ties
    assert ties.any()
    found = compare(points, resamples=40_000)
    assert found.best is not None
    assert found.best.mean.bootstrap == pytest.approx(
        np.quantile(every[:, 0], [0.025, 0.975], method="inverted_cdf"), abs=1e-9
    )
    assert found.best.probability_best == pytest.approx((wins + ties / 2).mean(), abs=0.01)
    chosen_anew = every[:, :2].max(axis=1) - every[:, 2:].max(axis=1)
    assert found.margin is not None
    assert found.margin.bootstrap == pytest.approx(
        np.quantile(chosen_anew, [0.025, 0.975], method="inverted_cdf"), abs=1e-9
    )


def test_control_networks_resampled_each_by_itself_would_give_another_probability(point: Make) -> None:
    base = [0.70, 0.80, 0.90]
    points = [point("a", base), point("b", [value - 0.01 for value in base])]  # a is better on every seed
    best = compare(points).best
    assert best is not None
    assert best.probability_best == 1.0
    every = list(product(base, repeat=3))
    unpaired = np.mean([np.mean(one) > np.mean(other) - 0.01 for one in every for other in every])
    assert unpaired < 0.7


def test_a_network_without_any_drawn_seed_takes_no_part_in_the_resample(point: Make) -> None:
    points = [point("a", [0.8, None]), point("b", [0.7, 0.9])]
    means = SeedBootstrap(points, resamples=200, seed=0, level=0.95).means
    second_only = np.isclose(means[:, 1], 0.9)
    assert 0 < second_only.sum() < 200
    assert np.isnan(means[second_only, 0]).all()
    assert np.allclose(means[~second_only, 0], 0.8)


def test_points_with_fewer_seeds_do_not_compete_for_the_best_but_may_tie(point: Make) -> None:
    found = compare([point("lucky", [0.90]), point("a", [0.80, 0.84]), point("b", [0.5, 0.5])], resamples=50)
    assert found.best is not None
    assert found.best.id == "a"
    assert [contrast.id for contrast in found.tied] == ["lucky"]


def test_a_left_out_seed_is_compared_by_what_the_others_choose(point: Make) -> None:
    points = two_and_two(point)
    found = compare(points, resamples=50)
    # without seed 0: a (0.83) over b, d (0.73) over w; without seed 1: a over b (0.81 and 0.805), w
    # (0.715) over d (0.71); without seed 2: a over b, d over w
    assert [(fold.seed, fold.best, fold.control) for fold in found.folds] == [
        (0, "a", "d"),
        (1, "a", "w"),
        (2, "a", "d"),
    ]
    differences = [0.80 - 0.70, 0.84 - 0.70, 0.82 - 0.72]
    assert [fold.difference for fold in found.folds] == pytest.approx(differences)
    unbiased, sd = found.margin_unbiased, found.noise.sd
    assert unbiased is not None
    assert sd is not None
    assert unbiased.value == pytest.approx(np.mean(differences))
    half = stats.t.ppf(0.975, 8) * sd * math.sqrt(2 * (1 / 3 + 1 / 2))
    assert unbiased.interval == pytest.approx((unbiased.value - half, unbiased.value + half))
    assert found.verdict.startswith("compound beats the best single axis (+11.33 points")
    assert "n = 3 seeds" in found.verdict


def test_the_verdict_may_fall_the_other_way(point: Make) -> None:
    swapped = [
        point("a", [0.70, 0.74, 0.72]),
        point("b", [0.71, 0.70, 0.72]),
        point("d", [0.80, 0.84, 0.82], control="depth"),
        point("w", [0.78, 0.79, 0.83], control="width"),
    ]
    assert compare(swapped, resamples=50).verdict.startswith("a single axis is better (-")


def test_where_nothing_differs_the_naive_margin_is_flattered_and_the_unbiased_interval_holds_zero(point: Make) -> None:
    generator = np.random.default_rng(7)
    naive, unbiased, held, held_uncorrected = [], [], 0, 0
    grids = 400
    for _ in range(grids):
        table = 0.8 + 0.01 * generator.normal(size=(16, 3))
        points = [
            point(f"p{row}", values, control="depth" if row >= 13 else None)
            for row, values in enumerate(table.tolist())
        ]
        noise = Noise.pooled(points)
        found, folds = leave_one_seed_out(points[:13], points[13:], noise, 0.95)
        assert found is not None
        assert found.interval is not None
        assert len(folds) == 3
        naive.append(table[:13].mean(axis=1).max() - table[13:].mean(axis=1).max())
        unbiased.append(found.value)
        held += found.interval.holds_zero
        uncorrected = noise.around(found.value, math.sqrt(2 / 3), 0.95)
        held_uncorrected += uncorrected is not None and uncorrected.holds_zero
    error = np.std(unbiased) / math.sqrt(grids)
    assert abs(np.mean(unbiased)) < 3 * error
    assert np.mean(naive) > 6 * error
    assert held / grids > 0.95
    assert held_uncorrected / grids < 0.93  # the control: folds taken as independent make the interval too narrow


def test_one_seed_gives_numbers_but_no_interval_and_says_so(point: Make) -> None:
    found = compare(
        [point("a", [0.9]), point("b", [0.8]), point("d", [0.7], control="depth"), point("w", [0.6], control="width")],
        resamples=50,
    )
    assert found.best is not None
    assert (found.best.id, found.best.mean.interval, found.best.mean.bootstrap, found.best.probability_best) == (
        "a",
        None,
        None,
        None,
    )
    assert found.tied == ()
    assert found.margin is not None
    assert (found.margin.value, found.margin.interval, found.margin.bootstrap) == (pytest.approx(0.2), None, None)
    assert found.margin_unbiased is None
    assert found.verdict == "no difference can be shown: n = 1 seed, which leaves none to compare on after the choice"


def test_one_seed_of_two_networks_leaves_nothing_to_choose_and_still_no_interval(point: Make) -> None:
    found = compare([point("a", [0.9]), point("d", [0.7], control="depth")], resamples=50)
    assert found.margin_unbiased is not None
    assert found.margin_unbiased.interval is None
    assert (
        found.verdict
        == "no difference can be shown: +20.00 points on left-out seeds, n = 1 seed, which gives no interval"
    )


def test_a_grid_without_controls_has_no_margin(point: Make) -> None:
    found = compare([point("a", [0.9, 0.8]), point("b", [0.8, 0.7])], resamples=50)
    assert (found.controls, found.best_control, found.margin, found.margin_unbiased, found.folds) == (
        (),
        None,
        None,
        None,
        (),
    )
    assert "no single-axis control" in found.verdict


@pytest.mark.parametrize("stopped", [{}, {0: 0.4}])
def test_a_grid_without_any_complete_training_has_no_best(point: Make, stopped: dict[int, float]) -> None:
    found = compare([point("a", stopped=stopped), point("d", stopped=stopped, control="depth")], resamples=50)
    assert (found.best, found.margin, found.seeds, found.best_control) == (None, None, (), None)
    assert found.controls[0].difference is None
    assert "no point of the grid has a complete training" in found.verdict


def test_equal_accuracies_tie_all_and_show_no_difference(point: Make) -> None:
    points = [point(name, [0.8, 0.8, 0.8][: 2 + (name != "c")]) for name in "abc"] + [
        point("d", [0.8] * 3, control="depth")
    ]
    found = compare(points, resamples=50)
    assert found.best is not None
    assert found.best.id == "a"
    assert found.best.probability_best == pytest.approx(0.5)  # shared with b; c has fewer seeds
    assert [contrast.id for contrast in found.tied] == ["b", "c"]
    assert found.verdict.startswith("no difference can be shown (+0.00 points")


def test_a_control_that_is_the_best_grid_point_itself_differs_by_nothing(point: Make) -> None:
    points = [point("a", [0.9, 0.8, 0.85]), point("a", [0.9, 0.8, 0.85], control="depth"), point("b", [0.6, 0.6, 0.7])]
    found = compare(points, resamples=50)
    assert found.margin is not None
    assert (found.margin.value, found.margin.interval) == (0.0, (0.0, 0.0))
    assert {fold.difference for fold in found.folds} == {0.0}
    assert found.verdict.startswith("no difference can be shown")


def test_the_same_points_give_the_same_plain_json_with_the_same_keys(
    grid: Grid, hill: Callable[[np.ndarray], float], point: Make
) -> None:
    first, second = (
        json.dumps(compare(grid(hill), resamples=500, seed=3).to_dict(), allow_nan=False) for _ in range(2)
    )
    assert first == second
    assert first != json.dumps(compare(grid(hill), resamples=500, seed=4).to_dict())
    assert list(json.loads(first)) == KEYS
    assert list(compare([point("a")], resamples=5).to_dict()) == KEYS


def test_a_point_is_plain_json_and_knows_its_mean_and_spread(point: Make) -> None:
    one = point("a", [0.8, 0.9], stopped={2: 0.5})
    assert (one.n, one.mean, one.std) == (2, pytest.approx(0.85), pytest.approx(math.sqrt(0.005)))
    assert (point("a").mean, point("a").std, point("a", [0.8]).std) == (None, None, None)
    assert json.loads(json.dumps(one.to_dict()))["accuracies"] == {"0": 0.8, "1": 0.9}


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"coefficients": {}}, "at least one axis"),
        ({"coefficients": {"depth": 0.0}}, "above 0"),
        ({"control": "height"}, "one of the axes depth, width, resolution, but got 'height'"),
        ({"macs": 0}, "macs > 0"),
        ({"factor": math.nan}, "factor > 0"),
        ({"accuracies": {0: 81.0}}, "between 0 and 1, but got 81.0"),
        ({"stopped": {0: math.nan}}, "between 0 and 1"),
        ({"accuracies": {0: 0.8}, "stopped": {0: 0.5}}, "either complete or stopped"),
    ],
)
def test_a_point_that_cannot_be_is_refused(point: Make, changes: dict[str, object], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        point("a", **changes)


def test_points_of_no_one_grid_are_refused(point: Make) -> None:
    with pytest.raises(InputError, match="at least one network"):
        compare([])
    with pytest.raises(InputError, match="same axes"):
        compare([point("a"), point("b", coefficients={"depth": 1.1})])
    with pytest.raises(InputError, match="same accuracies"):
        compare([point("a", [0.8]), point("a", [0.9])])
    with pytest.raises(InputError, match="at most one baseline, but got 2"):
        compare([point("a", control="baseline"), point("b", control="baseline")])


@pytest.mark.parametrize("wrong", [{"level": 0.0}, {"level": 1.0}, {"resamples": 0}])
def test_settings_out_of_range_are_refused(point: Make, wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        compare([point("a", [0.8])], **wrong)
