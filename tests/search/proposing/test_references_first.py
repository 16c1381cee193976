"""References before the sampler's proposals: which, how many, each once, and none told of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.search.proposing import references_first
from automl.search.proposing.earlier_trials import so_far
from automl.search.proposing.listed import Listed, Points
from automl.search.proposing.proposal import Proposal
from automl.search.proposing.references_first import (
    FIRST,
    LAST,
    ReferencesFirst,
    default_count,
    references_of,
    references_within,
)
from automl.spaces import Space, parse_budget
from automl.spaces.references import Reference, ScaledReference, reference_networks
from automl.studies import Study
from automl.studies.choosing.reference_trials import NOTE, ORIGIN, noted_references

from ..course.played_workers import make, open_study, play

SMALL = parse_budget("3MFLOPs")
"""Within it, ResNets of 32 px have their published strides only."""
LARGE = parse_budget("20MFLOPs")
"""Within it both kinds of strides fit."""


def found(budget=LARGE, size: int = 32) -> list[ScaledReference]:
    return list(references_within(budget, image_size=size, classes=10, channels=3))


def test_each_published_network_comes_once_and_first_what_people_take():
    assert [one.reference for one in found()] == [*FIRST, *LAST]
    assert set(reference_networks.names()) == {*FIRST, *LAST}


@pytest.mark.parametrize("budget", [SMALL, LARGE, parse_budget("100kParams")])
def test_all_are_within_the_budget_by_their_width_alone_and_no_network_comes_twice(budget):
    networks = found(budget)
    assert networks
    assert all(budget.admits(one.candidate.cost()) and one.rule == "width" for one in networks)
    assert len({one.candidate.id for one in networks}) == len(networks)


def test_strides_are_published_and_fitted_in_turn_where_both_are_within_the_budget():
    assert [one.strides for one in found()] == ["published", "fitted"] * 4
    assert {one.strides for one in found(SMALL)} == {"published"}


def test_where_fitted_strides_change_nothing_they_are_called_published():
    assert {one.strides for one in found(parse_budget("400MFLOPs"), size=224)} == {"published"}


def test_references_of_users_come_after_the_first_two(monkeypatch: pytest.MonkeyPatch):
    known = reference_networks.parts()
    own = Reference(name="our_net", network=known["mobilenetv2_100"].network, source="ours")
    with_ours = SimpleNamespace(parts=lambda: {**known, "our_net": own})
    monkeypatch.setattr(references_first, "reference_networks", with_ours)
    assert [one.reference for one in found(SMALL)][:4] == [*FIRST, "our_net", "resnext50_32x4d"]  # mobilenetv2 is it


@pytest.mark.parametrize(
    ("trials", "count"), [(1, 0), (2, 1), (3, 1), (4, 2), (8, 2), (12, 3), (16, 4), (32, 6), (500, 6), (None, 4)]
)
def test_a_quarter_of_the_trials_are_references_at_least_two_and_at_most_six(trials: int | None, count: int):
    assert default_count(trials) == count
    assert default_count(trials, 1200.0) == count


@pytest.mark.parametrize(("trials", "count"), [(1, 0), (2, 1), (4, 2), (32, 2), (None, 2)])
def test_a_short_search_tries_two_because_they_take_longest(trials: int | None, count: int):
    assert default_count(trials, 480.0) == count


def of(study: Study, space: Space, *, trials: int | None = 12, wanted: int | None = None) -> list[str]:
    references = references_of(study, space, parse_budget("200k"), trials=trials, wanted=wanted)
    return [one.name for one in references]


def test_a_new_study_notes_what_it_begins_with(tmp_path: Path, space: Space):
    study = open_study(tmp_path, space)
    assert of(study, space) == ["resnet18 width 0.06", "efficientnet_b0 width 0.046", "mobilenetv2_100 width 0.02"]
    first = next(iter(noted_references(study).values()))
    assert first["words"] == "resnet18 at width 0.06"
    assert {"name", "reference", "rule", "phi", "coefficients", "strides"} < set(first)
    assert first["coefficients"] == {"width": 0.06}


def test_a_study_keeps_those_that_it_began_with_unless_another_number_is_given(tmp_path: Path, space: Space):
    study = open_study(tmp_path, space)
    before = of(study, space, trials=8)
    assert of(study, space, trials=500) == before == of(study, space)
    assert len(of(study, space, wanted=4)) == 4
    assert len(noted_references(study)) == 4
    assert of(study, space, wanted=0) == []
    assert len(noted_references(study)) == 4


def test_a_study_that_began_without_goes_on_without(tmp_path: Path, space: Space):
    study = open_study(tmp_path, space)
    assert of(study, space, wanted=0) == []
    assert study.notes()[NOTE] == []
    assert of(study, space) == []


def test_a_study_of_an_earlier_version_goes_on_without_unless_asked(tmp_path: Path, space: Space):
    play(make(tmp_path, space))
    study = open_study(tmp_path, space)
    assert of(study, space) == []
    assert NOTE not in study.notes()
    assert len(of(study, space, wanted=2)) == 2


def test_without_a_bound_on_cost_there_are_no_references(tmp_path: Path, space: Space):
    assert references_of(open_study(tmp_path, space), space, parse_budget([]), trials=32, wanted=None) == []


class Told(Points):
    """A proposer that keeps what it is told of."""

    def __init__(self, networks: list[ScaledReference], seeds: tuple[int, ...] = (0,)) -> None:
        listed = [Listed(candidate=one.candidate, cost=one.cost, settings={}, stoppable=True) for one in networks]
        super().__init__(listed, seeds=seeds, distributions={})
        self.told: list[str] = []

    def completed(self, proposal: Proposal, accuracy: float, curve=()) -> None:
        self.told.append(proposal.candidate.id)

    def failed(self, proposal: Proposal) -> None:
        self.told.append(proposal.candidate.id)


def test_the_sampler_is_not_told_of_references_and_proposes_none_again():
    networks = found()
    sampler = Told(networks[1:4])
    first = ReferencesFirst(sampler, networks[:2])
    proposals = [first.propose(random=True), first.propose(), first.propose()]
    assert [one.candidate.id for one in proposals if one] == [networks[index].candidate.id for index in (0, 1, 2)]
    assert [one.origin for one in proposals if one] == [ORIGIN, ORIGIN, ""]
    assert first.duplicates == 1  # the sampler's own proposal of the second reference
    for one in proposals:
        assert one is not None
        first.completed(one, 0.5)
    assert sampler.told == [networks[1].candidate.id, networks[2].candidate.id]


def test_a_reference_that_is_known_is_not_proposed():
    networks = found()
    first = ReferencesFirst(Told([]), networks[:3], known=[networks[1].candidate.id])
    names = []
    while (proposal := first.propose()) is not None:
        names.append(proposal.settings["reference"])
    assert names == [networks[0].name, networks[2].name]


def test_a_sampler_learns_from_no_trial_without_parameters(tmp_path: Path, space: Space):
    def behind(study: Study, proposer):
        return ReferencesFirst(
            proposer,
            references_of(study, space, parse_budget("200k"), trials=12, wanted=3),
            known=so_far(study)["known"],
        )

    play(make(tmp_path, space, behind=behind), stop_after=9)
    study = open_study(tmp_path, space)
    known = so_far(study)
    assert all(trial.params for trial in known["history"])
    assert len(known["history"]) == len(known["known"]) - 3
    assert any(not trial.params for trial in study.optuna_trials())  # the control: they are in the database
