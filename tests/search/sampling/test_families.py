"""Samplers in unions: what a change of family keeps, and inactive parameters in the model."""

import numpy as np
import pytest
from automl.search.proposing.proposer import Proposer
from automl.search.proposing.random_order import families_in_turn
from automl.search.sampling.columns import columns_of, params_of, table_of
from automl.search.sampling.features import Encoder
from automl.search.sampling.pool import Pool
from automl.search.sampling.space_region import SpaceRegion
from automl.spaces import Budget, Space, Union, census, parse_budget

from .conformance import accuracy, network, smaller_pools  # noqa: F401

SPACE = network("union")
REGION = SpaceRegion(SPACE, Budget())
COLUMNS = columns_of(REGION.distributions)
PARENT = {
    "family": "five",
    "five.width": 0.75,
    "five.expansion.1": 4,
    "five.expansion.2": 3,
    "five.kernel.1": 5,
    "five.kernel.2": 3,
}


def pool() -> Pool:
    return Pool(COLUMNS, REGION, np.random.default_rng(0))


class TestPool:
    def test_a_small_union_is_listed_with_each_network_once(self):
        found = pool()
        ids = [SPACE.candidate(params_of(COLUMNS, row)).id for row in found.rows]
        assert found.complete
        assert len(set(ids)) == len(ids) == census(SPACE, Budget()).distinct

    def test_a_small_family_is_there_beside_one_that_is_drawn(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("automl.search.sampling.pool.ENUMERATE", 60)
        found = pool()
        families = [params_of(COLUMNS, row)["family"] for row in found.rows]
        assert not found.complete
        assert {family: families.count(family) > 20 for family in families} == dict.fromkeys(
            ("five", "conditional", "one"), True
        )


class TestMutation:
    def children(self) -> list[dict[str, object]]:
        rows, _ = pool().neighbours(table_of(COLUMNS, [PARENT]), 600, np.random.default_rng(1), twice=0.0)
        return [params_of(COLUMNS, row) for row in rows]

    def test_a_change_of_family_keeps_what_it_can(self):
        changed = [child for child in self.children() if child["family"] == "conditional"]
        assert len(changed) >= 1
        for child in changed:
            kept = {name: child[f"conditional.{name}"] for name in ("width", "expansion.1", "expansion.2")}
            assert kept == {"width": 0.75, "expansion.1": 4, "expansion.2": 3}

    def test_a_range_takes_the_value_of_a_choice(self):
        assert {child["one.width"] for child in self.children() if child["family"] == "one"} == {0.75}

    def test_control_values_drawn_anew_would_be_noticed(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("automl.search.sampling.families._links", lambda columns: [])
        REGION.families._links.clear()  # type: ignore[union-attr]
        changed = [child for child in self.children() if child["family"] == "one"]
        REGION.families._links.clear()  # type: ignore[union-attr]
        assert {child["one.width"] for child in changed} != {0.75}

    def test_only_active_parameters_are_changed(self):
        changed = [
            sum(child[name] != value for name, value in PARENT.items())
            for child in self.children()
            if child["family"] == "five"
        ]
        assert len(changed) >= 8
        assert set(changed) == {0, 1}  # 0 is the parent itself, which may be proposed


class TestFeatures:
    def test_an_inactive_parameter_has_no_effect_whatever_its_values(self):
        found = pool()
        encoder = Encoder(COLUMNS, found.rows, found.costs, families=REGION.families)
        features = encoder(found.rows, found.costs)
        widths = {}
        for index, column in enumerate(COLUMNS):
            alone = np.full_like(found.rows, np.nan)
            alone[:, index] = found.rows[:, index]
            effects = encoder(alone, found.costs).linear["effects"]
            inactive = np.isnan(found.rows[:, index])
            assert not effects[inactive].any()
            widths[column.name] = effects[~inactive].any(axis=1).all()
        assert all(widths.values())
        assert (features.linear["effects"] ** 2).sum(axis=1).mean() == pytest.approx(1.0, abs=0.15)

    def test_each_family_has_an_effect_of_its_own(self):
        found = pool()
        encoder = Encoder(COLUMNS, found.rows, found.costs, families=REGION.families)
        block = encoder(found.rows, found.costs).linear["family"]
        assert len(np.unique(block.round(6), axis=0)) == 3


class TestBeginning:
    def test_families_take_turns(self):
        budget = Budget()
        order = families_in_turn(SPACE, budget, census(SPACE, budget), np.random.default_rng(0))
        assert [next(order)["family"] for _ in range(6)] == ["five", "conditional", "one"] * 2

    @pytest.mark.parametrize("sampler", ["predictor", "tpe"])
    def test_samplers_begin_with_every_family(self, sampler: str):
        budget = parse_budget("1G")
        asks = Proposer(SPACE, budget, census(SPACE, budget), sampler=sampler, seed=0, trials=40)
        seen = set()
        for _ in range(3):
            proposal = asks.propose()
            assert proposal is not None
            seen.add(proposal.settings["family"])
            asks.completed(proposal, accuracy(proposal.candidate.id))
        assert seen == {"five", "conditional", "one"}

    def test_the_best_family_is_found(self):
        """Accuracies that depend on the family and the cost alone."""
        budget = parse_budget("1G")
        asks = Proposer(SPACE, budget, census(SPACE, budget), sampler="predictor", seed=0, trials=40)
        assert isinstance(SPACE, Union)
        later = []
        for index in range(16):
            proposal = asks.propose()
            assert proposal is not None
            bonus = {"five": 0.0, "conditional": 0.2, "one": 0.0}[str(proposal.settings["family"])]
            asks.completed(proposal, 0.3 + bonus + 0.05 * np.log10(float(proposal.cost.macs)))
            later += [proposal.settings["family"]] if index >= 8 else []
        assert later.count("conditional") >= 5


def test_a_space_without_families_has_none():
    assert SpaceRegion(network("five"), Budget()).families is None
    assert isinstance(network("five"), Space)


def test_what_was_stopped_teaches_while_hardly_anything_is_complete():
    """A search in which two trainings are complete and all others are stopped at a rung: it turns
    to the family whose trainings stand better there, instead of trying the families in turn."""
    proposer = Proposer(SPACE, Budget(), census(SPACE, Budget()), sampler="predictor", seed=0, trials=60)
    families, complete = [], 0
    for number in range(30):
        proposal = proposer.propose()
        assert proposal is not None
        family = str(proposal.settings["family"])
        good = family == "five"
        early = (0.5 if good else 0.2) + number / 10_000
        if good and complete < 2:
            complete += 1
            proposer.completed(proposal, early + 0.2, [(3, early), (9, early + 0.2)])
        else:
            proposer.pruned(proposal, [(3, early)])
            families.append(family)
    assert complete == 2
    assert families[8:].count("five") > 0.7 * len(families[8:])
