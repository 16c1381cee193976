"""Finds the recipe of a training: the study's own, a named one, or that of a YAML file.

Named recipes and files hold the settings that differ from the recipe of the study, which was chosen
for its images; `base:` in a file begins from a named recipe in place of the study's.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

from ....blocks.errors import InputError, unknown
from ....spaces.values.yaml_source import Source, read_file
from ....studies.writing.json_values import canonical
from ..recipe import Recipe

OWN = "search"
"""The name of the study's own recipe, with which its candidates were trained."""
FOLDER = Path(__file__).parent
NAMED = (OWN, *sorted(path.stem for path in FOLDER.glob("*.yaml")))
"""The recipes that have a name."""
ENDINGS = (".yaml", ".yml")
BASE = "base"


def named_recipe(asked: str | None, own: Recipe, balance: str | None = None) -> tuple[Recipe, str]:
    """The recipe of a training, and the name under which trainings with it are recorded.

    Args:
        asked: a name of `NAMED`, or the path of a YAML file; None: the study's own.
        own: the recipe of the study.
        balance: replaces the recipe's own setting; None keeps it.

    Returns:
        The recipe and its name. The name is empty if the recipe is `own`, and holds a digest of the
        settings if they are those of a file, so that different recipes have different names.

    Raises:
        InputError: there is no such recipe, or a setting in the file is unknown or not allowed; the
            message gives file and line.
    """
    asked = asked or OWN
    if asked in NAMED:
        made, name = _named(asked, own), asked
    elif asked.lower().endswith(ENDINGS) or os.path.isfile(asked):
        made = _read(read_file(Path(asked), "recipe file"), own)
        stem = re.sub(r"[^A-Za-z0-9_.]", "-", Path(asked).stem)[:40]  # a part of the names of files
        name = f"{stem}-{hashlib.sha256(canonical(made.to_dict()).encode()).hexdigest()[:8]}"
    else:
        raise InputError(f"{unknown('recipe', asked, NAMED)}; or give a file that ends with .yaml")
    if balance is not None and balance != made.balance:
        made, name = replace(made, balance=balance), f"{name}-{balance}"
    return made, "" if made == own else name


def _named(name: str, own: Recipe) -> Recipe:
    return own if name == OWN else _read(read_file(FOLDER / f"{name}.yaml", "recipe file"), own)


def _read(source: Source, own: Recipe) -> Recipe:
    """The recipe of a file: its settings in place of those of its base."""
    settings = {} if source.data is None else source.data
    if not isinstance(settings, Mapping):
        raise source.error((), f"a recipe is a mapping like `mixup: 0.2`, but got {settings!r}")
    known = [BASE, *(field.name for field in fields(Recipe))]
    for key in settings:
        if key not in known:
            raise source.error((key,), unknown("recipe key", str(key), known))
    base = settings.get(BASE, OWN)
    if base not in NAMED:
        raise source.error((BASE,), unknown("recipe", str(base), NAMED))
    made = _named(base, own)
    for key, value in settings.items():
        if key != BASE:
            try:
                made = replace(made, **{key: value})
            except InputError as error:
                raise source.error((key,), error) from None
    return made
