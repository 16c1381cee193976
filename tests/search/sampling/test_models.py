"""The predictor's parts against independent formulas: surrogate, hypervolume, curves, conditions,
costs of regions."""

import itertools
import math

import numpy as np
import pytest
from automl.blocks import InputError
from automl.search.sampling.acquisition import expected_improvement
from automl.search.sampling.columns import Column, columns_of, keys_of, table_of
from automl.search.sampling.conditions import apply, learn
from automl.search.sampling.covariance import parts_of
from automl.search.sampling.curves import continued
from automl.search.sampling.features import Encoder
from automl.search.sampling.history import History
from automl.search.sampling.hypervolume import improvements
from automl.search.sampling.pool import Pool
from automl.search.sampling.region import CostRegion
from automl.search.sampling.space_region import SpaceRegion
from automl.search.sampling.surrogate import Surrogate
from automl.spaces import Space, parse_budget
from automl.spaces.draws.bulk import enumerate_rows, settings
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

SPACE = {
    "a": CategoricalDistribution(("x", "y", "z")),
    "b": CategoricalDistribution(("x", "y", "z")),
    "n": IntDistribution(1, 9),
    "f": FloatDistribution(1e-3, 1.0, log=True),
}


def cost(params):
    return 2.0 + params["n"] * (1 + (params["a"] == "z"))


@pytest.fixture
def data():
    columns, rng = columns_of(SPACE), np.random.default_rng(0)
    table = np.stack([column.draw(40, rng) for column in columns], axis=1)
    macs = CostRegion(cost).examine(columns, table).costs
    features = Encoder(columns, table, macs)(table, macs)
    return features, np.log(macs) + 0.3 * (table[:, 0] == 1) + 0.1 * rng.standard_normal(40)


class TestSurrogate:
    def test_its_mean_and_draws_are_those_of_the_dense_formula(self, data):
        features, values = data
        model = Surrogate(features[:30], values[:30])
        weight = model.weights

        def kernel(a, b):
            return sum(weight[name] * part for name, part in parts_of(a, b).items())

        y, rest = (values[:30] - values[:30].mean()) / values[:30].std(), features[30:]
        solved = np.linalg.inv(kernel(features[:30], features[:30]) + (weight["noise"] + 1e-6) * np.eye(30))
        mean = values[:30].mean() + values[:30].std() * kernel(rest, features[:30]) @ solved @ y
        covariance = values[:30].var() * (
            kernel(rest, rest) - kernel(rest, features[:30]) @ solved @ kernel(features[:30], rest)
        )
        assert np.allclose(model.mean(rest), mean, atol=1e-4)
        found, factor = model.posterior(rest)
        assert np.allclose(found, mean)
        assert np.allclose(factor @ factor.T, covariance, atol=1e-3 * covariance.max())
        assert np.allclose(model.deviation(rest), np.sqrt(np.diag(covariance)), rtol=1e-2)
        draws = model.sample(rest, np.random.default_rng(0), draws=4_000)
        assert np.allclose(draws.std(0), np.sqrt(np.diag(covariance)), rtol=0.1)

    def test_the_gradient_of_the_loss_is_that_of_differences(self, data):
        model = Surrogate(*data)
        at = model._prior + np.linspace(-1, 1, len(model._prior))
        gradient = model.loss(at)[1]
        for place, step in enumerate(np.eye(len(at)) * 1e-5):
            assert (model.loss(at + step)[0] - model.loss(at - step)[0]) / 2e-5 == pytest.approx(
                gradient[place], rel=1e-3, abs=1e-5
            )

    def test_the_evidence_is_the_density_of_the_observations(self, data):
        from scipy.stats import multivariate_normal

        features, values = data
        model = Surrogate(features, values)
        covariance = sum(model.weights[name] * part for name, part in parts_of(features, features).items()) + (
            model.weights["noise"] + 1e-6
        ) * np.eye(40)
        assert model.evidence == pytest.approx(
            multivariate_normal(np.zeros(40), covariance).logpdf((values - values.mean()) / values.std()), rel=1e-6
        )

    def test_what_is_expected_of_an_observation_without_it_is_what_a_model_of_the_others_says(self, data):
        features, values = data
        model = Surrogate(features, values)
        found = model.leave_one_out()
        for place in range(0, 40, 8):
            others = np.delete(np.arange(40), place)
            y = (values - values.mean()) / values.std()
            kernel = sum(model.weights[name] * part for name, part in parts_of(features, features).items())
            inner = kernel[np.ix_(others, others)] + (model.weights["noise"] + 1e-6) * np.eye(39)
            assert found[place] == pytest.approx(
                values.mean() + values.std() * kernel[place, others] @ np.linalg.solve(inner, y[others]), abs=1e-6
            )

    def test_expected_observations_leave_the_mean_and_narrow_the_draws(self, data):
        features, values = data
        model = Surrogate(features[:20], values[:20])
        more = model.with_pending(features[20:25])
        assert np.allclose(more.mean(features), model.mean(features), atol=1e-3)
        before, after = (
            np.diag(factor @ factor.T)
            for factor in (model.posterior(features[20:25])[1], more.posterior(features[20:25])[1])
        )
        assert (after < before).all()

    def test_an_observation_of_much_noise_counts_little(self, data):
        features, values = data
        changed = values.copy()
        changed[0] += 3
        extra = np.zeros(40)
        extra[0] = 1e4
        trusting = Surrogate(features, changed, weights=Surrogate(features, values).weights).mean(features)[0]
        doubting = Surrogate(features, changed, extra, weights=Surrogate(features, values).weights).mean(features)[0]
        assert abs(doubting - values[0]) < abs(trusting - values[0])


