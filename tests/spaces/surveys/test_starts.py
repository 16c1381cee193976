"""The networks with which a search begins: within the budget, the largest such, and first."""

from __future__ import annotations

from typing import Any

import pytest
from automl.blocks import InputError
from automl.search.proposing.proposer import Proposer
from automl.spaces import Space, census, load_space, parse_budget
from automl.spaces.kinds.union import FAMILY
from automl.spaces.surveys.starts import starts

SPACE: dict[str, Any] = {
    "name": "small",
    "skeleton": "resnet",
    "image": [3, 32, 32],
    "classes": 10,
    "dimensions": {
        "unit": "basic",
        "depth": [0.5, 1.0],
        "width": [0.0625, 0.125, 0.25, 0.5],
        "attention": ["none", "se"],
        "strides": ["published", 2],
    },
}
ECA = {"attention": ["se", "eca"], "eca_kernel": {"choices": [3, 5], "when": {"attention": "eca"}}}
START = {"depth": 0.5, "attention": "se", "strides": 2}


def space(*entries: dict[str, Any], **more: Any) -> Space:
    return Space.from_dict({**SPACE, "start": list(entries), **more})


@pytest.mark.parametrize("budget", ["2MFLOPs", "3MFLOPs", "20MFLOPs", "100kParams"])
def test_what_is_left_open_is_as_large_as_the_budget_allows(budget: str):
    made, bounds = space(START), parse_budget([budget])
    (found,) = starts(made, bounds)
    assert {name: found[name] for name in START} == START
    assert bounds.admits(made.candidate(found).cost())
    larger = [width for width in SPACE["dimensions"]["width"] if width > float(str(found["width"]))]
    assert not any(bounds.admits(made.candidate({**found, "width": width}).cost()) for width in larger)


def test_an_entry_of_which_nothing_is_within_the_budget_is_left_out():
    assert starts(space(START, {"width": 0.5}), parse_budget(["1MFLOPs"]))[1:] == []
    assert len(starts(space(START, {"width": 0.5}), parse_budget(["100MFLOPs"]))) == 2  # control
    assert starts(space(START), parse_budget([])) == []


def test_families_of_a_union_take_turns_and_build_their_members_networks():
    first, second = space(START, {"depth": 1.0}), space({"attention": "none"}, name="other")
    both = Space.from_dict({"name": "both", "union": [first.to_dict(), second.to_dict()]})
    assert starts(both, parse_budget(["3MFLOPs"])) == []  # `to_dict` is the set of networks alone
    auto, bounds = load_space("auto").adapted(image_size=32, classes=10), parse_budget(["20MFLOPs"])
    found = starts(auto, bounds)
    assert [one[FAMILY] for one in found] == ["resnet-basic", "resnext-attention", "resnet-basic"]
    member = load_space("resnet-basic").adapted(image_size=32, classes=10)
    own = [member.candidate(one).id for one in starts(member, bounds)]
    assert [auto.candidate(one).id for one in found if one[FAMILY] == "resnet-basic"] == own


def test_a_value_that_the_image_leaves_out_is_the_one_that_builds_its_network():
    at_224 = load_space("resnet-basic")
    found = starts(at_224, parse_budget(["400MFLOPs"]))
    assert [one["strides"] for one in found] == ["published"] * 2


def test_what_an_entry_names_has_an_effect_though_it_leaves_the_condition_open():
    kernel = {"choices": [3, 5], "when": {"attention": "eca"}}
    dimensions = {**SPACE["dimensions"], "attention": ["none", "eca"], "eca_kernel": kernel}
    (found,) = starts(space({"eca_kernel": 5}, dimensions=dimensions), parse_budget(["3MFLOPs"]))
    assert (found["attention"], found["eca_kernel"]) == ("eca", 5)


def test_it_is_no_part_of_the_set_of_networks():
    assert space(START) == space()
    assert space(START).to_dict() == space().to_dict()
    assert len(starts(space(START).adapted(image_size=48), parse_budget(["9MFLOPs"]))) == 1  # it stays


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"depth": 0.5}, "list of mappings"),
        (["depth"], "list of mappings"),
        ([{"dept": 0.5}], "did you mean 'depth'"),
        ([{"depth": 0.6}], "unknown value of 'depth' '0.6'"),
        ([{"depth": [0.5]}], "unknown value of 'depth'"),
        ([{"attention": "se", "eca_kernel": 3}], "'eca_kernel' has an effect only where 'attention' is eca, but it is"),
    ],
)
def test_what_it_cannot_be_is_said(start: Any, message: str):
    with pytest.raises(InputError, match=message):
        Space.from_dict({**SPACE, "dimensions": {**SPACE["dimensions"], **ECA}, "start": start})


@pytest.mark.parametrize(("sampler", "begins"), [("predictor", True), ("tpe", True), ("random", False)])
def test_a_search_begins_with_them_unless_it_draws_at_random(sampler: str, begins: bool):
    made, bounds = space(START, {"depth": 1.0, "strides": "published"}), parse_budget(["3MFLOPs"])
    wanted = [made.candidate(one).id for one in starts(made, bounds)]
    proposer = Proposer(made, bounds, census(made, bounds), sampler=sampler, seed=0, trials=16)
    asked = (proposer.propose(random=True), proposer.propose())  # the random part of a search comes after them
    found = [one.candidate.id for one in asked if one is not None]
    assert (found == wanted) is begins
    again = Proposer(made, bounds, census(made, bounds), sampler=sampler, seed=0, trials=16, known=wanted)
    proposal = again.propose()
    assert proposal is not None
    assert proposal.candidate.id not in wanted
