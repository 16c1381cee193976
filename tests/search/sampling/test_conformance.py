"""All registered samplers keep what every sampler must keep, and planted faults are found."""

from typing import Any

import numpy as np
import pytest
from automl.search import EvolutionSampler, PredictorSampler, RandomSampler
from automl.search.proposing.sampler_kind import SamplerKind
from automl.search.proposing.samplers import sampler_names, samplers
from automl.search.sampling.region import CostRegion

from .conformance import COUNT, FeasibleSamplerConformance, SamplerConformance, smaller_pools  # noqa: F401


class TestPredictor(FeasibleSamplerConformance):
    make = PredictorSampler


class TestEvolution(FeasibleSamplerConformance):
    make = EvolutionSampler


class TestRandom(FeasibleSamplerConformance):
    make = RandomSampler


for _name in sampler_names():
    _tests = type(f"Test_{_name}", (SamplerConformance,), {"name": _name, "count": 7 if _name == "gp" else COUNT})
    # a proposal of gp, which is Optuna's own, takes up to a second
    globals()[f"Test_{_name}"] = pytest.mark.exhaustive(_tests) if _name == "gp" else _tests


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch):
    """Registers a sampler for one test, and makes its tests."""

    def add(part: Any) -> SamplerConformance:
        monkeypatch.setattr(samplers, "known", dict(samplers.known))
        samplers.add("planted", part)
        return type("Planted", (SamplerConformance,), {"name": "planted"})()

    return add


class TestTheConformanceTests:
    """Controls: faulty samplers, which these tests must find."""

    def test_a_sampler_that_ignores_the_budget_is_found(self):
        class Careless(FeasibleSamplerConformance):
            make = staticmethod(lambda seed, cost, budget: RandomSampler(seed=seed, cost=cost))

        with pytest.raises(AssertionError):
            Careless().test_respects_the_budget_and_proposes_nothing_twice("five")

    def test_a_sampler_that_repeats_itself_is_found(self):
        class Forgetful(RandomSampler):
            def choose(self, study, history, pool, running):
                return pool.rows[self._rng.integers(5)]

        class Repeating(FeasibleSamplerConformance):
            make = Forgetful

        with pytest.raises(AssertionError):
            Repeating().test_respects_the_budget_and_proposes_nothing_twice("five")

    def test_a_sampler_with_a_seed_of_its_own_is_found(self):
        class Wilful(FeasibleSamplerConformance):
            make = staticmethod(lambda seed, cost, budget: RandomSampler(seed=None, cost=cost, budget=budget))

        with pytest.raises(AssertionError):
            Wilful().test_is_reproducible_from_its_seed("five")

    def test_a_sampler_without_its_seed_is_found(self, registered):
        class Wilful(RandomSampler):
            def __init__(self, region: Any, space: Any) -> None:
                super().__init__(region=region, space=space)

        tests = registered(Wilful)
        tests.test_respects_the_budget_and_proposes_nothing_twice("five")
        with pytest.raises(AssertionError):
            tests.test_is_reproducible_from_its_seed("five")

    def test_a_sampler_that_wrongly_claims_to_be_feasible_is_found(self, registered):
        from optuna.samplers import RandomSampler as Careless

        tests = registered(SamplerKind(words="careless", factory=Careless, feasible=True))
        with pytest.raises(AssertionError):
            tests.test_if_it_is_feasible_nothing_is_refused()

    def test_a_sampler_that_recommends_the_luckiest_trial_is_found(self):
        class Gullible(RandomSampler):
            def recommend(self, study):
                sign = 1 if study.direction.name == "MAXIMIZE" else -1
                return sorted(super().recommend(study), key=lambda one: -sign * one.trial.value)

        class Trusting(FeasibleSamplerConformance):
            make = Gullible

        with pytest.raises(AssertionError):
            Trusting().test_recommends_what_is_best_of_repeated_trials_and_not_the_luckiest("maximize")

    def test_a_sampler_whose_proposals_depend_on_what_it_recommends_is_found(self, registered):
        class Restless(RandomSampler):
            def recommend(self, study):
                self._rng.random()
                return super().recommend(study)

        with pytest.raises(AssertionError):
            registered(Restless).test_recommends_what_was_completed_and_proposes_the_same_afterwards("five")

    def test_a_sampler_that_keeps_too_much_is_found(self, monkeypatch: pytest.MonkeyPatch):
        class Hoarding(RandomSampler):
            def choose(self, study, history, pool, running):
                self._kept = np.repeat(pool.rows, 20, axis=0)
                return self.at_random(pool)

        class Careless(FeasibleSamplerConformance):
            make = Hoarding

        with pytest.raises(AssertionError):
            Careless().test_a_thousand_observations_in_forty_dimensions_take_little_memory(monkeypatch)

    @pytest.mark.parametrize("fault", ["agreement is not noticed", "costs are not unknown"])
    def test_a_sampler_that_does_not_follow_conditions_is_found(self, fault: str, monkeypatch: pytest.MonkeyPatch):
        class Plain(FeasibleSamplerConformance):
            make = RandomSampler

        if fault.startswith("agreement"):
            monkeypatch.setattr(CostRegion, "certain", True)
            monkeypatch.setattr(CostRegion, "explains", lambda region, columns, table: True)
            with pytest.raises(AssertionError):
                Plain().test_conditional_parameters_of_a_known_space_lead_to_no_repetition(False)
        else:
            monkeypatch.setattr(CostRegion, "_cost_of", lambda region, params: float(region._cost(dict(params))))
            with pytest.raises(KeyError):
                Plain().test_a_space_that_trials_define_is_never_left_nor_repeated(False, 0)

    def test_a_sampler_that_fails_on_its_history_is_found(self, registered):
        class Fragile(RandomSampler):
            def choose(self, study, history, pool, running):
                assert not len(history.rows)
                return self.at_random(pool)

        with pytest.raises(AssertionError):
            registered(Fragile).test_goes_on_from_earlier_trials()
