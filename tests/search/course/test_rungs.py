"""Early stopping: what cannot reach the front waits, no network of the front is lost."""

import math

import numpy as np
import pytest
from automl.search.course import rungs as rungs_module
from automl.search.course.rungs import KEEP, WAITING, Rungs, below_front, expectation
from hypothesis import given, settings
from hypothesis import strategies as st

from ..simulated_curves import EPOCHS, LEVELS, curves, lost, search

points = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=1, max_size=40)


def naive_gaps(accuracy, cost):
    """By comparing all with all; of equal ones the earlier comes first."""
    gaps = []
    for index, (own, macs) in enumerate(zip(accuracy, cost, strict=True)):
        better = [
            a
            for other, (a, c) in enumerate(zip(accuracy, cost, strict=True))
            if c < macs or (c == macs and (a > own or (a == own and other < index)))
        ]
        gaps.append(max(better) - own if better else -math.inf)
    return gaps


class Halving:
    """Successive halving as it is mostly done: the better part by accuracy, whatever the cost."""

    def __init__(self, *, by_rank: bool = False) -> None:
        self._reached = {level: {} for level in (*LEVELS, EPOCHS)}
        self._waiting, self._macs, self._by_rank = {}, {}, by_rank

    def reached(self, key, epoch, accuracy, macs):
        self._reached[epoch][key], self._macs[key] = accuracy, macs
        if epoch == EPOCHS or key in self._admitted(epoch):
            return True
        self._waiting[key] = epoch
        return False

    def next(self):
        for level in reversed(LEVELS):
            for key in self._admitted(level):
                if self._waiting.get(key) == level:
                    del self._waiting[key]
                    return key
        return None

    def surplus(self):
        return []

    def _admitted(self, level):
        from automl.studies.front import ranks

        keys = list(self._reached[level])
        accuracy = [self._reached[level][key] for key in keys]
        rank = ranks(accuracy, [self._macs[key] for key in keys]) if self._by_rank else [-value for value in accuracy]
        order = sorted(range(len(keys)), key=lambda index: rank[index])
        return [keys[index] for index in order[: math.ceil(KEEP * len(keys))]]


class TestLevels:
    def test_rungs_are_the_epochs_divided_again_and_again(self):
        assert Rungs(81).levels == (1, 3, 9, 27)
        assert Rungs(9).levels == LEVELS
        assert Rungs(8).levels == (1, 3)
        assert Rungs(2).levels == Rungs(1).levels == ()

    def test_none_lies_before_the_first_epoch_that_says_anything(self):
        assert Rungs(81, first=3).levels == (3, 9, 27)
        assert Rungs(20, first=3).levels == (3, 7)
        assert Rungs(8, first=3).levels == (3,)
        assert Rungs(3, first=3).levels == ()

    def test_between_rungs_nothing_is_decided(self):
        rungs = Rungs(9)
        assert all(rungs.reached(key, 2, 0.0, 1000) for key in range(20))
        assert rungs.waiting == []


class TestTheOrder:
    @settings(deadline=None)
    @given(points)
    def test_gaps_equal_those_by_comparing_all_with_all(self, points):
        accuracy, cost = (np.array(values, float) for values in zip(*points, strict=True))
        assert below_front(accuracy, cost).tolist() == naive_gaps(accuracy, cost)

    def test_a_clear_loser_waits_and_a_small_network_goes_on_though_larger_ones_are_better(self):
        rungs = Rungs(9)
        for key, accuracy in enumerate((0.9, 0.8, 0.85, 0.7, 0.95)):
            rungs.reached(key, 1, accuracy, 100)
        assert not rungs.reached("loser", 1, 0.2, 150)
        assert rungs.reached("small", 1, 0.3, 10)

    def test_without_cost_accuracy_alone_counts(self):
        rungs = Rungs(9, by_cost=False)
        for key, accuracy in enumerate((0.9, 0.8, 0.85, 0.7, 0.95)):
            rungs.reached(key, 1, accuracy, 100)
        assert not rungs.reached("small", 1, 0.3, 10)

    def test_what_waits_goes_on_when_others_turn_out_worse_and_only_once(self):
        rungs = Rungs(9)
        for key, accuracy in enumerate((0.9, 0.8, 0.7)):
            rungs.reached(key, 1, accuracy, 100 + key)
        assert not rungs.reached("later", 1, 0.75, 110)
        assert rungs.next() == 1
        for key in range(10, 20):
            rungs.reached(key, 1, 0.1, 200)
        assert rungs.next() == "later"
        assert rungs.next() in (2, None)
        assert "later" not in rungs.waiting

    def test_who_is_not_ready_yet_is_neither_sent_on_nor_given_up(self):
        rungs = Rungs(9)
        for key in range(60):
            rungs.reached(key, 1, 0.9 - 0.001 * key, 100)
        before = rungs.waiting
        assert rungs.next(ready=()) is None
        assert rungs.surplus(ready=()) == []
        assert rungs.waiting == before
        last = before[-1]
        assert rungs.next(ready={last}) is None
        for key in range(60, 200):
            rungs.reached(key, 1, 0.1, 200)
        assert rungs.next(ready={last}) == last

    def test_the_higher_rung_comes_first(self):
        rungs = Rungs(9)
        for key in range(12):
            rungs.reached(key, 3, 0.9 - 0.01 * key, 100 + key)
            rungs.reached(100 + key, 1, 0.9 - 0.01 * key, 100 + key)
        rungs.reached("low", 1, 0.1, 50)
        while (key := rungs.next()) is not None:
            assert (
                key == "low"
                or key < 100
                or not [one for one in rungs.waiting if one != "low" and one < 100 and one in rungs._admitted(3)]
            )

    def test_of_many_that_wait_the_last_are_given_up(self):
        rungs = Rungs(9)
        for key in range(200):
            rungs.reached(key, 1, 0.9 - 0.001 * key, 100)
        given_up = rungs.surplus()
        waiting = rungs.waiting
        assert len(waiting) == WAITING
        assert min(given_up) > max(waiting)
        assert rungs.surplus() == []

    @settings(deadline=None)
    @given(points)
    def test_a_resumed_search_decides_as_one_that_never_stopped(self, points):
        whole, resumed = Rungs(9), Rungs(9)
        for key, (accuracy, macs) in enumerate(points[:-1]):
            went_on = whole.reached(key, 1, accuracy, macs)
            resumed.replay(key, [(1, accuracy)], macs, waiting=not went_on)
        assert sorted(whole.waiting) == sorted(resumed.waiting)
        assert whole.reached("last", 1, *points[-1]) == resumed.reached("last", 1, *points[-1])
        assert whole.next() == resumed.next()


