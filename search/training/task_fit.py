"""Fits recipes to what networks are trained to give: some settings have a meaning for classes
alone."""

from __future__ import annotations

from dataclasses import replace

from ...blocks.errors import InputError
from ...studies.tasks.task import CLASSIFICATION, MULTI_LABEL, REGRESSION
from .recipe import Recipe

UNUSED = {
    CLASSIFICATION: {},
    MULTI_LABEL: {"balance": ("sampling", "an image has several labels, which cannot all be equally frequent")},
    REGRESSION: {
        "label_smoothing": (None, "it spreads a probability over classes"),
        "mixup": (None, "it mixes classes"),
        "cutmix": (None, "it mixes classes"),
        "balance": (None, "it weighs classes"),
    },
}
"""Task -> setting -> the value that means nothing for it (None: any but the one that turns it off),
and why."""
OFF = {"label_smoothing": 0.0, "mixup": 0.0, "cutmix": 0.0, "balance": "none"}
"""The values that turn settings off."""


def fitted(recipe: Recipe, task: str) -> Recipe:
    """One of automl's own recipes with the settings turned off that mean nothing for `task`.

    Label smoothing is on for classes only: it has not been tried on other tasks, and a recipe of
    the user's may turn it on there.
    """
    smoothing = {} if task == CLASSIFICATION else {"label_smoothing": 0.0}
    unused = {name: OFF[name] for name in UNUSED[task]}
    return replace(recipe, **{**smoothing, **unused})


def require_fitting(recipe: Recipe, task: str) -> None:
    """Check a recipe of the user's.

    Raises:
        InputError: a setting means nothing for `task`; nothing has been started.
    """
    for name, (value, why) in UNUSED[task].items():
        given = getattr(recipe, name)
        if given == value or (value is None and given != OFF[name]):
            raise InputError(f"{name} must be {OFF[name]} in {task}, since {why}, but got {given}")
