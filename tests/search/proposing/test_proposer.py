"""The proposer: its gate, random draws, objectives, cost axes, and continuing from a database."""

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from automl.blocks import InputError
from automl.search.proposing.proposer import Proposer
from automl.search.proposing.samplers import make_sampler, sampler_names
from automl.spaces import Candidate, Space, census, parse_budget
from automl.spaces.draws.bulk import enumerate_rows, settings
from automl.spaces.metrics import Metric, metrics, value


def proposer(space: Space, budget: str, sampler: str, seed: int = 0, **more) -> Proposer:
    bounds = parse_budget(budget)
    return Proposer(space, bounds, census(space, bounds), sampler=sampler, seed=seed, trials=40, **more)


def pretend(index: int) -> float:
    return 0.5 + 0.4 * ((index * 7919) % 101) / 101


def test_what_is_refused_is_counted(space: Space):
    asks = proposer(space, "150k", "tpe")
    while (proposal := asks.propose()) is not None and asks.refused == 0:
        asks.completed(proposal, 0.5)
    assert asks.refused > 0


def test_a_tight_budget_does_not_resample_without_end(space: Space):
    cheapest = census(space, parse_budget("1M")).cheapest.cost.macs
    asks = proposer(space, str(cheapest), "nsga2")
    asks._startup = 0
    proposal = asks.propose()
    assert proposal is not None
    assert proposal.cost.macs == cheapest
    assert asks.refused <= 51


def test_every_value_can_be_proposed(space: Space):
    asks = proposer(space, "10M", "random")
    seen: dict[str, set] = {parameter.name: set() for parameter in space.parameters}
    while (proposal := asks.propose()) is not None and len(asks._known) < 120:
        for name, chosen in proposal.settings.items():
            seen[name].add(chosen)
    assert {name: len(values) for name, values in seen.items()} == {
        parameter.name: len(parameter.values) for parameter in space.parameters
    }


def test_an_unknown_sampler_names_the_nearest():
    with pytest.raises(InputError, match="unknown sampler 'nsga'; did you mean 'nsga2'"):
        make_sampler("nsga", seed=0, trials=10)


def test_asking_does_not_warn(space: Space):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for sampler in sampler_names():
            asks = proposer(space, "1M", sampler)
            for index in range(11):
                proposal = asks.propose()
                assert proposal is not None
                asks.completed(proposal, pretend(index))


@pytest.mark.parametrize("sampler", sampler_names())
def test_a_study_with_pruned_trials_is_gone_on_with_from_its_database(space: Space, tmp_path: Path, sampler: str):
    from datetime import UTC, datetime

    from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study, StudySpec

    spec = StudySpec(name="s", space=space.to_dict(), budget="", data={"name": "none"}, settings={})
    study = Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", spec, command="", versions={})
    first, now = proposer(space, "1M", "random"), datetime.now(UTC)
    for index in range(14):
        one = first.propose()
        assert one is not None
        state = State.PRUNED if index % 2 else State.COMPLETE
        row = CandidateRow(
            id=one.candidate.id,
            spec=one.candidate.spec,
            macs=one.cost.macs,
            params=one.cost.params,
            activations=one.cost.activations,
        )
        evaluation = Evaluation(
            candidate_id=row.id,
            fidelity=Fidelity(epochs=9, size=16),
            seed=0,
            purpose=Purpose.SEARCH,
            state=state,
            settings=one.settings,
            curve=((3, pretend(index)),),
            accuracy=pretend(index),
            seconds=1.0,
            reason="beaten",
            started=now,
            finished=now,
        )
        values = (pretend(index), row.macs) if state is State.COMPLETE else None
        study.record(evaluation, row, params=one.params, distributions=one.distributions, values=values)
    again = proposer(
        space, "1M", sampler, history=study.optuna_trials(), known=[e.candidate_id for e in study.evaluations()]
    )
    for _ in range(2):
        proposal = again.propose()
        assert proposal is not None
        again.pruned(proposal)


def test_refusals_do_not_make_the_good_tenth_larger(space: Space):
    asks = proposer(space, "250k", "tpe")
    for index in range(14):
        proposal = asks.propose()
        assert proposal is not None
        asks.completed(proposal, pretend(index))
    assert asks.refused > 0
    states = [trial.state.name for trial in asks._study.trials]
    assert states.count("PRUNED") <= states.count("COMPLETE") == 14


class TestRandomDraws:
    @pytest.mark.parametrize("sampler", ["predictor", "evolution", "tpe"])
    def test_they_are_new_within_the_budget_and_told_to_the_sampler(self, space: Space, sampler: str):
        asks = proposer(space, "500k", sampler)
        seen = set()
        for index in range(14):
            proposal = asks.propose(random=index % 2 == 0)
            assert proposal is not None
            assert proposal.origin == ("random" if index % 2 == 0 else sampler)
            assert proposal.cost.macs <= 500_000
            assert proposal.candidate.id not in seen
            seen.add(proposal.candidate.id)
            asks.completed(proposal, pretend(index))
        assert sum(trial.state.name == "COMPLETE" for trial in asks._study.trials) == 14

    @pytest.mark.claims
    def test_they_are_uniform_over_networks(self, space: Space):
        """Every network within the budget comes about equally often as the first draw."""
        counts: dict[str, int] = {}
        for seed in range(60):
            proposal = proposer(space, "150k", "predictor", seed).propose(random=True)
            assert proposal is not None
            counts[proposal.candidate.id] = counts.get(proposal.candidate.id, 0) + 1
        every = [space.candidate(settings(space, row)) for rows in enumerate_rows(space) for row in rows]
        distinct = len({one.id for one in every if one.cost().macs <= 150_000})
        assert len(counts) > 0.8 * distinct
        assert max(counts.values()) < 3 * 60 / distinct


