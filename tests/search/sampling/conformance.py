"""What every sampler must keep: two classes of tests that the tests of a sampler inherit.

`SamplerConformance` searches a space of automl with any sampler that is registered by name:

    class TestMine(SamplerConformance):
        name = "mine"

`FeasibleSamplerConformance` uses a subclass of `FeasibleSampler` in plain Optuna studies:

    class TestMine(FeasibleSamplerConformance):
        make = MySampler
"""

import itertools
import json
import math
import tracemalloc
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, Protocol

import numpy as np
import optuna
import pytest
import torch
from automl.search.proposing.proposer import Proposer
from automl.search.proposing.sampler_kind import OBJECTIVES
from automl.search.proposing.samplers import samplers
from automl.search.sampling import pool
from automl.search.sampling.feasible import FeasibleSampler
from automl.spaces import Census, Space, census, parse_budget, union
from automl.studies.statistics.posterior import posterior
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import TrialState

SIZES = {"one": 1, "five": 5, "forty": 40, "conditional": 4}
DRAWN = pool.DRAWN
MEMORY = 150e6
"""Bytes that a sampler may allocate in a study of 40 dimensions."""
COUNT = 12
"""Proposals of a test: enough for every sampler to have begun with its model."""


class Session(Protocol):
    """A search by any sampler. A trial is (what is evaluated, its cost, a handle for results)."""

    budget: float

    def ask(self) -> tuple[Any, float, Any] | None: ...
    def tell(self, trial: Any, state: str, value: float) -> None: ...


def accuracy(name: Any) -> float:
    """A made-up accuracy of anything, the same in every process."""
    text = repr(name)
    return 0.5 + 0.4 * (sum(ord(letter) * (place + 1) for place, letter in enumerate(text)) % 101) / 101


