"""Hints and earlier studies: useful ones help, others do no harm."""

import numpy as np
import optuna
import pytest
from automl.search import PredictorSampler
from automl.search.sampling import predictor
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, create_trial

NAMES = [f"l{i}" for i in range(6)]
SPACE = {name: CategoricalDistribution((0, 1, 2, 3)) for name in NAMES}
TABLE = np.random.default_rng(5).normal(size=(6, 4))
PAIRS = np.random.default_rng(6).normal(size=(5, 4, 4))


pytestmark = pytest.mark.usefixtures("quiet")


def truth(params: dict[str, int]) -> float:
    x = [params[name] for name in NAMES]
    return float(sum(TABLE[i, v] for i, v in enumerate(x)) + sum(PAIRS[i, x[i], x[i + 1]] for i in range(5)))


def drawn(count: int, seed: int) -> list[dict[str, int]]:
    return [
        dict(zip(NAMES, row.tolist(), strict=True)) for row in np.random.default_rng(seed).integers(0, 4, (count, 6))
    ]


def best_after(count: int, sampler: PredictorSampler) -> float:
    study = optuna.create_study(direction="maximize", sampler=sampler)
    rng = np.random.default_rng(0)
    study.optimize(
        lambda trial: (
            truth({name: trial.suggest_categorical(name, (0, 1, 2, 3)) for name in NAMES}) + 0.1 * rng.standard_normal()
        ),
        n_trials=count,
    )
    return max(truth(trial.params) for trial in study.trials)


def mean_best(count: int, **more) -> float:
    return float(np.mean([best_after(count, PredictorSampler(seed=seed, space=SPACE, **more)) for seed in range(4)]))


def study_of(value, count: int = 60) -> list[FrozenTrial]:
    return [create_trial(value=value(params), params=params, distributions=SPACE) for params in drawn(count, 3)]


class TestHints:
    def test_a_useful_one_helps(self):
        rows = [(params, truth(params) ** 3) for params in drawn(150, 1)]
        assert mean_best(14, hints={"score": rows}) > mean_best(14) + 0.3

    def test_a_useless_one_comes_to_weigh_little(self):
        rng = np.random.default_rng(2)
        useless = PredictorSampler(
            seed=0, space=SPACE, hints={"noise": [(params, rng.standard_normal()) for params in drawn(150, 1)]}
        )
        useful = PredictorSampler(
            seed=0, space=SPACE, hints={"score": [(params, truth(params)) for params in drawn(150, 1)]}
        )
        best_after(30, useless)
        best_after(30, useful)
        assert useless.weights["hint noise"] < 0.05
        assert useful.weights["hint score"] > 0.1

    def test_one_that_comes_late_is_used(self):
        sampler = PredictorSampler(seed=0, space=SPACE)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for index in range(16):
            trial = study.ask()
            params = {name: trial.suggest_categorical(name, (0, 1, 2, 3)) for name in NAMES}
            study.tell(trial, truth(params))
            if index == 8:
                sampler.hint("score", [(params, truth(params)) for params in drawn(100, 1)])
        assert sampler.weights["hint score"] > 0.1

    def test_constant_and_endless_values_are_survived(self):
        rows = [(params, 1.0) for params in drawn(20, 1)]
        mean = best_after(
            12,
            PredictorSampler(
                seed=0, space=SPACE, hints={"same": rows, "few": rows[:2], "nan": [(rows[0][0], float("nan"))]}
            ),
        )
        assert np.isfinite(mean)


class TestEarlierStudies:
    def test_one_of_the_same_helps_whatever_its_scale(self):
        assert mean_best(10, earlier=[study_of(lambda params: 40 + 7 * truth(params))]) > mean_best(10) + 0.3

    @pytest.mark.claims
    def test_a_misleading_one_does_not_ruin(self):
        misled = mean_best(40, earlier=[study_of(lambda params: -truth(params))])
        assert misled > mean_best(40) - 0.7

    @pytest.mark.claims
    def test_the_control_is_ruined(self, monkeypatch: pytest.MonkeyPatch):
        """A sampler that only believes the earlier study."""
        monkeypatch.setattr(predictor, "shortlist", lambda model, offer, value, rng, best: offer)
        monkeypatch.setattr(
            predictor,
            "improvement",
            lambda model, offer, seen, pending, success: offer.features.linear["earlier 0"][:, 0],
        )
        assert (
            mean_best(40, earlier=[study_of(lambda params: -truth(params))])
            < mean_best(40, earlier=[study_of(truth)]) - 1
        )
