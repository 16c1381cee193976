"""Two searches of one name that are not the same say how they differ, in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from automl.blocks.errors import InputError
from automl.studies import StudySpec
from automl.studies.records.spec import differences, refuse_if_different


def message(stored: StudySpec, given: StudySpec) -> str:
    with pytest.raises(InputError) as caught:
        refuse_if_different(stored, given, "sqlite:///automl.db")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_equal_specs_pass(spec: StudySpec) -> None:
    refuse_if_different(spec, replace(spec), "sqlite:///automl.db")


def test_tuples_and_lists_are_the_same_study(spec: StudySpec) -> None:
    assert differences(spec, replace(spec, data={**spec.data, "classes": tuple("0123456789")})) == []


def test_each_difference_is_shown_at_its_dotted_place(spec: StudySpec) -> None:
    other = replace(
        spec,
        budget="macs<=300000000",
        space={"name": "resnext-eca", "dimensions": {"depth": {"low": 0.5, "high": 1.5}, "attention": ["none", "se"]}},
        settings={**spec.settings, "recipe": "long"},
    )
    assert (
        message(spec, other)
        == "study 'tiny' in sqlite:///automl.db is another search (space.dimensions.depth.high: 2.0 in the database,"
        " 1.5 now; space.dimensions.attention.1: eca / se; budget: macs<=400000000 / macs<=300000000;"
        " settings.recipe: (absent) / long): give this one another name by --study"
    )


def test_no_budget_is_shown_as_empty_text(spec: StudySpec) -> None:
    assert "budget: macs<=400000000 in the database, '' now" in message(spec, replace(spec, budget=""))


def test_long_values_are_cut_to_where_they_differ(spec: StudySpec) -> None:
    text = message(spec, replace(spec, data={**spec.data, "fingerprint": "ab" * 31 + "cd"}))
    assert "(data.fingerprint: …abababababab in the database, …ababababab" + "cd now)" in text
    assert len(text) < 250


def test_many_differences_are_counted(spec: StudySpec) -> None:
    text = message(spec, replace(spec, settings={f"option{i}": i for i in range(40)}))
    assert "and 31 more" in text


def test_true_is_not_one(spec: StudySpec) -> None:
    one, other = replace(spec, settings={"flip": True}), replace(spec, settings={"flip": 1})
    assert differences(one, other) == [("settings.flip", True, 1)]


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 201, "\udcff"])
def test_names_that_cannot_be_typed_are_refused(spec: StudySpec, name: str) -> None:
    with pytest.raises(InputError, match="name of a study"):
        replace(spec, name=name)


def test_what_is_no_json_is_refused_at_its_place(spec: StudySpec) -> None:
    with pytest.raises(InputError, match=r"settings\.rate must be a finite number"):
        replace(spec, settings={"rate": float("nan")})


def test_where_the_data_lie_makes_no_other_study(spec: StudySpec) -> None:
    moved = replace(
        spec, data={**spec.data, "name": "elsewhere.npz", "native": 500, "preprocessing": {"steps": [[64, "bicubic"]]}}
    )
    assert differences(spec, moved) == []
    assert differences(spec, replace(moved, data={**moved.data, "fingerprint": "another"})) != []


def test_data_without_a_fingerprint_are_known_by_their_name(spec: StudySpec) -> None:
    named = replace(spec, data={"name": "digits"})
    assert differences(named, replace(named, data={"name": "letters"})) == [("data.name", "digits", "letters")]
