"""Failures teach: what fails is avoided, but failures by chance or of a machine change little."""

import numpy as np
import optuna
import pytest
from automl.search import PredictorSampler
from automl.search.sampling import NO_EVIDENCE
from automl.search.sampling.columns import Table, columns_of
from automl.search.sampling.success import SuccessModel
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

OPS = ("none", "skip", "conv1", "conv3", "pool")
CELL = {f"edge{index}": CategoricalDistribution(OPS) for index in range(6)}
MIXED = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "depth": IntDistribution(1, 9),
    "op": CategoricalDistribution(OPS),
}


pytestmark = pytest.mark.usefixtures("quiet")


def drawn(space, count: int, seed: int = 0) -> Table:
    rng = np.random.default_rng(seed)
    return np.stack([column.draw(count, rng) for column in columns_of(space)], axis=1)


def model_of(space, rows: Table, failed: np.ndarray, costs: np.ndarray | None = None) -> SuccessModel:
    costs = np.zeros(len(rows)) if costs is None else costs
    return SuccessModel(columns_of(space), (rows[~failed], costs[~failed]), (rows[failed], costs[failed]))


class TestRules:
    def test_a_choice_that_always_fails_is_blamed_and_no_other(self):
        rows, fresh = drawn(CELL, 30), drawn(CELL, 400, seed=1)
        odds = model_of(CELL, rows, rows[:, 2] == 3)(fresh, np.zeros(400))
        wrong = fresh[:, 2] == 3
        assert odds[wrong].max() < 0.2
        assert np.median(odds[~wrong]) > 0.95

    def test_a_pair_of_choices_that_always_fails_is_blamed_and_neither_alone(self):
        rows, fresh = drawn(CELL, 200), drawn(CELL, 2_000, seed=1)
        odds = model_of(CELL, rows, (rows[:, 1] == 3) & (rows[:, 4] == 2))(fresh, np.zeros(2_000))
        one, other = fresh[:, 1] == 3, fresh[:, 4] == 2
        assert odds[one & other].max() < 0.2
        assert np.median(odds[one ^ other]) > 0.95

    @pytest.mark.parametrize("by", ["number", "cost"])
    def test_what_is_too_large_fails(self, by: str):
        rows, fresh = drawn(MIXED, 60), drawn(MIXED, 400, seed=1)
        place = [column.name for column in columns_of(MIXED)].index("rate")
        costs, new = (np.log(table[:, place]) + 20 if by == "cost" else np.zeros(len(table)) for table in (rows, fresh))
        odds = model_of(MIXED, rows, rows[:, place] > 0.1, costs)(fresh, new)
        assert odds[fresh[:, place] > 0.2].mean() < 0.3
        assert odds[fresh[:, place] < 0.02].mean() > 0.9

    def test_failures_by_chance_change_little(self):
        rows, fresh = drawn(CELL, 60), drawn(CELL, 400, seed=1)
        failed = np.random.default_rng(3).permutation(60) < 6
        odds = model_of(CELL, rows, failed)(fresh, np.zeros(400))
        assert np.median(odds) > 0.8
        assert (odds < 0.2).mean() < 0.05


def failures(sampler: PredictorSampler, count: int, attribute: str | None = None) -> int:
    """How many of the first proposals have the operation that fails, which would be the best."""
    study, failed = optuna.create_study(direction="maximize", sampler=sampler), 0
    for index in range(count):
        trial = study.ask()
        params = {name: trial.suggest_categorical(name, OPS) for name in CELL}
        if params["edge2"] == "conv3":
            failed += 1
            if attribute is not None:
                trial.set_user_attr(attribute, True)
            study.tell(trial, state=TrialState.FAIL)
        else:
            noise = 0.1 * np.random.default_rng(index).standard_normal()
            study.tell(trial, sum(OPS.index(value) for value in params.values()) + noise)
    return failed


class TestTheSampler:
    def test_an_operation_that_always_fails_is_soon_avoided(self):
        assert sum(failures(PredictorSampler(seed=seed, space=CELL), 30) for seed in range(2)) <= 8

    def test_control_without_the_model_of_success_most_proposals_fail(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(PredictorSampler, "_success", lambda sampler, history: None)
        assert failures(PredictorSampler(seed=0, space=CELL), 30) > 15

    def test_failures_of_a_machine_are_no_evidence(self):
        sampler = PredictorSampler(seed=0, space=CELL)
        assert failures(sampler, 20, NO_EVIDENCE) > 5
        assert sampler._history is not None
        assert len(sampler._history.failed) == 0

    def test_parallel_failing_and_pending_trials_are_survived(self):
        sampler = PredictorSampler(seed=0, space=CELL)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for round_ in range(5):
            trials = [study.ask() for _ in range(4)]
            for place, trial in enumerate(trials):
                for name in CELL:
                    trial.suggest_categorical(name, OPS)
                if place % 2 or not round_:
                    study.tell(trial, state=TrialState.FAIL)
                else:
                    study.tell(trial, float(place))
        assert len({tuple(trial.params.values()) for trial in study.trials}) == 20
