"""Options given from Python, where no command line has checked them."""

from typing import Any

import numpy as np
import pytest
from automl import GridOptions, InputError, SearchOptions, describe_space, list_studies
from automl.search.plan import default_name
from automl.spaces import load_space


@pytest.mark.parametrize(
    ("name", "text", "means"),
    [
        ("budget", "20MFLOPs", ("20MFLOPs",)),
        ("hints", "naswot", ("naswot",)),
        ("hints", "naswot, synflow", ("naswot", "synflow")),
        ("hints", "none", ()),
        ("warm_start", "first, or second", ("first, or second",)),
    ],
)
def test_a_text_in_place_of_a_sequence_of_texts_is_not_taken_letter_by_letter(name: str, text: str, means: Any):
    given: dict[str, Any] = {name: text}
    assert getattr(SearchOptions(**given), name) == means


def test_a_budget_given_as_text_names_the_study_as_the_command_does():
    space = load_space("efficientnet")
    names = {default_name(space, "digits", SearchOptions(budget=one).budget) for one in ("20MFLOPs", ["20MFLOPs"])}
    assert names == {"efficientnet-digits-20MFLOPs"}


def test_axes_of_a_grid_may_be_one_text():
    assert GridOptions(baseline="resnet18", axes="depth,width").axes == ("depth", "width")


@pytest.mark.parametrize("name", ["trials", "epochs", "image_size", "workers", "finals", "seeds", "seed"])
@pytest.mark.parametrize("wrong", [2.5, True, "3"])
def test_a_number_that_is_not_whole_is_refused_in_one_line(name: str, wrong: Any):
    given: dict[str, Any] = {name: wrong}
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')} must be a whole number, but got {wrong!r}"):
        SearchOptions(**given)


@pytest.mark.parametrize("name", ["seconds", "fraction", "gpus_per_trial", "table_seconds"])
@pytest.mark.parametrize("wrong", ["0.5", True])
def test_what_is_no_number_is_refused_in_one_line(name: str, wrong: Any):
    given: dict[str, Any] = {name: wrong}
    with pytest.raises(InputError, match=rf"must be a number, but got {wrong!r}"):
        SearchOptions(**given)
    assert getattr(SearchOptions(**{**given, name: np.float64(0.5)}), name) == 0.5


@pytest.mark.parametrize("name", ["phi", "target", "step", "tolerance"])
def test_what_is_no_number_is_refused_in_a_grid_too(name: str):
    given: dict[str, Any] = {name: "x"}
    with pytest.raises(InputError, match=f"--{name} must be a number, but got 'x'"):
        GridOptions(baseline="resnet18", **given)


def test_what_is_no_space_and_no_database_is_refused_in_one_line():
    nothing: Any = 5
    with pytest.raises(InputError, match="a space is given by its name or its file, but got 5"):
        describe_space(nothing)
    with pytest.raises(InputError, match="a database is given by its URL, but got 5"):
        list_studies(nothing)


def test_a_whole_number_of_numpy_is_taken():
    assert SearchOptions(seed=np.int64(3), trials=np.int64(4)).trials == 4
