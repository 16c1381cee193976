"""Whether the network handed over is the truly best of those that a search has tried.

The table is generated: the budget bounds parameters, the accuracies are noisy, and cheap networks
are lucky as often as costly ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from automl.search.course import recorder
from automl.studies import Purpose
from automl.studies.choosing.believed_front import believed_points
from automl.studies.choosing.finalists import finalists

from ..generated_table import Generated, rank_of_the_chosen, searched


def ranks(folder: Path, seeds: range | tuple[int, ...]) -> list[int]:
    return [
        rank_of_the_chosen(searched(folder, generated, seed), generated)
        for seed in seeds
        if (generated := Generated.make(seed))
    ]


@pytest.fixture
def without_belief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finalists come from the front of the observed accuracies, as in studies without a belief."""
    monkeypatch.setattr(recorder, "note_believed", lambda study, proposer: None)


def test_the_truly_best_network_is_handed_over(tmp_path: Path):
    assert ranks(tmp_path, (0,)) == [1]


@pytest.mark.usefixtures("without_belief")
def test_the_control_the_luckiest_networks_of_the_front_are_not(tmp_path: Path):
    assert ranks(tmp_path, (0,)) > [1]


@pytest.mark.claims
def test_of_20_seeds_the_truly_best_network_is_chosen_in_15_at_least(tmp_path: Path):
    found = ranks(tmp_path, range(20))
    assert sum(rank == 1 for rank in found) >= 15, found


@pytest.mark.claims
@pytest.mark.usefixtures("without_belief")
def test_the_control_without_a_belief_it_is_chosen_in_less_than_10(tmp_path: Path):
    found = ranks(tmp_path, range(20))
    assert sum(rank == 1 for rank in found) < 10, found


def test_where_time_ends_the_search_it_is_used_for_the_networks_that_may_be_the_best(tmp_path: Path):
    """A race: the networks trained from more seeds than the others are those believed best."""
    generated = Generated.make(1)
    study = searched(tmp_path, generated, 1, sampler="random", trials=None, seconds=60.0 * 80)
    seeds: dict[str, int] = {}
    for each in study.evaluations(Purpose.FINAL):
        seeds[each.candidate_id] = seeds.get(each.candidate_id, 0) + 1
    believed = {one.point.id: one.belief.mean for one in believed_points(study)}
    ranked = sorted(seeds, key=lambda key: -believed[key])
    assert max(seeds.values()) > min(seeds.values())
    assert seeds[ranked[0]] >= max(seeds.values()) - 1
    assert seeds[ranked[-1]] < seeds[ranked[0]]


def test_the_race_of_a_table_trains_only_networks_that_may_be_the_best_and_ends(tmp_path: Path):
    generated = Generated.make(2)
    count = {}
    for race in (0, 12):
        folder = tmp_path / str(race)
        folder.mkdir()
        study = searched(folder, generated, 2, sampler="random", trials=30, seeds=2, most_seeds=4, race=race)
        seeds: dict[str, int] = {}
        for each in study.evaluations(Purpose.FINAL):
            seeds[each.candidate_id] = seeds.get(each.candidate_id, 0) + 1
        count[race] = sum(seeds.values())
        assert max(seeds.values()) <= 4
        first = {point.id for point in finalists(study, 3)}
        assert first <= set(seeds)
        assert (set(seeds) == first) == (race == 0)
    assert count[0] == 6
    assert count[0] < count[12] <= 18
