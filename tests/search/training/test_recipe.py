"""Recipes are plain data."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from automl.blocks.errors import InputError
from automl.search.training.recipe import Recipe, default_epochs, default_fraction


def test_a_recipe_survives_json(recipe):
    for one in (
        recipe(),
        recipe(ema=0.99, clip=1, optimizer="adamw", schedule="linear"),
        Recipe.for_data(images=1000, size=32, flip=True),
    ):
        assert Recipe.from_dict(json.loads(json.dumps(one.to_dict()))) == one


def test_an_unknown_key_is_refused_with_the_nearest(recipe):
    with pytest.raises(InputError, match="unknown recipe key 'learning_rat'; did you mean 'learning_rate'"):
        Recipe.from_dict({**recipe().to_dict(), "learning_rat": 1})


def test_missing_keys_are_named():
    with pytest.raises(InputError, match=r"must set learning_rate, weight_decay, .* but got only: batch_size"):
        Recipe.from_dict({"batch_size": 3})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adanw"}, "unknown optimizer 'adanw'; did you mean 'adamw'"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'; did you mean 'cosine'"),
        ({"optimizer": 3}, "optimizer must be a name, but got 3"),
        ({"learning_rate": 0}, "learning_rate must be above 0, but got 0"),
        ({"learning_rate": "0.1"}, "learning_rate must be a finite number, but got '0.1'"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number, but got nan"),
        ({"learning_rate": True}, "learning_rate must be a finite number, but got True"),
        ({"momentum": 1.0}, "momentum must lie between 0 and 1"),
        ({"weight_decay": -1}, "weight_decay must be 0 or above"),
        ({"batch_size": 1}, "batch_size must be at least 2"),
        ({"batch_size": 8.0}, "batch_size must be a whole number, but got 8.0"),
        ({"warmup": -1}, "warmup must be 0 epochs or more"),
        ({"label_smoothing": 1.0}, "label_smoothing < 1 must hold"),
        ({"ema": 1.0}, "ema must be null or lie between"),
        ({"drop_rate": 1}, "drop_rate < 1 must hold"),
        ({"drop_path_rate": None}, "drop_path_rate must be a finite number, but got None"),
        ({"flip": 1}, "flip must be true or false, but got 1"),
        ({"shift": 0.6}, "shift <= 0.5 must hold"),
        ({"cutout": 2}, "cutout <= 1 must hold"),
        ({"clip": 0}, "clip must be null or above 0"),
        ({"low_size": 0}, "low_size <= 1 must hold, but got 0"),
        ({"low_fraction": 1.5}, "low_fraction <= 1 must hold, but got 1.5"),
        ({"rise": -0.1}, "rise <= 1 must hold, but got -0.1"),
    ],
)
def test_values_that_cannot_be_are_refused(recipe, changes, message):
    with pytest.raises(InputError, match=message):
        recipe(**changes)


@pytest.mark.parametrize("images", [2, 50, 1_000, 12_000, 50_000, 1_000_000])
def test_there_is_a_recipe_for_any_number_of_images(images):
    made = Recipe.for_data(images=images, size=32, flip=False)
    assert not made.flip
    assert made.batch_size >= 2
    assert 1 <= default_epochs(images) <= 30


def test_larger_data_sets_get_larger_batches_and_tiny_ones_more_epochs():
    sizes = [100, 1_000, 10_000, 100_000]
    batches = [Recipe.for_data(images=images, size=32, flip=True).batch_size for images in sizes]
    assert batches == sorted(batches)
    assert default_epochs(100) > max(default_epochs(images) for images in sizes[1:])


def test_an_epoch_sees_all_of_a_small_data_set_and_a_quarter_of_a_large_one():
    assert [default_fraction(images) for images in (100, 10_200, 48_000, 1_000_000)] == [1.0, 1.0, 0.25, 0.25]


def test_no_images_are_refused():
    with pytest.raises(InputError, match="images must be at least 2, but got 0"):
        Recipe.for_data(images=0, size=32, flip=True)
    with pytest.raises(InputError, match="images must be at least 2, but got 0"):
        default_epochs(0)


def test_reading_a_recipe_imports_no_torch():
    code = (
        "import sys; import automl.search.training.recipe; print([name for name in ('torch', 'timm') if name in"
        " sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip() == "[]"
    )
