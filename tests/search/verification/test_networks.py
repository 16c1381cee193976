"""Which networks a verification compares: the one chosen, and what one would have taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from automl.blocks import InputError
from automl.search.verification.networks import Compared, networks_to_compare
from automl.spaces import parse_budget
from automl.studies.choosing.chosen import best

from .conftest import BUDGET, Searched


def roles(found: list[Compared]) -> list[str]:
    return [one.role for one in found]


def test_the_network_chosen_three_references_a_random_one_and_a_compound_one_are_compared(searched: Searched):
    found, left_out = networks_to_compare(searched.study)
    assert roles(found) == ["own", *3 * ["reference"], "random", "compound"]
    assert left_out == []
    assert found[0].id == searched.networks[2].id
    assert len({one.id for one in found}) == 6
    assert all(parse_budget(BUDGET).admits(one.candidate.cost()) for one in found)
    assert [one.id for one in found[1:3]] == [one.id for one in searched.references]
    assert found[3].words.startswith("mobilenetv2_100 at width 0.")  # the next that differs
    assert found[4].words == "a random network of tiny"
    assert found[5].words == "efficientnet_b0 at φ -10.9"  # the base of the space cannot be scaled so far down


@pytest.mark.parametrize("count", [1, 2, 5])
def test_fewer_or_more_references_are_the_first_of_the_same(searched: Searched, count: int):
    three, _ = networks_to_compare(searched.study)
    found, left_out = networks_to_compare(searched.study, references=count, controls=False)
    assert (roles(found), left_out) == (["own", *count * ["reference"]], [])
    assert found[: min(count, 3) + 1] == three[: min(count, 3) + 1]
    assert len({one.id for one in found}) == count + 1


def test_references_that_there_are_not_are_said(searched: Searched):
    found, left_out = networks_to_compare(searched.study, references=1000, controls=False)
    assert left_out == [
        f"only {len(found) - 1} of 1000 reference networks could be scaled to the budget and the images"
    ]


def test_the_networks_are_the_same_again(searched: Searched):
    first, again = (networks_to_compare(searched.study)[0] for _ in range(2))
    assert first == again
    assert [Compared.from_dict(one.to_dict()) for one in first] == first


def test_another_seed_draws_another_random_network(search: Callable[..., Searched]):
    drawn = {
        next(one.id for one in networks_to_compare(search(seed=seed).study)[0] if one.role == "random")
        for seed in range(2)
    }
    assert len(drawn) == 2


def test_the_best_references_by_what_the_study_knows_come_first(search: Callable[..., Searched]):
    searched = search(4)
    found, _ = networks_to_compare(searched.study)
    assert [one.id for one in found if one.role == "reference"] == [one.id for one in searched.references[:3]]
    better = search(4)
    better.trial(better.networks[0], 0.5, final=1)
    better.trial(better.references[0], 0.5, final=1)  # what final trainings say comes before what trials say
    found, _ = networks_to_compare(better.study)
    assert next(one.id for one in found if one.role == "reference") == better.references[0].id


def test_a_study_without_references_is_compared_with_three_that_differ(search: Callable[..., Searched]):
    found, left_out = networks_to_compare(search(0).study)
    assert roles(found) == ["own", *3 * ["reference"], "random", "compound"]
    assert {one.words.split()[0] for one in found[1:4]} == {"resnet18", "efficientnet_b0", "mobilenetv2_100"}
    assert left_out == []


def test_if_a_reference_was_chosen_the_best_that_the_search_found_is_compared_too(searched: Searched):
    for seed in (1, 2):
        searched.trial(searched.references[0], 0.9, final=seed)
        searched.trial(searched.networks[2], 0.8, final=seed)
    chosen = best(searched.study)
    assert chosen is not None
    assert chosen.candidate.id == searched.references[0].id
    found, _ = networks_to_compare(searched.study)
    assert (found[0].role, found[0].id) == ("own", searched.networks[2].id)
    assert (found[1].role, found[1].id) == ("reference", searched.references[0].id)
    assert len(found) == 6


def test_without_a_budget_the_cost_of_the_network_chosen_is_the_budget(search: Callable[..., Searched]):
    searched = search(0, budget="")
    found, _ = networks_to_compare(searched.study)
    chosen = searched.networks[2].cost().macs
    assert len(found) == 6
    assert max(int(one.cost.macs) for one in found) == int(chosen)


def test_what_cannot_be_found_is_said(search: Callable[..., Searched]):
    found, left_out = networks_to_compare(search(0, budget="120kFLOPs").study)
    assert "compound" not in roles(found)
    assert "reference" not in roles(found)
    assert left_out[0] == "no reference network could be scaled to the budget and the images"
    assert left_out[-1] == "compound scaling gives no other network within the budget"


def test_a_study_without_a_network_cannot_be_verified(search: Callable[..., Searched], tmp_path):
    from automl.studies import Study

    plan = search().plan
    empty = Study.create_or_continue(f"sqlite:///{tmp_path}/e.db", plan.spec, command="", versions={})
    with pytest.raises(InputError, match="has no finished trial"):
        networks_to_compare(empty)
