"""What a study believes of its networks: which are confirmed and chosen, and what is shown."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from automl.spaces import Space
from automl.studies import Fidelity, Study
from automl.studies.choosing.belief import Belief, note_belief, noted_belief
from automl.studies.choosing.believed_front import believed_front, believed_points
from automl.studies.choosing.chosen import best, comparison
from automl.studies.choosing.finalists import finalists, next_contender
from automl.studies.choosing.reference_trials import NOTE, ORIGIN
from automl.studies.statistics.posterior import OWN, Normal

from ...search.conftest import SPACE
from ...search.course.played_workers import open_study
from ..recorded_network import record_network

TRIAL = Fidelity(epochs=8, size=16)
add = partial(record_network, trial=TRIAL)
LONGER = Fidelity(epochs=16, size=16)
SCATTER = 0.02
OBSERVED = {"lucky": (0.90, 30), "good": (0.88, 40), "near": (0.87, 60), "cheap": (0.80, 10), "far": (0.86, 50)}
REFERENCES = {"r1": 0.70, "r2": 0.75}
BELIEVED = {"lucky": 0.84, "good": 0.88, "near": 0.879, "cheap": 0.80, "far": 0.87}


def settings_of(key: str) -> dict[str, int]:
    """Of `good`, `near` and `lucky` any two differ in one setting at most."""
    return {"width": {"good": 1, "near": 2, "lucky": 3}.get(key, 4), "depth": 1 + 4 * (key in ("far", "cheap"))}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    found = open_study(tmp_path, Space.from_dict(SPACE))
    for key, (accuracy, macs) in OBSERVED.items():
        add(found, key, accuracy, macs, settings=settings_of(key))
    return found


@pytest.fixture
def believing(study: Study) -> Study:
    note_belief(study, belief(BELIEVED))
    return study


def belief(believed: dict[str, float], sd: float = 0.01) -> Belief:
    """A belief by which the networks have these posterior means after their own trials."""
    own = OWN * SCATTER**2
    weight = (sd**2 + own) / (sd**2 + SCATTER**2)
    observed = {**REFERENCES, **{key: value for key, (value, _) in OBSERVED.items()}}
    expected = {
        key: Normal((mean - weight * observed.get(key, mean)) / (1 - weight), sd) for key, mean in believed.items()
    }
    return Belief(expected=expected, scatter=SCATTER)


def confirm(study: Study, accuracies: dict[str, tuple[float, ...]]) -> None:
    for key, values in accuracies.items():
        for seed, accuracy in enumerate(values, start=1):
            add(study, key, accuracy, OBSERVED[key][1], final=LONGER, seed=seed)


def chosen(study: Study) -> str:
    found = best(study)
    assert found is not None
    return found.candidate.id


def test_the_networks_believed_best_are_confirmed_and_not_those_observed_best(study: Study, believing: Study):
    assert [point.id for point in finalists(believing, 3)] == ["good", "near", "far"]
    assert chosen(believing) == "good"


def test_without_a_belief_they_are_the_most_accurate_of_the_front_as_in_earlier_versions(study: Study):
    assert noted_belief(study) is None
    assert [point.id for point in finalists(study, 3)] == ["lucky", "cheap"]
    assert believed_front(study) == believed_points(study) == []


def test_costs_that_the_budget_does_not_bound_exclude_no_network(believing: Study):
    """`far` costs more than `good` and is less accurate, so it is not on the front."""
    assert "far" not in {point.id for point in believing.front()}
    assert "far" in {point.id for point in finalists(believing, 3)}


def test_of_networks_believed_equal_the_cheaper_comes_first(study: Study):
    note_belief(study, belief(dict.fromkeys(OBSERVED, 0.8)))
    assert [point.id for point in finalists(study, 2)] == ["cheap", "lucky"]


def test_not_all_that_are_confirmed_are_near_copies_of_the_first(study: Study):
    believed = {**BELIEVED, "lucky": 0.878}
    note_belief(study, belief(believed))
    assert [point.id for point in finalists(study, 3)] == ["good", "near", "far"]
    note_belief(study, belief({**believed, "far": 0.83}))
    assert [point.id for point in finalists(study, 3)] == ["good", "near", "lucky"]  # far cannot be the best


def test_a_belief_is_outdated_by_a_trial_that_it_does_not_know(believing: Study):
    add(believing, "new", 0.95, 70)
    assert noted_belief(believing) is None
    assert [point.id for point in finalists(believing, 3)] == ["new", "lucky", "cheap"]


def test_the_network_chosen_is_the_one_believed_best_by_trials_and_final_trainings(believing: Study):
    """`far` is better in its only final training, which does not outweigh what is known."""
    confirm(believing, {"good": (0.90,), "near": (0.89,), "far": (0.905,)})
    assert chosen(believing) == "good"
    for seed in (2, 3, 4, 5, 6):  # seen again and again, it is
        add(believing, "good", 0.90, 40, final=LONGER, seed=seed)
        add(believing, "near", 0.89, 60, final=LONGER, seed=seed)
        add(believing, "far", 0.93, 50, final=LONGER, seed=seed)
    assert chosen(believing) == "far"


def test_a_network_with_the_same_final_trainings_is_compared_though_it_is_no_finalist(believing: Study):
    confirm(believing, {"good": (0.90, 0.90), "near": (0.89, 0.89), "far": (0.89, 0.89)})
    add(believing, "lucky", 0.99, 30, final=replace(LONGER, epochs=50), seed=1)  # longer: not comparable
    assert chosen(believing) == "good"
    for seed in (1, 2):
        add(believing, "lucky", 0.99, 30, final=LONGER, seed=seed)
    assert chosen(believing) == "lucky"


def test_a_training_of_one_network_alone_does_not_choose_it(believing: Study):
    confirm(believing, {"cheap": (0.99,)})
    assert chosen(believing) == "good"


def test_the_best_reference_is_the_first_or_the_second(believing: Study):
    for key, accuracy in REFERENCES.items():
        add(believing, key, accuracy, 5, origin=ORIGIN)
    believing.note(NOTE, [{"id": key, "words": key, "name": key} for key in REFERENCES])
    known = {**BELIEVED, **REFERENCES}
    note_belief(believing, belief(known))
    assert [point.id for point in finalists(believing, 3)] == ["good", "r2", "near", "far"]
    note_belief(believing, belief({**known, "r2": 0.95}))
    assert [point.id for point in finalists(believing, 3)] == ["r2", "good", "near", "far"]


def test_the_choice_without_a_seed_uses_the_search_and_the_other_seeds(believing: Study):
    """As the certificate asks it: the seed that is compared has no part in the choice."""
    confirm(believing, {"good": (0.90, 0.90), "near": (0.89, 0.89), "far": (0.80, 0.99)})
    found = comparison(believing)
    assert found.choose({"good": {1: 0.90}, "far": {1: 0.80}}) == "good"
    assert found.choose({"good": {2: 0.90}, "far": {2: 0.99}}) == "far"
    assert found.choose({"good": {1: 0.90}, "far": {}}) is None


def test_the_believed_front_leaves_out_what_was_lucky(believing: Study):
    assert [point.id for point in believing.front()] == ["cheap", "lucky"]
    assert [one.point.id for one in believed_front(believing)] == ["cheap", "lucky", "good"]
    confirm(believing, {"good": (0.92, 0.92), "near": (0.90, 0.90), "far": (0.90, 0.90)})
    found = {one.point.id: one for one in believed_points(believing)}
    assert found["good"].belief.mean > BELIEVED["good"]
    assert found["good"].belief.sd < found["cheap"].belief.sd
    assert found["good"].interval.low < found["good"].belief.mean < found["good"].interval.high
    assert set(found["good"].to_dict()) == {"accuracy", "sd", "interval"}


def test_the_next_contender_is_one_that_may_be_better(believing: Study):
    first = Normal(0.88, 0.005)
    found = next_contender(believing, {"good", "near"}, first)
    assert found is not None
    assert found.id == "far"
    assert next_contender(believing, {"good", "near"}, Normal(0.95, 0.005)) is None
    assert next_contender(believing, set(OBSERVED), first) is None
