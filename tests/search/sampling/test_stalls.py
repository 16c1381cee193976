"""A search that has stalled near its best trial looks elsewhere."""

import numpy as np
import optuna
import pytest
from automl.search import PredictorSampler
from automl.search.sampling import predictor
from automl.search.sampling.columns import columns_of, edits
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import create_trial

SPACE = {f"p{index}": CategoricalDistribution((0, 1, 2, 3)) for index in range(6)}
BEST = np.zeros(6, int)


def proposed(last: list[np.ndarray]) -> int:
    """In how many parameters the next proposal differs from the best trial, after `last`."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=PredictorSampler(seed=0, space=SPACE))
    begun = list(np.random.default_rng(0).integers(0, 4, (10, 6)))
    for row in [*begun, BEST, *last]:
        value = -float((row > 0).sum() + 0.1 * row.sum())
        params = dict(zip(SPACE, row.tolist(), strict=True))
        study.add_trial(create_trial(value=value, params=params, distributions=SPACE))
    trial = study.ask()
    optuna.logging.set_verbosity(verbosity)
    return sum(trial.suggest_categorical(name, (0, 1, 2, 3)) != 0 for name in SPACE)


def near(count: int) -> list[np.ndarray]:
    changes = [np.eye(6, dtype=int)[place] * value for place in range(6) for value in (1, 2)]
    return changes[:count]


def test_after_many_near_ones_without_improvement_the_next_is_far():
    assert proposed(near(predictor.STALLED)) > predictor.NEAR


def test_control_after_fewer_it_is_near():
    assert proposed(near(predictor.STALLED - 2)) <= predictor.NEAR


def test_control_without_the_rule_it_is_near(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(predictor.PredictorSampler, "_far", lambda sampler, history, offer: None)
    assert proposed(near(predictor.STALLED)) <= predictor.NEAR


def test_edits_count_parameters_that_differ():
    columns = columns_of({"a": CategoricalDistribution((0, 1)), "b": FloatDistribution(0.0, 1.0)})
    table = np.array([[0.0, 0.5], [1.0, 0.5], [0.0, 0.55], [1.0, 0.9], [0.0, np.nan]])
    assert edits(columns, table, table[0]).tolist() == [0, 1, 0, 2, 1]
