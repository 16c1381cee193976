"""The verdict on simulated searches whose truth is known: random ones, better ones, worse ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from automl.studies.evidence import BEAT, NOT, UNCLEAR, UNKNOWN, WAS_RANDOM, Row, against_random
from automl.studies.evidence.random_baseline import Baseline
from automl.studies.evidence.search_rows import RANDOM
from automl.studies.statistics.random_search_tail import RandomTail

Search = Callable[[np.ndarray, int], list[Row]]
Draw = Callable[[np.random.Generator, int], np.ndarray]
STUDIES = 200


def normal(generator: np.random.Generator, size: int) -> np.ndarray:
    return 0.8 + 0.02 * generator.normal(size=size)


def tailed(generator: np.random.Generator, size: int) -> np.ndarray:
    """As accuracies are: near a ceiling, with a long tail of bad networks and the noise of a
    seed."""
    return 0.93 - 0.02 * generator.gamma(1.5, size=size) + 0.002 * generator.normal(size=size)


def verdicts(search: Search, draw: Draw, n: int, random: int, shift: float = 0.0) -> list[Baseline]:
    found = []
    for seed in range(STUDIES):
        values = draw(np.random.default_rng(seed), n)
        values[random:] += shift
        found.append(against_random(search(np.minimum(values, 1), random), ceiling=1.0))
    return found


def share(found: list[Baseline], verdict: str) -> float:
    return sum(one.verdict == verdict for one in found) / len(found)


SEARCHES = [(32, 5), pytest.param(100, 15, marks=pytest.mark.claims)]
"""Trials of a search, and those of its random part."""


@pytest.mark.parametrize(("n", "random"), SEARCHES)
@pytest.mark.parametrize("draw", [normal, tailed])
def test_a_random_search_claims_to_beat_random_in_at_most_5_of_100(
    search: Search, draw: Draw, n: int, random: int
) -> None:
    found = verdicts(search, draw, n, random)
    assert share(found, BEAT) <= 0.05
    for one in found:
        if one.verdict == NOT:  # which is true of it, and said for a reason
            assert one.better == 0 or (one.margin_interval is not None and one.margin_interval.high < 0)


@pytest.mark.parametrize(("n", "random"), SEARCHES)
def test_control_a_search_that_is_better_by_2_sd_says_so_mostly(search: Search, n: int, random: int) -> None:
    assert share(verdicts(search, normal, n, random, shift=0.04), BEAT) >= 0.75


def test_control_a_worse_search_says_that_it_did_not_beat_random(search: Search) -> None:
    found = verdicts(search, normal, 100, 15, shift=-0.04)
    assert share(found, NOT) >= 0.9
    assert share(found, BEAT) == 0


@pytest.mark.parametrize("draw", [normal, tailed])
def test_the_interval_holds_what_random_search_finds(draw: Draw) -> None:
    """Drawn again: the same random part, other networks after it."""
    held = 0
    for seed in range(STUDIES):
        generator = np.random.default_rng(seed)
        random, guided, again = (draw(generator, size) for size in (15, 85, 85))
        drawn = RandomTail(random.tolist(), guided.tolist(), ceiling=1.0).best_of(100)
        low, high = np.quantile(drawn, [0.025, 0.975])
        held += low <= max(random.max(), min(again.max(), 1.0)) <= high
    assert held >= 0.9 * STUDIES


def test_control_a_normal_distribution_fitted_to_the_random_part_does_not_hold_it() -> None:
    """The usual extrapolation, its uncertainty included: too high wherever accuracies have a
    ceiling."""
    from scipy.special import ndtri

    above = 0
    for seed in range(STUDIES):
        generator = np.random.default_rng(seed)
        random, again = tailed(generator, 45), tailed(generator, 255)
        scale = random.std(ddof=1) * np.sqrt(44 / generator.chisquare(44, 2000))
        drawn = random.mean() + scale * (
            generator.normal(size=2000) / math.sqrt(45) + ndtri(generator.random(2000) ** (1 / 255))
        )
        above += max(random.max(), again.max()) < np.quantile(np.maximum(drawn, random.max()), 0.025)
    assert above > 0.5 * STUDIES


def test_the_same_rows_give_the_same_verdict(search: Search) -> None:
    rows = search(normal(np.random.default_rng(1), 40), 6)
    assert against_random(rows) == against_random(rows)


def test_nothing_is_above_the_ceiling(search: Search) -> None:
    found = against_random(
        search(np.minimum(0.97 + 0.02 * np.random.default_rng(0).normal(size=60), 1.0), 9), ceiling=1.0
    )
    assert found.expected is not None
    assert found.expected.interval.high <= 1
    assert all(point.interval.high <= 1 for point in found.curve)


def test_the_expectation_rises_with_n_and_joins_where_the_random_part_ends(search: Search) -> None:
    found = against_random(search(normal(np.random.default_rng(2), 100), 15))
    values = [point.value for point in found.curve]
    assert values == sorted(values)
    [end] = [point for point in found.curve if point.n == 15]
    assert end.value == found.best_random
    assert [point.extrapolated for point in found.curve] == [point.n > 15 for point in found.curve]


def test_random_search_is_given_as_much_training_and_time_as_the_search_had(row: Callable[..., Row]) -> None:
    """Two random networks of 9 and 3 epochs, six guided ones of 9: 60 epochs are 10 networks; the
    guided ones took three times as long an epoch."""
    rows = [row(0, 0.5, "random"), row(1, None, "random", ((3, 0.2),))]
    rows += [row(number, 0.6 + number / 100, seconds=54.0) for number in range(2, 8)]
    found = against_random(rows)
    assert found.bases == {
        "evaluations": 8,
        "epochs": pytest.approx(66 / 6),
        "hours": pytest.approx((24 + 6 * 54) / 12),
    }
    assert found.expected is not None
    assert found.expected.n == found.bases["hours"]
    assert found.random_share == pytest.approx(24 / 348)


def test_a_stopped_random_network_is_a_draw_that_is_never_the_best(row: Callable[..., Row]) -> None:
    guided = [row(number, 0.6 + number / 1000) for number in range(10, 30)]
    alone = against_random([row(0, 0.5, "random"), *guided])
    beside = against_random(
        [row(0, 0.5, "random"), *(row(number, None, "random", ((3, 0.9),)) for number in range(1, 5)), *guided]
    )
    assert alone.best_random == beside.best_random == 0.5
    assert alone.chance is not None
    assert beside.chance is not None
    assert beside.chance < alone.chance  # one better network of 5 draws is rarer than one of 1


def test_equal_accuracies_beat_nobody(search: Search) -> None:
    found = against_random(search(np.ones(40), 6), ceiling=1.0)
    assert found.verdict == NOT
    assert found.better == 0
    assert found.margin == 0


def test_too_few_guided_networks_tell_nothing(search: Search) -> None:
    found = against_random(search(np.array([0.5, 0.6, 0.9]), 2))
    assert found.verdict == UNCLEAR
    assert "too few to tell" in found.reason


@pytest.mark.parametrize(
    ("origins", "verdict", "says"),
    [
        ([], UNKNOWN, "nothing has been evaluated yet"),
        (["random"] * 4, WAS_RANDOM, "every network so far was drawn at random"),
        (["predictor"] * 4, UNKNOWN, "the search had no random part"),
        (
            ["random", "", "predictor", ""],
            UNKNOWN,
            "2 of 4 evaluations do not say who proposed them: made by an older version",
        ),
    ],
)
def test_without_both_parts_there_is_a_reason(
    row: Callable[..., Row], origins: list[str], verdict: str, says: str
) -> None:
    found = against_random([row(number, 0.5 + number / 100, origin) for number, origin in enumerate(origins)])
    assert (found.verdict, says in found.reason) == (verdict, True)
    assert set(found.to_dict()) == set(Baseline(verdict="", reason="").to_dict())


def halved(row: Callable[..., Row], generator: np.random.Generator, size: int, random: int, shift: float) -> list[Row]:
    """Networks under successive halving: a third goes on after epoch 1, a third of these after
    epoch 3."""
    end = normal(generator, size)
    end[random:] += shift
    early = {1: end + 0.015 * generator.normal(size=size), 3: end + 0.007 * generator.normal(size=size)}
    going, stops = np.arange(size), np.full(size, 9)
    for epoch, seen in early.items():
        order = going[np.argsort(-seen[going])]
        stops[order[len(order) // 3 :]] = epoch
        going = order[: len(order) // 3]
    return [
        row(
            number,
            float(end[number]) if stop == 9 else None,
            "random" if number < random else "predictor",
            tuple((epoch, float(seen[number])) for epoch, seen in early.items() if epoch <= stop),
        )
        for number, stop in enumerate(stops)
    ]


@pytest.mark.parametrize(("n", "random"), SEARCHES)
def test_early_stopping_leaves_the_verdict_honest_and_able(row: Callable[..., Row], n: int, random: int) -> None:
    """Of the random part of a good search hardly one network is trained to the end; at the first
    rung all can be compared."""
    alike, better = (
        [against_random(halved(row, np.random.default_rng(seed), n, random, shift)) for seed in range(100)]
        for shift in (0.0, 0.04)
    )
    assert share(alike, BEAT) <= 0.05
    assert share(better, BEAT) >= 0.5


def test_a_single_complete_training_has_no_interval(row: Callable[..., Row]) -> None:
    one = [row(0, 0.5, origin=RANDOM), row(1, None, curve=((3, 0.2),)), row(2, None, curve=((3, 0.3),), origin=RANDOM)]
    found = against_random(one)
    assert (found.verdict, found.expected, found.margin_interval, found.reached) == (UNKNOWN, None, None, None)
    assert "n = 1" in found.reason
    assert against_random([*one, row(3, 0.6)]).expected is not None  # control