@pytest.fixture(autouse=True)
def smaller_pools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pools of large spaces are drawn in a moment, and nothing is logged."""
    monkeypatch.setattr(pool, "DRAWN", 1_500)
    verbosity = optuna.logging.get_verbosity()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the matrices of Optuna's Gaussian process are small
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.filterwarnings("ignore", message="The value nan")
        yield
    torch.set_num_threads(threads)
    optuna.logging.set_verbosity(verbosity)


class Conformance(ABC):
    """The rules for a search that a subclass begins in `session`."""

    count = COUNT

    @abstractmethod
    def session(self, size: str, seed: int = 0, share: float = 0.6) -> Session:
        """A search over the space called `size`, whose budget admits about the lower `share` of the
        range of costs."""

    def ids(self, session: Session, count: int, states: tuple[str, ...] = ("COMPLETE",)) -> list[Any]:
        found = []
        for index in range(count):
            trial = session.ask()
            if trial is None:
                break
            name, macs, handle = trial
            assert macs <= session.budget
            assert name not in found
            found.append(name)
            session.tell(handle, states[index % len(states)], accuracy(name))
        return found

    @pytest.mark.parametrize("size", SIZES)
    def test_respects_the_budget_and_proposes_nothing_twice(self, size: str):
        assert len(self.ids(self.session(size), self.count)) == self.count

    @pytest.mark.parametrize("size", ["five", "conditional"])
    def test_is_reproducible_from_its_seed(self, size: str):
        assert self.ids(self.session(size, seed=3), self.count) == self.ids(self.session(size, seed=3), self.count)
        assert self.ids(self.session(size, seed=3), self.count) != self.ids(self.session(size, seed=4), self.count)

    @pytest.mark.parametrize("size", ["five", "conditional"])
    def test_survives_failed_pruned_and_nan_ones(self, size: str):
        assert len(self.ids(self.session(size), 16, ("FAIL", "COMPLETE", "PRUNED", "NAN"))) == 16

    def test_survives_when_nothing_ever_succeeds(self):
        assert len(self.ids(self.session("five"), self.count, ("FAIL", "NAN"))) == self.count

    def test_survives_equal_values(self):
        session = self.session("five")
        for _ in range(self.count):
            trial = session.ask()
            assert trial is not None
            session.tell(trial[2], "COMPLETE", 0.5)

    def test_parallel_proposals_do_not_repeat_each_other(self):
        session = self.session("five")
        self.ids(session, self.count)
        running = [session.ask() for _ in range(6)]
        assert len({one[0] for one in running if one}) == 6

    @abstractmethod
    def believed(self, session: Session) -> dict[Any, float]:
        """What is evaluated -> the value that is believed, the best first."""

    @pytest.mark.parametrize("size", ["five", "conditional"])
    def test_recommends_what_was_completed_and_proposes_the_same_afterwards(self, size: str):
        asked, other = self.session(size, seed=5), self.session(size, seed=5)
        states = ("COMPLETE", "COMPLETE", "PRUNED", "FAIL")
        found = self.ids(asked, self.count, states)
        assert self.ids(other, self.count, states) == found
        values = {name: accuracy(name) for index, name in enumerate(found) if index % 4 < 2}
        believed = self.believed(asked)
        assert set(believed) == set(values)
        assert list(believed.values()) == sorted(believed.values(), reverse=True)
        assert min(values.values()) - 0.05 <= min(believed.values()) <= max(believed.values())
        assert max(believed.values()) <= max(values.values()) + 0.05  # shrunk, and not extrapolated
        running = [one.ask() for one in (asked, other)]
        assert running[0] is not None
        assert running[1] is not None
        assert running[0][0] == running[1][0]
        assert self.believed(asked) == believed

    def test_recommends_nothing_before_the_first_value(self):
        session = self.session("five")
        assert self.believed(session) == {}
        self.ids(session, 4, ("FAIL", "NAN"))
        assert self.believed(session) == {}

    def test_ends_when_nothing_is_left(self):
        session = self.session("one")
        found = self.ids(session, 1_000)
        assert self.count <= len(found) < 1_000
        assert set(found) == set(self.feasible("one", session.budget))

    @abstractmethod
    def feasible(self, size: str, budget: float) -> list[Any]:
        """All that may be proposed."""


def plain_space(size: str) -> dict[str, list[int]]:
    return {f"p{i:02d}": list(range(30 if size == "one" else 4)) for i in range(SIZES[size])}


def plain_cost(params: dict[str, Any]) -> Any:
    return sum((int(name[1:]) + 1.0) * value for name, value in params.items() if name != "kind") + 1.0


BRANCHES = {
    "kind": CategoricalDistribution(("plain", "se", "conv")),
    "width": IntDistribution(1, 6),
    "ratio": IntDistribution(1, 4),
    "kernel": IntDistribution(1, 3),
    "groups": IntDistribution(1, 2),
    "depth": IntDistribution(0, 3),
}
"""A space in which two choices of `kind` have parameters of their own."""
CONDITIONS = {"ratio": ("kind", "se"), "kernel": ("kind", ["conv"]), "groups": ("kind", ["conv"])}


def strict_cost(params: dict[str, Any]) -> float:
    own = {"plain": lambda: 0, "se": lambda: params["ratio"], "conv": lambda: params["kernel"] * params["groups"]}
    return 1 + 2 * params["width"] + own[params["kind"]]() + params["depth"]


def tolerant_cost(params: dict[str, Any]) -> float:
    return strict_cost({"kind": "plain", "width": 0, "ratio": 0, "kernel": 0, "groups": 0, "depth": 0, **params})


def branching(study: optuna.Study) -> dict[str, Any]:
    """The parameters of the next trial, which is then told a value."""
    trial = study.ask()
    trial.suggest_categorical("kind", ("plain", "se", "conv"))
    for name, one in BRANCHES.items():
        if isinstance(one, IntDistribution) and CONDITIONS.get(name, ("kind", trial.params["kind"]))[1] in (
            trial.params["kind"],
            [trial.params["kind"]],
        ):
            trial.suggest_int(name, one.low, one.high)
    study.tell(trial, accuracy(sorted(trial.params.items())))
    return dict(trial.params)


class PlainSession:
    def __init__(self, sampler: FeasibleSampler, size: str, budget: float) -> None:
        self.sampler, self.size, self.budget = sampler, size, budget
        self.study = optuna.create_study(direction="maximize", sampler=sampler)

    def ask(self) -> tuple[Any, float, Any] | None:
        if self.sampler.exhausted:
            return None
        trial = self.study.ask()
        if self.size == "conditional":
            kind = trial.suggest_categorical("kind", ["plain", "se"])
            trial.suggest_int("p00", 0, 9)
            if kind == "se":
                trial.suggest_int("p01", 0, 5)
            trial.suggest_float("p02", 0.0, 4.0)
        else:
            for index, (name, values) in enumerate(plain_space(self.size).items()):
                trial.suggest_categorical(name, values) if index % 2 else trial.suggest_int(name, 0, len(values) - 1)
        return tuple(sorted(trial.params.items())), plain_cost(trial.params), trial

    def tell(self, trial: Any, state: str, value: float) -> None:
        if state == "COMPLETE":
            for step in (1, 3, 9):
                trial.report(value * (1 - 0.5 / step), step)
            self.study.tell(trial, value)
        elif state == "NAN":
            self.study.tell(trial, math.nan)
        else:
            trial.report(value * 0.8, 1)
            self.study.tell(trial, state=TrialState[state])


class FeasibleSamplerConformance(Conformance):
    """Inherit it, and name the class of the sampler."""

    make: Callable[..., FeasibleSampler]

    def session(self, size: str, seed: int = 0, share: float = 0.6) -> Session:
        most = 1 + (
            9 + 2 * 5 + 3 * 4
            if size == "conditional"
            else sum((place + 1) * max(values) for place, values in enumerate(plain_space(size).values()))
        )
        return PlainSession(type(self).make(seed=seed, cost=plain_cost, budget=share * most), size, share * most)

    def feasible(self, size: str, budget: float) -> list[Any]:
        space = plain_space(size)
        every = (dict(zip(space, values, strict=True)) for values in itertools.product(*space.values()))
        return [tuple(sorted(params.items())) for params in every if plain_cost(params) <= budget]

    def believed(self, session: Session) -> dict[Any, float]:
        assert isinstance(session, PlainSession)
        found = session.sampler.recommend(session.study)
        assert all(one.deviation > 0 and one.scatter > 0 for one in found)
        complete = [one for one in found if one.trial.state == TrialState.COMPLETE]
        return {tuple(sorted(one.trial.params.items())): one.mean for one in complete}

    @pytest.mark.parametrize("direction", ["maximize", "minimize"])
    def test_recommends_what_is_best_of_repeated_trials_and_not_the_luckiest(self, direction: str):
        """Two settings: one with a single lucky value, one with nearly its mean over five seeds."""
        sign = 1.0 if direction == "maximize" else -1.0
        sampler = type(self).make(seed=0)
        study = optuna.create_study(direction=direction, sampler=sampler)
        space = {"x": optuna.distributions.IntDistribution(0, 9), "c": optuna.distributions.IntDistribution(0, 3)}

        def add(x: int, c: int, value: float) -> None:
            study.add_trial(
                optuna.trial.create_trial(params={"x": x, "c": c}, distributions=space, values=[sign * value])
            )

        for index in range(12):
            add(index % 8, index % 3, 0.5 + 0.02 * math.sin(7 * index))
        for value in (0.58, 0.62, 0.60, 0.63, 0.57):
            add(8, 0, value)
        add(2, 0, 0.61)
        found = sampler.recommend(study)
        assert found[0].trial.params == {"x": 8, "c": 0}
        assert sign * found[0].mean <= 0.61
        lucky = next(one for one in found if one.trial.params == {"x": 2, "c": 0})
        assert lucky.deviation > found[0].deviation

    @pytest.mark.parametrize("tolerant", [False, True], ids=["strict", "tolerant"])
    @pytest.mark.parametrize("seed", range(2))
    def test_a_space_that_trials_define_is_never_left_nor_repeated(self, tolerant: bool, seed: int):
        """The cost needs parameters that only some trials ask for: without them it raises an error,
        or, if it is tolerant, takes them for 0."""
        sampler = type(self).make(seed=seed, cost=tolerant_cost if tolerant else strict_cost, budget=24)
        study, seen = optuna.create_study(direction="maximize", sampler=sampler), []
        for index in range(20):
            params = branching(study)
            seen.append(tuple(sorted(params.items())))
            assert strict_cost(params) <= 24
            if index == 0:
                assert any(value not in (0, 1, "plain") for value in params.values())
        assert len(set(seen)) == len(seen)

    @pytest.mark.parametrize("told", [False, True], ids=["learned", "declared"])
    def test_conditional_parameters_of_a_known_space_lead_to_no_repetition(self, told: bool):
        sampler = type(self).make(
            seed=0, cost=strict_cost, budget=24, space=BRANCHES, conditions=CONDITIONS if told else None
        )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        seen = [tuple(sorted(branching(study).items())) for _ in range(30)]
        assert len(set(seen)) == len(seen)

    def test_a_thousand_observations_in_forty_dimensions_take_little_memory(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(pool, "DRAWN", DRAWN)  # as many as outside of tests
        space = {f"p{index:02d}": CategoricalDistribution(tuple("abcd")) for index in range(40)}
        rng = np.random.default_rng(0)
        trials = []
        for letters in rng.choice(list("abcd"), (1_000, 40)):
            params = dict(zip(space, letters.tolist(), strict=True))
            value = float((letters == "d").sum() + rng.standard_normal())
            trials.append(optuna.trial.create_trial(params=params, distributions=space, value=value))
        study = optuna.create_study(direction="maximize", sampler=type(self).make(seed=0, space=space))
        study.add_trials(trials)
        tracemalloc.start()
        try:
            for _ in range(2):
                trial = study.ask()
                params = {name: trial.suggest_categorical(name, tuple("abcd")) for name in space}
                study.tell(trial, float(sum(value == "d" for value in params.values())))
            assert tracemalloc.get_traced_memory()[1] < MEMORY
        finally:
            tracemalloc.stop()

    def test_optimize_stops_when_nothing_is_left(self):
        session = self.session("one")
        assert isinstance(session, PlainSession)
        session.study.optimize(lambda trial: float(trial.suggest_int("p00", 0, 29)), n_trials=100)
        assert len(session.study.trials) == len(self.feasible("one", session.budget))

    def test_what_is_enqueued_is_taken_as_it_is(self):
        session = self.session("five")
        assert isinstance(session, PlainSession)
        self.ids(session, self.count)
        wanted = dict.fromkeys(plain_space("five"), 0) | {"p00": 1}
        session.study.enqueue_trial(wanted)
        trial = session.ask()
        assert trial is not None
        assert dict(trial[0]) == wanted

    def test_works_without_cost_and_budget(self):
        study = optuna.create_study(direction="minimize", sampler=type(self).make(seed=0))
        study.optimize(
            lambda trial: trial.suggest_float("x", -1, 1) ** 2 + (trial.suggest_categorical("c", ["a", "b"]) == "a"),
            n_trials=self.count,
        )
        assert len({tuple(trial.params.items()) for trial in study.trials}) == self.count

    @pytest.mark.parametrize("third", [False, True], ids=["two", "three"])
    def test_works_with_several_objectives(self, third: bool):
        """Accuracy and cost, and a third objective that is not the cost."""
        directions = ["maximize", "minimize", "minimize"][: 3 if third else 2]
        study = optuna.create_study(directions=directions, sampler=type(self).make(seed=0, cost=plain_cost, budget=20))
        for _ in range(self.count):
            trial = study.ask()
            params = {name: trial.suggest_int(name, 0, 3) for name in plain_space("five")}
            assert plain_cost(params) <= 20
            study.tell(trial, [sum(params.values()), plain_cost(params), params["p00"] ** 2][: len(directions)])
        assert len({tuple(trial.params.values()) for trial in study.trials}) == self.count

    def test_a_sampler_can_go_on_from_a_study(self):
        first = self.session("five")
        assert isinstance(first, PlainSession)
        done = self.ids(first, self.count)
        again = self.session("five", seed=9)
        assert isinstance(again, PlainSession)
        again.study.add_trials(first.study.trials)
        trial = again.ask()
        assert trial is not None
        assert trial[0] not in done


def network(size: str) -> Space:
    common: dict[str, Any] = {"name": size, "skeleton": "mobilenetv2", "image": [1, 16, 16], "classes": 3}
    stages = [{"channels": 8, "stride": 2, "repeats": 1}, {"channels": 16, "stride": 2, "repeats": 1}]
    match size:
        case "one":
            return Space.from_dict(
                {**common, "stages": stages, "dimensions": {"width": {"low": 0.5, "high": 4.0, "step": 0.125}}}
            )
        case "five":
            return Space.from_dict(
                {
                    **common,
                    "stages": stages,
                    "dimensions": {
                        "width": [0.5, 0.75, 1.0, 1.25],
                        "expansion": {"choices": [2, 3, 4], "each": "stage"},
                        "kernel": {"choices": [3, 5], "each": "stage"},
                    },
                }
            )
        case "forty":
            stages = [{"channels": 8, "stride": 2, "repeats": 20}, {"channels": 16, "stride": 2, "repeats": 20}]
            return Space.from_dict(
                {**common, "stages": stages, "dimensions": {"expansion": {"choices": [1, 2], "each": "layer"}}}
            )
        case "union":
            return union([network("five"), network("conditional"), network("one")], name="union")
    return Space.from_dict(
        {
            **common,
            "stages": stages,
            "dimensions": {
                "width": [0.5, 0.75, 1.0, 1.25],
                "expansion": {"choices": [2, 3, 4], "each": "stage"},
                "attention": ["none", "se", "eca"],
                "eca_kernel": {"choices": [3, 5], "when": {"attention": "eca"}},
            },
        }
    )


@cache
def counted(size: str, share: float) -> tuple[Space, int, Census]:
    space = network(size)
    whole = census(space, parse_budget("1T"))
    budget = int(whole.cheapest.cost.macs + share * (whole.costliest.cost.macs - whole.cheapest.cost.macs))
    return space, budget, census(space, parse_budget(str(budget)))


class ProposerSession:
    def __init__(self, size: str, sampler: str, seed: int, share: float) -> None:
        space, self.budget, found = counted(size, share)
        self.proposer = Proposer(space, parse_budget(str(self.budget)), found, sampler=sampler, seed=seed, trials=20)

    def ask(self) -> tuple[Any, float, Any] | None:
        found = self.proposer.propose()
        return None if found is None else (found.candidate.id, float(found.cost.macs), found)

    def tell(self, trial: Any, state: str, value: float) -> None:
        curve = [(1, 0.5 * value), (3, 0.8 * value)]
        if state in ("COMPLETE", "NAN"):
            self.proposer.completed(trial, value if state == "COMPLETE" else math.nan, [*curve, (9, value)])
        elif state == "PRUNED":
            self.proposer.pruned(trial, curve)
        else:
            self.proposer.failed(trial)


class SamplerConformance(Conformance):
    """Inherit it, and give the name under which the sampler is registered."""

    name: str

    def session(self, size: str, seed: int = 0, share: float = 0.6) -> Session:
        return ProposerSession(size, self.name, seed, share)

    def feasible(self, size: str, budget: float) -> list[Any]:
        from automl.spaces.draws.bulk import enumerate_rows, settings

        space = network(size)
        every = [space.candidate(settings(space, row)) for rows in enumerate_rows(space) for row in rows]
        return [one.id for one in every if one.cost().macs <= budget]

    def believed(self, session: Session) -> dict[Any, float]:
        assert isinstance(session, ProposerSession)
        found = session.proposer.believed()
        if found is None:
            return {}
        trials = {key: accuracy(key) for key in found.expected}
        believed = posterior(found.expected, trials, {}, scatter=found.scatter, shifted=False)
        return dict(sorted(((key, one.mean) for key, one in believed.items()), key=lambda one: -one[1]))

    def test_it_is_described_in_a_line(self):
        words = samplers.get(self.name).words
        assert words
        assert "\n" not in words

    def test_it_aims_at_what_it_declares(self):
        space, budget, found = counted("five", 0.6)
        bounds, kind = parse_budget(str(budget)), samplers.get(self.name)
        assert set(kind.objectives) <= set(OBJECTIVES)
        for objective in kind.objectives:
            asks = Proposer(space, bounds, found, sampler=self.name, seed=0, trials=20, objective=objective)
            for _ in range(6):
                proposal = asks.propose()
                assert proposal is not None
                asks.completed(proposal, accuracy(proposal.candidate.id), [(1, 0.3)])

    def test_if_it_is_feasible_nothing_is_refused(self):
        session = self.session("five")
        assert isinstance(session, ProposerSession)
        self.ids(session, self.count)
        if samplers.get(self.name).feasible:
            assert session.proposer.refused == 0

    def test_settings_in_a_union_are_those_of_one_family(self):
        space, budget, _ = counted("union", 0.6)
        session, seen, families = self.session("union"), set(), set()
        assert isinstance(session, ProposerSession)
        for index in range(2 * self.count):
            proposal = session.proposer.propose()
            assert proposal is not None
            chosen = proposal.settings
            assert set(chosen) == {one.name for one in space.parameters if space.active(one, chosen)}
            assert set(proposal.params) == set(chosen)
            assert space.allows(chosen)
            assert space.candidate(chosen).id == proposal.candidate.id not in seen
            assert proposal.cost.macs <= budget
            seen.add(proposal.candidate.id)
            families.add(chosen["family"])
            session.tell(proposal, ("COMPLETE", "PRUNED", "FAIL")[index % 3], accuracy(proposal.candidate.id))
        assert len(families) >= 2

    def test_hints_are_survived_by_all(self):
        session = self.session("conditional")
        assert isinstance(session, ProposerSession)
        rows = [(settings, accuracy(one.id)) for settings, one in session.proposer.some(8, seed=1)]
        session.proposer.hint("given", rows)
        assert len(self.ids(session, self.count)) == self.count

    def test_its_quality_is_plain_data(self):
        session = self.session("five")
        assert isinstance(session, ProposerSession)
        self.ids(session, self.count)
        json.dumps(session.proposer.quality())

    def test_goes_on_from_earlier_trials(self):
        first = self.session("five")
        assert isinstance(first, ProposerSession)
        done = self.ids(first, self.count)
        space, budget, found = counted("five", 0.6)
        history = first.proposer._study.trials
        again = Proposer(
            space, parse_budget(str(budget)), found, sampler=self.name, seed=0, trials=20, history=history, known=done
        )
        for _ in range(3):
            proposal = again.propose()
            assert proposal is not None
            assert proposal.candidate.id not in done
