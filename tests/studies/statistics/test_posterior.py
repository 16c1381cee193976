"""The posterior of accuracies against the integral over a grid, and its symmetries."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from automl.studies.statistics.posterior import LEAST, OWN, Normal, pooled, posterior
from hypothesis import given
from hypothesis import strategies as st

PRIOR = {"a": Normal(0.80, 0.02), "b": Normal(0.78, 0.01), "c": Normal(0.70, 0.01)}
TRIALS = {"a": 0.82, "b": 0.80, "c": 0.71}
FINALS = {"a": [0.79, 0.81], "b": [0.83, 0.84]}
SCATTER = 0.02


def by_grid(shifted: bool) -> dict[str, tuple[float, float]]:
    """Means and standard deviations of a and b: the density of the model, summed over a grid."""
    noise = pooled(FINALS.values(), math.sqrt(1 - OWN) * SCATTER)
    trial = math.sqrt(1 - OWN) * SCATTER if shifted else noise
    own = SCATTER**2 - trial**2
    a, b, shift = np.meshgrid(
        np.linspace(0.7, 0.9, 161),
        np.linspace(0.7, 0.9, 161),
        np.linspace(-0.1, 0.15, 161) if shifted else np.zeros(1),
        indexing="ij",
    )
    log = np.zeros(a.shape)
    for key, truth in (("a", a), ("b", b)):
        # before the final trainings, the product of normal densities
        before = PRIOR[key].widened(own).updated(TRIALS[key], trial**2).widened(own if shifted else 0.0)
        log -= (truth - before.mean) ** 2 / 2 / before.sd**2
        for value in FINALS[key]:
            log -= (value - truth - shift) ** 2 / 2 / noise**2
    density = np.exp(log - log.max())
    density /= density.sum()
    means = {key: float((truth * density).sum()) for key, truth in (("a", a), ("b", b))}
    return {
        key: (means[key], math.sqrt(float(((truth - means[key]) ** 2 * density).sum())))
        for key, truth in (("a", a), ("b", b))
    }


def test_the_posterior_is_that_of_the_model():
    found, exact = posterior(PRIOR, TRIALS, FINALS, scatter=SCATTER, shifted=False), by_grid(shifted=False)
    for key in "ab":
        assert (found[key].mean, found[key].sd) == pytest.approx(exact[key], rel=1e-3)
    assert PRIOR["c"].mean < found["c"].mean < TRIALS["c"]


def test_with_a_shift_the_means_are_those_of_the_model_and_a_common_gain_changes_nothing():
    found, exact = posterior(PRIOR, TRIALS, FINALS, scatter=SCATTER, shifted=True), by_grid(shifted=True)
    for key in "ab":
        assert found[key].mean == pytest.approx(exact[key][0], abs=2e-4)
    higher = {key: [value + 0.05 for value in values] for key, values in FINALS.items()}
    again = posterior(PRIOR, TRIALS, higher, scatter=SCATTER, shifted=True)
    assert {key: one.mean for key, one in again.items()} == pytest.approx({k: one.mean for k, one in found.items()})
    fixed = posterior(PRIOR, TRIALS, higher, scatter=SCATTER, shifted=False)
    assert fixed["b"].mean > found["b"].mean + 0.01  # the control


def test_the_luckiest_trial_gives_way_to_the_network_that_is_better_again():
    expected = {"lucky": Normal(0.80, 0.01), "good": Normal(0.82, 0.01)}
    finals = {"lucky": [0.80, 0.81, 0.80], "good": [0.82, 0.83, 0.82]}
    trials = {"lucky": 0.85, "good": 0.82}
    found = posterior(expected, trials, finals, scatter=0.02, shifted=False)
    assert found["good"].mean > found["lucky"].mean
    assert found["good"].above(found["lucky"]) > 0.85
    assert trials["lucky"] > trials["good"]  # the control: the trials alone choose the other


@pytest.mark.parametrize(("spread", "trusted"), [(0.0, True), (0.03, False)])
def test_seeds_that_agree_say_that_the_scatter_is_of_the_networks_and_not_of_the_seeds(spread: float, trusted: bool):
    """Then the trial of a network counts for more, also of one that was not trained again."""
    expected = {"a": Normal(0.80, 0.01), "b": Normal(0.80, 0.01)}
    finals = {"a": [0.80 - spread, 0.80, 0.80 + spread] * 4}
    found = posterior(expected, {"a": 0.80, "b": 0.84}, finals, scatter=0.02, shifted=False)
    guessed = posterior(expected, {"a": 0.80, "b": 0.84}, {}, scatter=0.02, shifted=False)
    assert (found["b"].mean > guessed["b"].mean) == trusted
    assert 0.80 < found["b"].mean < 0.84
    assert 0 < LEAST < OWN < 1


def test_without_a_prior_the_mean_of_the_trainings_decides():
    flat = {key: Normal(0.9, math.inf) for key in FINALS}
    found = posterior(flat, {}, FINALS, scatter=None, shifted=False)
    assert {key: one.mean for key, one in found.items()} == pytest.approx({"a": 0.80, "b": 0.835})
    once = posterior(flat, {}, {"a": [0.7], "b": [0.8]}, scatter=None, shifted=False)
    assert (once["b"].mean, once["b"].sd) == (0.8, math.inf)
    assert once["b"].above(once["a"]) == 0.5  # nothing tells the noise


normals = st.builds(Normal, st.floats(0, 1), st.floats(0.001, 0.2))


@given(normals, st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_seeds_may_come_in_any_order_and_one_by_one(prior: Normal, values: list[float]):
    one = prior
    for value in values:
        one = one.updated(value, 0.01**2)
    together = prior.updated(sum(values) / len(values), 0.01**2 / len(values))
    assert (one.mean, one.sd) == pytest.approx((together.mean, together.sd))
    for order in itertools.islice(itertools.permutations(values), 6):
        found = [
            posterior({"a": prior}, {"a": 0.5}, {"a": each}, scatter=0.01, shifted=False)["a"].mean
            for each in (values, list(order))
        ]
        assert found[0] == pytest.approx(found[1])


@given(normals, normals)
def test_one_of_two_is_above_the_other(a: Normal, b: Normal):
    assert a.above(b) + b.above(a) == pytest.approx(1.0)
    assert (a.above(b) > 0.5) == (a.mean > b.mean) or a.above(b) == pytest.approx(0.5)