class TestObjectives:
    @pytest.mark.parametrize("sampler", sampler_names())
    @pytest.mark.parametrize("objective", ["best", "front"])
    def test_the_study_has_as_many_as_are_looked_for(self, space: Space, sampler: str, objective: str):
        asks = proposer(space, "1M", sampler, objective=objective)
        for index in range(9):
            proposal = asks.propose()
            assert proposal is not None
            asks.completed(proposal, pretend(index), [(1, 0.3), (3, pretend(index))])
        assert len(asks._study.directions) == (1 if objective == "best" else 2)

    def test_curves_of_stopped_trainings_reach_the_predictor(self, space: Space):
        asks = proposer(space, "1M", "predictor")
        for index in range(16):
            proposal = asks.propose()
            assert proposal is not None
            curve = [(1, 0.5 * pretend(index)), (3, 0.8 * pretend(index))]
            (
                asks.pruned(proposal, curve)
                if index % 3 == 2
                else asks.completed(proposal, pretend(index), [*curve, (9, pretend(index))])
            )
        assert len(asks._sampler._history.stopped) == 5
        assert all(len(curve) == 3 for curve in asks._sampler._history.curves)

    def test_hints_and_earlier_studies_reach_the_predictor(self, space: Space):
        first = proposer(space, "1M", "predictor", objective="front")
        rows = []
        for _ in range(12):
            proposal = first.propose()
            assert proposal is not None
            rows.append((proposal.settings, float(proposal.cost.params)))
            first.completed(proposal, float(np.log(proposal.cost.params)))
        asks = proposer(space, "1M", "predictor", seed=5, earlier=[first._study.trials], hints={"a": rows})
        asks.hint("b", rows)
        for _ in range(9):
            proposal = asks.propose()
            assert proposal is not None
            asks.completed(proposal, float(np.log(proposal.cost.params)))
        assert {"earlier 0", "hint a", "hint b"} <= set(asks._sampler.weights)


def test_the_package_loads_no_optuna_until_a_sampler_is_asked_for():
    code = (
        "import sys, automl.search as s; assert not {'optuna', 'torch', 'ray'} & set(sys.modules), 'loaded'; assert"
        " s.PredictorSampler.__name__ == 'PredictorSampler' and s.RandomSampler and s.EvolutionSampler; assert 'optuna'"
        " in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestCostAxis:
    def test_the_second_value_of_a_trial_is_the_cost_axis(self, space: Space):
        for cost in ("macs", "params", "activations", "peak_memory"):
            asks = proposer(space, "1M", "predictor", objective="front", cost=cost)
            for index in range(8):
                proposal = asks.propose()
                assert proposal is not None
                asks.completed(proposal, pretend(index))
                assert asks._study.trials[-1].values[1] == value(cost, proposal.cost)

    def test_the_predictor_knows_the_axis_exactly(self, space: Space):
        """An objective that is the cost itself is not modelled."""
        for cost, modelled in (("params", {0}), ("macs", {0, 1})):
            asks = proposer(space, "1M", "predictor", objective="front", cost="params")
            asks._cost = cost  # the control tells another cost than the sampler was made for
            for index in range(8):
                proposal = asks.propose()
                assert proposal is not None
                asks.completed(proposal, pretend(index))
            assert set(asks._sampler._models._fitted) == modelled

    @pytest.mark.parametrize("sampler", ["predictor", "evolution"])
    def test_the_budget_may_bound_another_metric_than_the_axis(self, space: Space, sampler: str):
        rows = next(enumerate_rows(space))
        limit = int(np.median([space.candidate(settings(space, row)).cost().params for row in rows[::20]]))
        asks = proposer(space, f"{limit}Params", sampler, cost="activations")
        for index in range(8):
            proposal = asks.propose()
            assert proposal is not None
            assert proposal.cost.params <= limit
            asks.completed(proposal, pretend(index))
        assert asks.refused == 0

    def test_an_unknown_axis_names_the_nearest(self, space: Space):
        with pytest.raises(InputError, match="unknown cost metric 'mac'; did you mean 'macs'"):
            proposer(space, "1M", "predictor", cost="mac")

    def test_a_metric_of_ones_own_bounds_and_is_the_axis(self, space: Space, monkeypatch: pytest.MonkeyPatch):
        class Digits(Metric):
            """A number that follows from nothing but the candidate's id."""

            name, units = "digits", {"digits": 1.0}

            def of(self, candidate: Candidate) -> float:
                return 1.0 + sum(map(int, filter(str.isdigit, candidate.id)))

        monkeypatch.setattr(metrics, "known", dict(metrics.known))
        metrics.add("digits", Digits())
        asks = proposer(space, "180digits", "predictor", objective="front", cost="digits")
        for index in range(9):
            proposal = asks.propose()
            assert proposal is not None
            assert Digits().of(proposal.candidate) <= 180
            asks.completed(proposal, pretend(index))
            assert asks._study.trials[-1].values[1] == Digits().of(proposal.candidate)
        assert asks.refused == 0
        assert set(asks._sampler._models._fitted) == {0}
