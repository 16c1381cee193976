"""Recipes by name and from files, and what is said of mistakes in them."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path

import pytest
import yaml
from automl.blocks.errors import InputError
from automl.search.training.recipe import Recipe
from automl.search.training.recipes.recipe_lookup import FOLDER, NAMED, named_recipe

DOCS = Path(__file__).resolve().parents[4] / "docs" / "training.md"
OWN = Recipe.for_data(images=1000, size=32, flip=False)


@pytest.mark.parametrize("asked", [None, "search"])
def test_the_studys_own_recipe_is_the_default_and_has_no_name(asked):
    assert named_recipe(asked, OWN) == (OWN, "")


def test_the_names_are_those_of_the_files():
    assert NAMED == ("search", "long", "transfer")


@pytest.mark.parametrize("images", [100, 1000, 50_000])
@pytest.mark.parametrize("name", NAMED[1:])
def test_a_named_recipe_is_that_of_the_study_with_the_settings_of_its_file(name, images):
    own = Recipe.for_data(images=images, size=32, flip=False)
    made, label = named_recipe(name, own)
    written = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    assert label == name
    assert made == Recipe.from_dict({**own.to_dict(), **written})
    assert not made.flip  # digits stay digits


def file(folder: Path, text: str, name: str = "my recipe.yaml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_file_changes_what_it_names_and_its_settings_make_its_name(tmp_path):
    made, label = named_recipe(file(tmp_path, "mixup: 0.2\n"), OWN)
    assert made.to_dict() == {**OWN.to_dict(), "mixup": 0.2}
    assert re.fullmatch(r"my-recipe-[0-9a-f]{8}", label)
    assert named_recipe(file(tmp_path, "mixup: 0.3\n"), OWN)[1] != label
    assert named_recipe(file(tmp_path, "{mixup: 0.2}  # again\n"), OWN)[1] == label


def test_a_file_may_begin_from_a_named_recipe(tmp_path):
    made, _ = named_recipe(file(tmp_path, "base: long\nmixup: 0.0\n"), OWN)
    long, _ = named_recipe("long", OWN)
    assert {**long.to_dict(), **made.to_dict()} == long.to_dict()
    assert (made.mixup, long.mixup) == (0.0, 0.2)


def test_a_file_that_changes_nothing_is_the_studys_own(tmp_path):
    assert named_recipe(file(tmp_path, ""), OWN) == (OWN, "")


@pytest.mark.parametrize("balance", ["weights", "sampling"])
def test_balance_replaces_that_of_the_recipe(balance):
    made, label = named_recipe("long", OWN, balance)
    assert (made.balance, label) == (balance, f"long-{balance}")
    assert named_recipe(None, OWN, balance)[1] == f"search-{balance}"
    assert named_recipe("long", OWN, "none")[1] == "long"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mixup: 0.2\nmixupp: 1\n", r"my recipe\.yaml:2: unknown recipe key 'mixupp'; did you mean 'mixup'"),
        ("\nmixup: much\n", r"my recipe\.yaml:2: mixup must be a finite number, but got 'much'$"),
        ("ema: 2\n", r"my recipe\.yaml:1: ema must be null or lie between 0 and 1, but got 2$"),
        ("augment: randaug\n", r"my recipe\.yaml:1: unknown augment 'randaug'; did you mean 'randaugment'"),
        ("operations: 2.0\n", r"my recipe\.yaml:1: operations must be a whole number, but got 2\.0$"),
        ("balance: [none]\n", r"my recipe\.yaml:1: balance must be a name, but got \['none'\]$"),
        ("base: lang\n", r"my recipe\.yaml:1: unknown recipe 'lang'; did you mean 'long'"),
        ("- mixup\n", r"my recipe\.yaml: a recipe is a mapping like `mixup: 0\.2`, but got \['mixup'\]$"),
        ("mixup: 1\nmixup: 2\n", r"my recipe\.yaml:2: the key 'mixup' is given twice"),
        ("mixup: [\n", r"my recipe\.yaml:\d: not YAML"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as raised:
        named_recipe(file(tmp_path, text), OWN)
    assert "\n" not in str(raised.value)


def test_an_unknown_recipe_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=r"unknown recipe 'lnog'; did you mean 'long'.*or give a file that ends with"):
        named_recipe("lnog", OWN)
    with pytest.raises(InputError, match=r"cannot read the recipe file 'missing\.yaml': No such file"):
        named_recipe("missing.yaml", OWN)
    for nonsense in ("x" * 5000, "a\0b", ""):
        with pytest.raises(InputError, match="unknown recipe") if nonsense else nullcontext():
            named_recipe(nonsense, OWN)
    with pytest.raises(InputError, match="unknown balance 'weight'; did you mean 'weights'"):
        named_recipe(None, OWN, "weight")


def test_the_docs_show_the_recipes_as_they_are():
    shown = re.findall(r"```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    for name in NAMED[1:]:
        assert (FOLDER / f"{name}.yaml").read_text() in shown