class TestTheExpectation:
    def test_until_enough_have_ended_the_rung_is_all_there_is(self):
        accuracy = np.array([0.1, 0.2, 0.3])
        expected, noise = expectation(accuracy, np.ones(3), np.array([0, 1]), np.array([0.5, 0.6]))
        assert expected.tolist() == accuracy.tolist()
        assert noise == math.inf

    def test_it_learns_that_large_networks_gain_more(self):
        found = curves(0, 60, noise=0.1, slow=1.5)
        ended = np.arange(30)
        expected, _ = expectation(found.accuracy[1], found.macs, ended, found.accuracy[EPOCHS][ended])
        off = np.abs(expected - found.accuracy[EPOCHS])[30:]
        plain = found.accuracy[1] - found.accuracy[1].mean() + found.accuracy[EPOCHS].mean()
        assert off.mean() < 0.3 * np.abs(plain - found.accuracy[EPOCHS])[30:].mean()

    def test_what_has_ended_is_known(self):
        found = curves(0, 20)
        expected, _ = expectation(found.accuracy[1], found.macs, np.arange(10), found.accuracy[EPOCHS][:10])
        assert expected[:10].tolist() == found.accuracy[EPOCHS][:10].tolist()

    @pytest.mark.parametrize("noise", [0.2, 0.5])
    def test_its_noise_is_that_of_the_rung(self, noise):
        found = curves(0, 300, noise=noise)
        _, seen = expectation(found.accuracy[1], found.macs, np.arange(200), found.accuracy[EPOCHS][:200])
        assert seen == pytest.approx(noise / 100, rel=0.25)


class TestSimulatedStudies:
    """All points of the front that full training of everything would keep are trained fully."""

    @pytest.mark.parametrize("studies", [15, pytest.param(100, marks=pytest.mark.claims)])
    @pytest.mark.parametrize("slow", [0.0, 2.5], ids=["parallel", "curves of large and small networks cross"])
    def test_in_95_of_100_studies_no_point_of_the_front_is_lost_at_40_percent_of_the_epochs(self, slow, studies):
        misses, share = lost(lambda: Rungs(EPOCHS), studies, 150, slow=slow)
        assert misses <= 0.05 * studies
        assert share <= 0.40

    def test_control_halving_by_accuracy_and_by_dominance_lose_points_there(self):
        assert lost(Halving, 12, 150, slow=2.5)[0] > 6
        assert lost(lambda: Halving(by_rank=True), 12, 150, slow=2.5)[0] > 6

    def test_control_a_rung_that_says_nothing_loses_points(self):
        assert lost(lambda: Rungs(EPOCHS), 12, 150, noise=10.0)[0] > 6

    @pytest.mark.claims
    def test_a_larger_study_costs_a_smaller_share(self):
        assert lost(lambda: Rungs(EPOCHS), 5, 600)[1] < lost(lambda: Rungs(EPOCHS), 20, 60)[1]

    def test_nothing_is_trained_twice_and_everything_begins(self):
        found = curves(1, 50)
        complete, share = search(found, Rungs(EPOCHS))
        assert complete
        assert 1 / EPOCHS < share < 1


def equal_ones(order: list[int]) -> Rungs:
    """Rungs that trainings have reached in this order, of which many are equal."""
    rungs = Rungs(EPOCHS)
    for key in order:
        curve = [(level, key % 7 / 10 + level / 100) for level in (LEVELS if key % 3 else (*LEVELS, EPOCHS))]
        rungs.replay(key, curve[:1] if key % 2 else curve, 1 + key % 5, waiting=bool(key % 2))
    return rungs


def test_a_run_that_goes_on_decides_as_before_whatever_order_it_reads_trainings_in(monkeypatch: pytest.MonkeyPatch):
    def decided(order: list[int]) -> list[object]:
        rungs = equal_ones(order)
        given_up = rungs.surplus()
        return [*given_up, None, *iter(rungs.next, None)]

    there = list(range(120))
    other = [*there[1::2], *there[0::2]]
    assert decided(there) == decided(other)
    assert len(decided(there)) > 20
    monkeypatch.setattr(rungs_module, "_place", lambda key: 0)  # control: as they come
    assert decided(there) != decided(other)
