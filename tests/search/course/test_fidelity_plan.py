"""What a search plans from the time it has, by arithmetic alone."""

import itertools
import math
from dataclasses import replace

import pytest
from automl.search.course import fidelity_plan
from automl.search.course.confirmation import CERTIFIED_SHARE, FILLED
from automl.search.course.fidelity_option import CONFIRMING, ROUNDS, USED, Given, Times
from automl.search.course.fidelity_plan import CLEARLY, COMPLETE, FEWEST, LEARNING, SEVERAL, FidelityPlan, plan

GRID = list(itertools.product((30, 300, 1200, 7200), (1, 2, 8), (0.2, 1.0, 5.0), (1_200, 10_200, 200_000)))


def given(seconds: float, workers: int, images: int, **more) -> Given:
    usual = {"epochs": 9, "fraction": round(min(1.0, max(12_000, images / 4) / images), 3)}
    return Given(seconds=seconds, workers=workers, images=images, batch=64, **{**usual, **more})


def takes(images: int, speed: float, *, validation: float = 0.05, references: int = 2):
    """Networks of 200 to 2,000 images a second; early epochs are cheaper, as with small images."""

    def seconds(each: float, epochs: int, fraction: float) -> list[float]:
        sizes = [min(1.0, 0.3 + 0.7 * epoch / (0.67 * epochs)) for epoch in range(epochs)]
        return list(itertools.accumulate(each * images * (fraction * size + validation) for size in sizes))

    def found(epochs: int, fraction: float) -> Times:
        updates = max(1, int(fraction * images / 64))
        return Times(
            first=min(max(3, -(-50 // updates)), epochs),
            networks=[seconds(speed / rate, epochs, fraction) for rate in (200, 500, 800, 1400, 2000)],
            references=[seconds(speed / rate, epochs, fraction) for rate in (200, 400)[:references]],
        )

    return found


def cost(found: FidelityPlan, times: Times) -> float:
    """Worker seconds if every trial were trained to the end: an upper bound."""
    return found.trials * max(each[-1] for each in (*times.networks, *times.references))


@pytest.mark.parametrize(("seconds", "workers", "speed", "images"), GRID)
def test_a_plan_begins_enough_candidates_or_says_how_much_time_would(
    seconds: float, workers: int, speed: float, images: int
):
    made = plan(given(seconds, workers, images), takes(images, speed))
    assert made.trials >= made.complete >= 1
    assert 0 < made.fraction <= 1
    if made.enough:
        assert made.trials >= FEWEST
        assert made.complete >= COMPLETE
    else:
        assert made.needed is not None
        assert made.needed > seconds
        assert plan(given(1.05 * made.needed, workers, images), takes(images, speed)).enough  # control: it would


@pytest.mark.parametrize("speed", [0.3, 1.0])
def test_a_search_is_not_told_that_it_needs_the_time_that_it_has(speed: float):
    """With few images only longer trainings can be stopped early: more of them fit than of shorter
    ones."""
    asked, usual = {"epochs": 8, "fraction": 1.0}, takes(1_552, speed, validation=0.65)

    def found(epochs: int, fraction: float) -> Times:
        first = max(min(3, epochs // 3), math.ceil(50 / math.ceil(fraction * 1_552 / 64)))
        return replace(usual(epochs, fraction), first=min(first, epochs))

    made = {seconds: plan(given(seconds, 2, 1_552, **asked), found) for seconds in range(60, 900, 6)}
    assert len({one.enough for one in made.values()}) == 2  # control: it is short for some
    for seconds, one in made.items():
        assert one.needed is None or one.needed > 1.0001 * seconds
    begun = [one.trials for one in made.values() if not one.enough]
    assert max(begun) < FEWEST
    assert min(one.trials for one in made.values() if one.enough) >= FEWEST


@pytest.mark.parametrize("references", [0, 2])
@pytest.mark.parametrize("speed", [0.3, 1.0, 5.0])
def test_complete_trainings_are_given_up_only_for_clearly_more_candidates(
    speed: float, references: int, monkeypatch: pytest.MonkeyPatch
):
    seconds, found = range(30, 600, 6), takes(1_200, speed, references=references)
    made = [plan(given(each, 1, 1_200), found) for each in seconds]
    monkeypatch.setattr(fidelity_plan, "_more", lambda _given, _options, than: than)
    for one, without in zip(made, (plan(given(each, 1, 1_200), found) for each in seconds), strict=True):
        assert one == without or one.trials >= CLEARLY * without.trials
        assert one.complete >= min(COMPLETE, without.complete)


@pytest.mark.parametrize("images", [1_200, 10_200, 200_000])
def test_more_time_first_means_more_candidates_and_then_longer_trainings(images: int):
    made = [plan(given(60 * 1.6**step, 2, images), takes(images, 1.0)) for step in range(18)]
    enough = [one for one in made if one.enough]
    passes = [one.epochs * one.fraction for one in enough]
    assert all(after >= 0.98 * before for before, after in itertools.pairwise(passes))
    assert all(after.trials >= 0.85 * before.trials for before, after in itertools.pairwise(enough))
    usual = given(60, 2, images)
    short = [one for one, each in zip(enough, passes, strict=True) if each < 0.45 * usual.epochs * usual.fraction]
    long = [one for one, each in zip(enough, passes, strict=True) if each > 1.05 * usual.epochs * usual.fraction]
    assert all(one.trials < 2 * FEWEST for one in short)
    assert long
    assert all(one.trials >= 95 for one in long)


def test_twice_the_workers_and_half_of_the_speed_need_the_same_plan():
    fast, slow = plan(given(600, 1, 10_200), takes(10_200, 0.5)), plan(given(600, 2, 10_200), takes(10_200, 1.0))
    assert (fast.epochs, fast.fraction, fast.trials) == (slow.epochs, slow.fraction, slow.trials)


def test_what_the_user_fixes_is_kept():
    made = plan(given(300, 2, 10_200, fixed_epochs=5, fixed_fraction=0.5), takes(10_200, 1.0))
    assert (made.epochs, made.fraction) == (5, 0.5)
    assert plan(given(300, 2, 10_200, fixed_epochs=5), takes(10_200, 1.0)).epochs == 5
    assert plan(given(300, 2, 10_200, fixed_fraction=0.5), takes(10_200, 1.0)).fraction == 0.5
    assert plan(given(300, 2, 10_200), takes(10_200, 1.0)).epochs != 5  # control


def test_a_number_of_trials_shortens_trainings_and_never_makes_them_longer_than_usual():
    usual = given(300, 2, 10_200)
    long = plan(given(1e5, 2, 10_200, trials=8), takes(10_200, 1.0))
    assert (long.epochs, long.fraction, long.trials) == (usual.epochs, usual.fraction, 8)
    short = plan(given(300, 2, 10_200, trials=64), takes(10_200, 1.0))
    assert short.epochs * short.fraction < usual.epochs * usual.fraction


def test_a_small_space_has_longer_trainings_instead_of_candidates_that_there_are_not():
    few = plan(given(3600, 2, 10_200, networks=12), takes(10_200, 1.0))
    many = plan(given(3600, 2, 10_200), takes(10_200, 1.0))
    assert few.trials == 12
    assert few.epochs * few.fraction > many.epochs * many.fraction


def test_references_at_the_budget_take_time_from_the_others():
    without = plan(given(300, 2, 10_200), takes(10_200, 2.0, references=0))
    beside = plan(given(300, 2, 10_200), takes(10_200, 2.0, references=2))
    assert beside.trials <= without.trials
    assert (beside.needed or 0.0) > (without.needed or 0.0) > 300


def test_time_is_kept_for_confirming_unless_nothing_is_confirmed():
    assert plan(given(600, 2, 10_200), takes(10_200, 1.0, references=0)).confirming == CONFIRMING * 600
    assert plan(given(600, 2, 10_200, confirms=False), takes(10_200, 1.0)).confirming == 0


def test_more_time_is_kept_where_the_certificate_needs_it():
    """The best network and the best reference are trained again, each from two seeds."""
    found = [plan(given(600, 2, 10_200), takes(10_200, speed)) for speed in (0.3, 0.6, 1.0)]
    for one in found:
        assert CONFIRMING * 600 <= one.confirming <= CERTIFIED_SHARE * 600
        assert 1.5 * one.longest < FILLED * one.confirming  # the reference twice, the other network at half of its time
    assert max(one.confirming for one in found) > CONFIRMING * 600  # control


@pytest.mark.parametrize(("workers", "seconds"), [(1, 2800), (2, 1400)])
def test_a_training_that_tells_little_is_not_made_shorter_for_more_candidates(workers: int, seconds: float):
    made = plan(given(seconds, workers, 10_200), takes(10_200, 5.0, references=0))
    assert not made.enough
    assert made.epochs * made.fraction * 10_200 >= 0.9 * 240 * 64
    shortest = plan(
        given(10, workers, 10_200), takes(10_200, 5.0, references=0)
    )  # control: there is no time for a few of them
    assert shortest.epochs * shortest.fraction * 10_200 < 0.9 * 240 * 64


@pytest.mark.parametrize(("workers", "references"), [(2, 0), (2, 1), (8, 2)])
def test_where_the_time_is_short_several_trainings_are_complete_and_each_worker_begins_several(
    workers: int, references: int
):
    made = plan(given(90, workers, 2_650), takes(2_650, 1.0, references=references))
    assert made.trials >= max(SEVERAL, ROUNDS * workers)
    assert made.complete >= SEVERAL
    typical = 0.55 * made.longest
    assert typical <= 90 - made.confirming
    if made.confirming:
        assert typical <= FILLED * made.confirming


SHORT = list(itertools.product((10, 20, 30, 60, 90, 240, 480), (1, 2, 8), (0.5, 1.0, 5.0), (928, 2_650, 10_200)))


def test_trainings_are_not_made_so_short_for_more_of_them_that_networks_hardly_learn():
    """Either each training has the updates without which accuracies are near chance, or not even
    one such training fits into the time."""
    short = 0
    for seconds, workers, speed, images in SHORT:
        asked = given(seconds, workers, images)
        made = plan(asked, takes(images, speed))
        learning = min(LEARNING * asked.batch, 0.5 * asked.epochs * asked.fraction * images)
        if made.epochs * made.fraction * images < 0.95 * learning:
            short += 1
            fraction = min(1.0, learning / (3 * images))
            epochs = round(learning / (fraction * images))
            reference = max(each[-1] for each in takes(images, speed)(epochs, fraction).references)
            assert reference > 0.8 * USED * seconds, (seconds, workers, speed, images)
    assert 0 < short < len(SHORT) / 2  # control: both happen


@pytest.mark.parametrize("speed", [5.0, 12.0, 15.0])
def test_the_default_demonstration_trains_networks_that_have_learned(speed: float):
    """928 digits, 64 an update, eight minutes: once three epochs of two thirds of them, from which
    most networks were at chance; four epochs of all give 0.98."""
    asked = Given(seconds=450, workers=2, images=928, batch=64, epochs=8, fraction=1.0)
    made = plan(asked, takes(928, speed))
    assert made.epochs * made.fraction * 928 >= 0.95 * 4 * 928
    assert made.confirming > 0
