"""Which network is the one chosen."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.search.handover.longer_training import train
from automl.spaces import Space
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study
from automl.studies.choosing.chosen import best, confirmed_accuracies, finalists
from automl.studies.records.evaluation import cut_reason
from automl.studies.trained.artifacts import weights_file, weights_folder

from ...search.conftest import SPACE
from ...search.course.played_workers import open_study
from ..recorded_network import record_network

TRIAL = Fidelity(epochs=8, size=16, fraction=0.5)
add = partial(record_network, trial=TRIAL)


@pytest.fixture
def space() -> Space:
    return Space.from_dict(SPACE)


@pytest.fixture
def study(tmp_path: Path, space: Space) -> Study:
    found = open_study(tmp_path, space)
    for key, accuracy, macs in (("a", 0.5, 10), ("b", 0.6, 20), ("c", 0.7, 30), ("d", 0.8, 40), ("beaten", 0.55, 50)):
        add(found, key, accuracy, macs)
    return found


def chosen(study: Study) -> tuple[str, bool]:
    found = best(study)
    assert found is not None
    return found.candidate.id, found.confirmed


def test_without_final_trainings_it_is_the_most_accurate_and_not_confirmed(study: Study):
    assert chosen(study) == ("d", False)


def test_the_best_of_the_final_trainings_is_chosen_though_another_was_luckier_in_the_search(study: Study):
    add(study, "d", 0.70, 40, final=Fidelity(epochs=8, size=16), seed=1)
    add(study, "c", 0.75, 30, final=Fidelity(epochs=8, size=16), seed=1)
    assert chosen(study) == ("c", True)


def test_of_equal_ones_the_cheaper_is_chosen(study: Study):
    for key, macs in (("d", 40), ("c", 30)):
        add(study, key, 0.75, macs, final=Fidelity(epochs=8, size=16), seed=1)
    assert chosen(study) == ("c", True)


def test_a_final_training_of_a_network_that_is_beaten_or_far_down_the_front_chooses_nothing(study: Study):
    for key, macs in (("beaten", 50), ("a", 10)):
        add(study, key, 0.9, macs, final=Fidelity(epochs=50, size=16), seed=1)
    assert chosen(study) == ("d", False)


def test_a_final_training_shorter_than_a_trial_chooses_nothing(study: Study):
    add(study, "c", 0.9, 30, final=Fidelity(epochs=3, size=16), seed=1)
    assert chosen(study) == ("d", False)
    add(study, "c", 0.9, 30, final=Fidelity(epochs=4, size=16), seed=1)  # as many images as 8 epochs of one half
    assert chosen(study) == ("c", True)


def test_from_the_searchs_own_seed_nothing_is_confirmed(study: Study):
    add(study, "d", 0.9, 40, final=Fidelity(epochs=16, size=16), seed=0)
    assert chosen(study) == ("d", False)


def test_several_final_trainings_of_one_network_are_averaged_for_the_table(study: Study):
    for seed, accuracy in ((1, 0.7), (2, 0.8)):
        add(study, "d", accuracy, 40, final=Fidelity(epochs=8, size=16), seed=seed)
    assert confirmed_accuracies(study) == {"d": pytest.approx(0.75)}


def test_the_weights_lie_beside_the_database_wherever_that_has_been_moved(study: Study, tmp_path: Path):
    final = add(study, "d", 0.9, 40, final=Fidelity(epochs=8, size=16), seed=1)
    assert weights_file(study, final) == tmp_path / "s.db.artifacts" / "s" / "d.pt"
    assert weights_folder("sqlite:///elsewhere/a.db", "s") == Path.cwd() / "elsewhere" / "a.db.artifacts" / "s"
    assert weights_folder("postgresql://host/db", "s") == Path.cwd() / "automl.artifacts" / "s"


def test_the_accuracy_on_the_test_data_is_kept_once(study: Study):
    final = add(study, "d", 0.9, 40, final=Fidelity(epochs=8, size=16), seed=1)
    study.tested(final, 0.85)
    assert [e.test_accuracy for e in study.evaluations(Purpose.FINAL)] == [0.85]
    with pytest.raises(InputError, match="has been tested already"):
        study.tested(final, 0.86)
    with pytest.raises(InputError, match="is not in the study"):
        study.tested(Evaluation(**{**{f: getattr(final, f) for f in final.__dataclass_fields__}, "seed": 9}), 0.86)


def test_nothing_can_be_trained_in_an_empty_study(tmp_path: Path, space: Space):
    with pytest.raises(InputError, match="has no finished trial to choose from"):
        train(open_study(tmp_path, space))


def test_a_folder_that_an_earlier_version_named_after_a_uri_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert weights_folder("sqlite:///file:a.db?uri=true", "s") == tmp_path / "a.db.artifacts" / "s"
    (tmp_path / "file:a.db.artifacts" / "s").mkdir(parents=True)
    assert weights_folder("sqlite:///file:a.db?uri=true", "s") == tmp_path / "file:a.db.artifacts" / "s"


def stopped(study: Study, key: str, accuracy: float, reason: str) -> None:
    """A trial that was stopped after five of its eight epochs."""
    now = datetime.now(UTC)
    evaluation = Evaluation(
        candidate_id=key,
        fidelity=TRIAL,
        seed=0,
        purpose=Purpose.SEARCH,
        state=State.PRUNED,
        settings={},
        curve=((3, accuracy - 0.1), (5, accuracy)),
        accuracy=accuracy,
        seconds=1.0,
        started=now,
        finished=now,
        reason=reason,
    )
    row = CandidateRow(id=key, spec=f'"{key}"', macs=60, params=1, activations=1)
    study.record(evaluation, row, params={}, distributions={}, values=None)


def test_a_training_that_the_clock_cut_is_chosen_if_it_was_better_already_and_the_words_say_so(study: Study):
    stopped(study, "cut", 0.85, cut_reason(5))
    found = best(study)
    assert found is not None
    assert (found.candidate.id, found.unfinished, found.weights) == ("cut", True, None)
    assert str(found) == "validation accuracy 0.8500 (not finished: 5 of 8 epochs)"
    assert [point.id for point in finalists(study, 3)] == ["cut", "d", "c", "b"]


@pytest.mark.parametrize(
    ("accuracy", "reason"), [(0.75, cut_reason(5)), (0.85, "below the front at the rung of 5 epochs")]
)
def test_one_that_was_worse_or_was_stopped_for_its_accuracy_is_not(study: Study, accuracy: float, reason: str):
    stopped(study, "cut", accuracy, reason)
    assert chosen(study) == ("d", False)


def test_without_any_complete_training_there_is_what_there_is(tmp_path: Path, space: Space):
    empty = open_study(tmp_path, space)
    assert best(empty) is None
    stopped(empty, "one", 0.3, "below the front at the rung of 5 epochs")
    stopped(empty, "two", 0.4, cut_reason(5))
    assert chosen(empty) == ("two", False)


def test_a_final_training_decides_over_one_that_was_cut(study: Study):
    stopped(study, "cut", 0.85, cut_reason(5))
    add(study, "d", 0.9, 40, final=Fidelity(epochs=8, size=16), seed=1)
    assert chosen(study) == ("d", True)