def counted(values: np.ndarray, point: np.ndarray, low: np.ndarray, cells: int = 60) -> float:
    """What a point adds, by counting the cells of a grid."""
    high = np.maximum(values.max(0), point)
    axes = [low[i] + (high[i] - low[i]) * (np.arange(cells) + 0.5) / cells for i in range(values.shape[1])]
    centres = np.array(list(itertools.product(*axes)))
    old = (values[:, None] >= centres[None]).all(2).any(0)
    return float(((point >= centres).all(1) & ~old).mean() * np.prod(high - low))


def test_the_improvement_expected_is_the_mean_of_draws_above_zero():
    lead, spread = np.array([-2.0, 0.0, 0.5, 3.0]), np.array([1.0, 0.1, 2.0, 0.5])
    draws = lead + spread * np.random.default_rng(0).standard_normal((400_000, 4))
    assert np.allclose(expected_improvement(lead, spread), np.maximum(draws, 0).mean(0), rtol=0.03, atol=1e-3)


class TestHypervolume:
    @pytest.mark.parametrize("objectives", [2, 3])
    def test_improvements_are_proportional_to_counted_cells(self, objectives: int):
        rng = np.random.default_rng(1)
        values, points = rng.random((6, objectives)), 1.3 * rng.random((16, objectives))
        found = improvements(values, points, rng)
        low = values.min(0) - 0.1 * np.ptp(values, axis=0)
        expected = np.array(
            [counted(values, np.maximum(point, low), low, 200 if objectives == 2 else 40) for point in points]
        )
        kept = expected > 0.01
        assert kept.sum() > 2
        assert np.corrcoef(found, expected)[0, 1] > (0.999 if objectives == 2 else 0.97)
        assert (found[expected == 0] < 1e-3).all()

    def test_a_dominated_point_adds_nothing(self):
        values = np.array([[1.0, 0.0], [0.0, 1.0]])
        assert improvements(values, np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5]]), np.random.default_rng(0))[
            :2
        ] == pytest.approx([0, 0])


class TestCurves:
    def history(self, pruned: float, step: int = 1) -> History:
        columns = columns_of({"n": SPACE["n"]})
        found = History(columns, np.ones(1))
        trials = [
            create_trial(
                value=2 * 0.1 * n,
                params={"n": n},
                distributions={"n": SPACE["n"]},
                intermediate_values={1: 0.1 * n, 3: 0.15 * n},
            )
            for n in range(1, 9)
        ]
        trials.append(
            create_trial(
                state=TrialState.PRUNED,
                params={"n": 9},
                distributions={"n": SPACE["n"]},
                intermediate_values={step: pruned},
            )
        )
        for number, trial in enumerate(trials):
            trial.number = number
        found.follow(trials, len(trials))
        return found

    def test_a_stopped_trial_is_continued_as_those_that_went_on(self):
        rows, values, variances = continued(self.history(0.45))
        assert rows.tolist() == [[9.0]]
        assert values == pytest.approx([0.9], abs=0.05)
        assert variances[0] < 0.01

    def test_what_no_other_has_passed_is_left_out(self):
        assert len(continued(self.history(0.4, step=2))[0]) == 0

    def test_a_stopped_trial_that_went_on_counts_once(self):
        found = self.history(0.45)
        later = create_trial(value=0.8, params={"n": 9}, distributions={"n": SPACE["n"]})
        found.follow([*[later] * 9, later], 99)
        assert found.stopped == []
        assert found.rows[-1].tolist() == [9.0]


class TestConditions:
    def test_a_parameter_that_depends_on_another_is_learned(self):
        columns = columns_of({"kind": CategoricalDistribution(("a", "b")), "more": IntDistribution(0, 3)})
        table = table_of(columns, [{"kind": "a"}, {"kind": "b", "more": 2}, {"kind": "a"}, {"kind": "b", "more": 0}])
        learned = learn(columns, table)
        assert [(one.child, one.parent, one.absent) for one in learned] == [(1, 0, {0.0})]
        assert np.isnan(apply(learned, np.array([[0.0, 2.0], [1.0, 2.0]]))[:, 1]).tolist() == [True, False]

    def test_a_contradiction_is_no_condition(self):
        columns = columns_of({"kind": CategoricalDistribution(("a", "b")), "more": IntDistribution(0, 3)})
        assert learn(columns, table_of(columns, [{"kind": "a"}, {"kind": "a", "more": 2}])) == []


