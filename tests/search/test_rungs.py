"""Early stopping: clear losers end, no network of the front does."""

from automl.search.rungs import Rungs
from hypothesis import given, settings
from hypothesis import strategies as st

points = st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=1, max_size=40)


def test_rungs_are_the_epochs_divided_again_and_again():
    assert Rungs(81).levels == (3, 9, 27)
    assert Rungs(27).levels == (3, 9)
    assert Rungs(8).levels == (3,)
    assert Rungs(20).levels == (3, 6)
    assert Rungs(3).levels == ()
    assert Rungs(1).levels == ()


def test_the_first_few_go_on_whatever_they_have():
    rungs = Rungs(9)
    assert all(rungs.reached(3, accuracy, 10) for accuracy in (0.9, 0.1, 0.5))


def test_a_clear_loser_is_stopped():
    rungs = Rungs(9)
    for accuracy in (0.9, 0.8, 0.85, 0.7):
        rungs.reached(3, accuracy, 10)
    assert not rungs.reached(3, 0.2, 50)


def test_a_small_network_is_not_stopped_because_larger_ones_are_better():
    rungs = Rungs(9)
    for accuracy in (0.9, 0.8, 0.85, 0.7, 0.95):
        rungs.reached(3, accuracy, 100)
    assert rungs.reached(3, 0.3, 10)


def test_by_accuracy_alone_the_small_network_would_be_lost():
    seen = [0.9, 0.8, 0.85, 0.7, 0.95]
    assert sum(other > 0.3 for other in seen) >= len(seen) / 2


@settings(deadline=None)
@given(points)
def test_what_nothing_beats_goes_on(points):
    rungs = Rungs(9)
    for index, (accuracy, macs) in enumerate(points):
        before = points[:index]
        beaten = any(a >= accuracy and m <= macs and (a, m) != (accuracy, macs) for a, m in before)
        assert rungs.reached(3, accuracy, macs) or beaten


@settings(deadline=None)
@given(points)
def test_a_resumed_search_decides_as_one_that_never_stopped(points):
    whole, resumed = Rungs(9), Rungs(9)
    for accuracy, macs in points[:-1]:
        whole.reached(3, accuracy, macs)
        resumed.replay([(3, accuracy)], macs)
    assert whole.reached(3, *points[-1]) == resumed.reached(3, *points[-1])


def test_between_rungs_nothing_is_decided():
    rungs = Rungs(9)
    for _ in range(10):
        assert rungs.reached(2, 0.0, 1000)
