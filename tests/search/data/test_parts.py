"""What the names of folders, splits and arrays mean."""

from __future__ import annotations

import pytest
from automl.blocks.errors import InputError
from automl.search.data import Reading
from automl.search.data.parts import asked_among, assigned, meaning

NAMES = {
    "train": [
        "train",
        "Train",
        "TRAINING",
        "trn",
        "learn",
        "train_set",
        "trainset",
        "training-data",
        "seg_train",
        "train images",
        "images_train",
        "Training_Dataset",
    ],
    "validation": [
        "val",
        "valid",
        "Validation",
        "validate",
        "dev",
        "development",
        "eval",
        "val_set",
        "devset",
        "validation-images",
    ],
    "test": [
        "test",
        "Test",
        "testing",
        "tst",
        "holdout",
        "hold-out",
        "held_out",
        "HeldOut",
        "seg_test",
        "test_images",
        "testset",
        "dataset-test",
    ],
    None: [
        "cat",
        "invalid",
        "latest",
        "trains",
        "training wheels",
        "contest",
        "value",
        "devil",
        "set",
        "data",
        "images",
        "dataset",
        "",
        "seg_pred",
        "test_cat",
    ],
}


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, names in NAMES.items() for name in names])
def test_any_usual_spelling_is_a_part_and_nothing_else_is(part: str | None, name: str):
    assert meaning(name) == part


def test_names_are_assigned_to_parts():
    assert assigned(["Test", "cat", "seg_train", "dev"], where="here", asked={}) == (
        {"test": "Test", "train": "seg_train", "validation": "dev"},
        [],
    )


def test_two_names_of_one_part_are_refused_with_the_option():
    with pytest.raises(
        InputError,
        match=(
            r"^here: one validation part is needed, but both val and valid are called so; name the right one by"
            r" --validation$"
        ),
    ):
        assigned(["train", "val", "valid"], where="here", asked={})
    with pytest.raises(
        InputError,
        match=r"one training part is needed, but both train and training are .* or name it by --validation or --test$",
    ):
        assigned(["train", "training"], where="here", asked={})


def test_an_option_decides_and_what_else_is_called_so_is_left_out():
    assert assigned(["train", "val", "valid"], where="here", asked={"validation": "valid"}) == (
        {"train": "train", "validation": "valid"},
        ["val"],
    )
    assert assigned(["train", "training"], where="here", asked={"test": "training"}) == (
        {"train": "train", "test": "training"},
        [],
    )


def test_an_option_that_names_nothing_is_answered_with_the_nearest():
    assert asked_among(Reading(test="b"), ["a", "b"], where="here", what="split") == {"test": "b"}
    with pytest.raises(
        InputError,
        match=(
            r"^here: --test must name one of its parts, but got an unknown split 'tset'; did you mean 'test'\? \(known:"
            r" train, test\)$"
        ),
    ):
        asked_among(Reading(test="tset"), ["train", "test"], where="here", what="split")