class TestRegions:
    def test_scalars_and_arrays_cost_the_same(self):
        columns = columns_of(SPACE)
        table = np.stack([column.draw(50, np.random.default_rng(0)) for column in columns], axis=1)
        fast, slow = (
            CostRegion(cost, 12),
            CostRegion(lambda params: cost(params) if isinstance(params["a"], str) else 1 / 0, 12),
        )
        assert fast.examine(columns, table).costs.tolist() == slow.examine(columns, table).costs.tolist()
        assert (fast.vectorised, slow.vectorised) == (True, False)

    def test_a_function_that_misreads_arrays_is_found_out(self):
        region = CostRegion(
            lambda params: cost(params) if isinstance(params["a"], str) else np.zeros(len(params["a"])), 12
        )
        columns = columns_of(SPACE)
        table = np.stack([column.draw(50, np.random.default_rng(0)) for column in columns], axis=1)
        assert (region.examine(columns, table).costs > 0).all()
        assert not region.vectorised

    def test_a_parameter_that_is_not_asked_for_is_not_costed(self):
        columns = columns_of({"kind": CategoricalDistribution(("a", "b")), "more": IntDistribution(5, 9)})
        table = np.array([[0.0, math.nan], [1.0, 7.0], [0.0, math.nan]])
        assert CostRegion(lambda params: 1 + params.get("more", 0)).examine(columns, table).costs.tolist() == [1, 8, 1]

    def test_a_budget_needs_a_cost(self):
        with pytest.raises(InputError, match="a budget needs the cost that it bounds"):
            CostRegion(None, 3)

    def test_a_budget_in_text_may_bound_any_one_metric(self):
        table = np.array([[0.0], [1.0]])
        columns = columns_of({"n": IntDistribution(0, 1)})
        region = CostRegion(lambda params: 5_000_000 + 1_000_000 * params["n"], "5.3MParams")
        assert region.examine(columns, table).admitted.tolist() == [True, False]
        with pytest.raises(InputError, match="must bound one metric"):
            CostRegion(cost, "5.3MParams, 400MFLOPs")

    def test_an_empty_budget_is_an_error(self):
        with pytest.raises(InputError, match="nothing in the search space is within the budget"):
            Pool(columns_of({"n": SPACE["n"], "a": SPACE["a"]}), CostRegion(cost, 1), np.random.default_rng(0))

    def test_a_needle_of_a_budget_is_found_in_a_large_space(self, monkeypatch: pytest.MonkeyPatch):
        from automl.search.sampling import pool

        monkeypatch.setattr(pool, "DRAWN", 500)
        space = {f"p{i:02d}": IntDistribution(0, 9) for i in range(20)}
        found = Pool(
            columns_of(space), CostRegion(lambda params: 1 + sum(params.values()), 5), np.random.default_rng(0)
        )
        assert len(found.rows) > 20
        assert found.costs.max() <= 5

    def test_a_pool_for_one_more_parameter_takes_over_the_rows_of_the_last_one(self):
        space = {f"p{i:02d}": IntDistribution(0, 9) for i in range(8)}
        region, rng = CostRegion(lambda params: 1 + sum(params.values()), 30), np.random.default_rng(0)
        before = Pool(columns_of(space), region, rng, drawn=400)
        more = columns_of(space | {"q": IntDistribution(0, 9)})
        for kept, share in ((before, 0.4), (None, 0.0)):  # some cost too much with a value of q
            rows = Pool(more, region, rng, drawn=400, kept=kept).rows
            taken_over = np.isin(keys_of(rows[:, :8]), keys_of(before.rows)).mean()
            assert taken_over >= share if kept else taken_over < 0.1

    def test_a_pool_of_a_space_holds_every_network_once(self, space: Space):
        budget = parse_budget("1M")
        region = SpaceRegion(space, budget)
        found = Pool(columns_of(region.distributions), region, np.random.default_rng(0))
        every = {
            one.id: one.cost().macs
            for rows in enumerate_rows(space)
            for row in rows
            for one in [space.candidate(settings(space, row))]
        }
        assert len(found.rows) == sum(macs <= 1_000_000 for macs in every.values())
        assert sorted(found.costs.tolist()) == sorted(macs for macs in every.values() if macs <= 1_000_000)


class TestColumns:
    def test_equal_rows_have_equal_keys_and_others_have_not(self):
        table = np.array(list(itertools.product(range(4), range(5), [0.0, -0.0, 0.5, math.nan])))
        assert len(set(keys_of(table).tolist())) == 4 * 5 * 3

    @pytest.mark.parametrize("name", SPACE)
    def test_draws_are_values(self, name: str):
        column = Column(name=name, distribution=SPACE[name])
        for number in column.draw(50, np.random.default_rng(0)):
            assert SPACE[name]._contains(SPACE[name].to_internal_repr(column.value(number)))
