"""Created, continued, refused, read, listed, deleted."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import optuna
import pytest
from automl.blocks.errors import InputError
from automl.studies import Evaluation, Purpose, State, Study, StudySpec, delete, studies
from automl.studies.database.connection import DatabaseError
from hypothesis import given, settings
from hypothesis import strategies as st

Record = Callable[..., Evaluation]


def test_a_study_is_continued_with_what_it_holds(study: Study, url: str, spec: StudySpec, record: Record) -> None:
    record(study)
    again = Study.create_or_continue(url, spec, command="another", versions={"python": "9"})
    assert again.evaluations() == study.evaluations()
    assert (again.command, again.versions, again.created) == ("automl search", {"python": "3.11"}, study.created)
    assert again.spec == spec
    assert record(again, 1).trial == 1


def test_data_that_moved_continue_the_study_which_then_knows_where_they_are(
    study: Study, url: str, spec: StudySpec
) -> None:
    moved = replace(spec, data={**spec.data, "name": "/elsewhere/images"})
    assert Study.find(url, moved) is not None
    assert Study.create_or_continue(url, moved, command="", versions={}).spec.data["name"] == "/elsewhere/images"
    assert Study.open(url, "tiny").spec.data == moved.data


def test_times_are_aware(study: Study) -> None:
    assert study.created.tzinfo is UTC
    assert abs(datetime.now(UTC) - study.created) < timedelta(minutes=5)


@pytest.mark.parametrize("field", ["space", "data", "settings", "budget"])
def test_another_search_of_the_same_name_is_refused_and_nothing_written(
    study: Study, url: str, spec: StudySpec, field: str
) -> None:
    file = Path(url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    changed = "macs<=1" if field == "budget" else {**getattr(spec, field), "extra": 1}
    with pytest.raises(InputError, match=rf"is another search \({field}"):
        Study.create_or_continue(url, replace(spec, **{field: changed}), command="", versions={})
    assert file.read_bytes() == before


@pytest.mark.parametrize("ours", [False, True])
def test_a_study_of_optuna_that_is_not_ours_is_refused_and_left_alone(url: str, spec: StudySpec, ours: bool) -> None:
    if ours:  # our tables are there, and another study
        Study.create_or_continue(url, replace(spec, name="other"), command="", versions={})
    optuna.create_study(study_name="tiny", storage=url)
    file = Path(url.removeprefix("sqlite:///"))
    before = file.read_bytes()
    with pytest.raises(InputError, match="automl did not make"):
        Study.create_or_continue(url, spec, command="", versions={})
    assert file.read_bytes() == before
    Study.create_or_continue(url, replace(spec, name="mine"), command="", versions={})
    assert [summary.name for summary in studies(url)] == (["other", "mine"] if ours else ["mine"])


def test_a_study_whose_trials_were_deleted_by_optuna_is_not_continued(study: Study, url: str, record: Record) -> None:
    record(study)
    optuna.delete_study(study_name="tiny", storage=url)
    with pytest.raises(InputError, match="deleted by another program"):
        Study.create_or_continue(url, study.spec, command="", versions={})
    assert len(study.front()) == 1  # what we know is still read
    delete(url, "tiny")
    assert studies(url) == []


def test_an_unknown_study_names_the_nearest(study: Study, url: str) -> None:
    with pytest.raises(InputError, match=r"unknown study 'tinny'; did you mean 'tiny'\?"):
        Study.open(url, "tinny")


def test_an_opened_study_can_be_added_to(study: Study, url: str, record: Record) -> None:
    opened = Study.open(url, "tiny")
    record(opened, purpose=Purpose.FINAL)
    assert record(opened, seed=1).trial == 0
    assert study.counts() == {"complete": 1, "pruned": 0, "fail": 0, "final": 1}


def test_evaluations_are_filtered_by_purpose_and_state(study: Study, record: Record) -> None:
    record(study, 0)
    record(study, 1, state=State.FAIL, reason="no memory", accuracy=None, curve=())
    record(study, 0, purpose=Purpose.FINAL, seed=5)
    assert [evaluation.seed for evaluation in study.evaluations(Purpose.FINAL)] == [5]
    assert [evaluation.trial for evaluation in study.evaluations(state=State.FAIL)] == [1]
    assert [evaluation.trial for evaluation in study.evaluations(Purpose.SEARCH, State.COMPLETE)] == [0]


def test_candidates_are_found_by_a_prefix_that_fits_one(study: Study, record: Record) -> None:
    for number in (0x1A, 0x1B, 0x2C):
        record(study, number)
    known = study.candidates()
    assert len(known) == 3
    whole = f"{0x2C:064x}"
    assert study.candidate(whole) == study.candidate(whole) == known[whole]
    with pytest.raises(InputError, match=r"must fit one id, but fits 3"):
        study.candidate("0")
    for prefix in ("f", "", "%", "_"):
        with pytest.raises(InputError, match="unknown candidate"):
            study.candidate(prefix)


def test_an_id_that_is_the_prefix_of_another_is_found(study: Study, record: Record, candidate, evaluation) -> None:
    for name in ("ab", "abc"):
        one = candidate(id=name)
        study.record(evaluation(candidate_id=name), one, params={}, distributions={}, values=(0.1 + 0.2, one.macs))
    assert study.candidate("ab").id == "ab"
    assert study.candidate("abc").id == "abc"


def test_the_front_is_that_of_optuna_ties_included(url: str, spec: StudySpec, record: Record) -> None:
    @settings(deadline=None, max_examples=6, derandomize=True)
    @given(
        st.lists(
            st.tuples(st.sampled_from([0.1, 0.5, 0.9]), st.sampled_from([100, 200, 300]), st.booleans()),
            min_size=2,
            max_size=6,
        )
    )
    def compare(found: list[tuple[float, int, bool]]) -> None:
        name = f"study {next(numbers)}"
        study = Study.create_or_continue(url, replace(spec, name=name), command="", versions={})
        for number, (accuracy, macs, complete) in enumerate(found):
            state = State.COMPLETE if complete else State.PRUNED
            record(study, number, accuracy=accuracy, macs=macs, state=state)
        points = study.front()
        best = optuna.load_study(study_name=name, storage=url).best_trials
        assert sorted(point.evaluation.trial or 0 for point in points) == [trial.number for trial in best]
        assert [point.macs for point in points] == sorted(point.macs for point in points)
        assert all((point.id, point.params) == (point.evaluation.candidate_id, 10) for point in points)

    numbers = itertools.count()
    compare()


def test_final_trainings_never_enter_the_front(study: Study, record: Record) -> None:
    record(study, 0)
    record(study, 0, purpose=Purpose.FINAL, seed=1, accuracy=0.99)
    assert [point.accuracy for point in study.front()] == [0.1 + 0.2]


def test_notes_are_replaced_by_key(study: Study, url: str) -> None:
    study.note("gate", {"refused": 1})
    study.note("gate", {"refused": 2, "why": [None, 0.5]})
    study.note("chosen", None)
    assert Study.open(url, "tiny").notes() == {"chosen": None, "gate": {"refused": 2, "why": [None, 0.5]}}
    with pytest.raises(InputError, match="note rate must be a finite number"):
        study.note("rate", float("inf"))


def test_all_studies_of_a_database_are_listed(study: Study, url: str, spec: StudySpec, record: Record) -> None:
    record(study, 0)
    record(study, 1, accuracy=0.9, state=State.PRUNED)
    Study.create_or_continue(url, replace(spec, name="second", budget="", space={}), command="", versions={})
    first, second = studies(url)
    assert (first.name, first.space, first.budget, first.data, first.accuracy) == (
        "tiny",
        "resnext-eca",
        "macs<=400000000",
        "digits",
        0.1 + 0.2,
    )
    assert first.counts == {"complete": 1, "pruned": 1, "fail": 0, "final": 0}
    assert (second.name, second.space, second.budget, second.accuracy) == ("second", "", "", None)
    assert second.created >= first.created


def test_a_deleted_study_is_gone_from_our_tables_and_from_optunas(
    study: Study, url: str, spec: StudySpec, record: Record, count: Callable[..., int]
) -> None:
    kept = Study.create_or_continue(url, replace(spec, name="kept"), command="", versions={})
    for each in (study, kept):
        record(each)
        each.note("gate", 1)
    delete(url, "tiny")
    assert optuna.get_all_study_names(url) == ["kept"]
    assert [
        count(url, table)
        for table in ("automl_studies", "automl_candidates", "automl_evaluations", "automl_notes", "trials")
    ] == [1] * 5
    assert len(kept.front()) == 1
    with pytest.raises(InputError, match="unknown study 'tiny'"):
        delete(url, "tiny")


def test_a_study_deleted_under_a_running_search_takes_nothing_more(
    study: Study, url: str, spec: StudySpec, record: Record
) -> None:
    delete(url, "tiny")
    fresh = Study.create_or_continue(url, replace(spec, budget="macs<=1"), command="", versions={})
    for action in (lambda: record(study), lambda: study.note("a", 1)):
        with pytest.raises(DatabaseError, match="was deleted"):
            action()
    assert fresh.evaluations() == []
    assert fresh.optuna_trials() == []


def test_settings_are_asked_for_by_plain_sql(study: Study, url: str, record: Record, count: Callable[..., int]) -> None:
    record(study, 0)
    record(study, 1, settings={"attention": "none"})
    assert (
        count(
            url,
            "automl_evaluations",
            "json_extract(settings, '$.attention') = 'eca' AND json_extract(settings, '$.eca_kernel') = 5",
        )
        == 1
    )
    assert count(url, "automl_evaluations", "json_extract(fidelity, '$.epochs') = 3") == 2
