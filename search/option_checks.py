"""Checks of options that a search and a grid share.

Options come from the command line, where they have their types already, and from Python, where they
may have any.
"""

from __future__ import annotations

import re
from numbers import Integral, Real

from ..blocks import InputError
from ..spaces.values.yaml_source import CONTROL
from ..studies.writing.utf8 import is_text

LONGEST = 1e9
"""Largest number of seconds of a run, 31 years."""
LONGEST_NAME = 240
"""Largest number of bytes of the name of a study: folders are called by it."""


def as_sequences(options: object, *names: str, separated: bool = True) -> None:
    """Replace the options named that are one text by a tuple of texts: type checkers take a text
    for a sequence of texts, and Python would take its letters.

    Args:
        separated: whether commas separate the texts, and "none" gives none, as in a command;
            otherwise the text is one item.
    """
    for name in names:
        value = getattr(options, name)
        if isinstance(value, str):
            parts = [part.strip() for part in value.split(",") if part.strip() != "none"] if separated else [value]
            object.__setattr__(options, name, tuple(part for part in parts if part))


def are_numbers(options: object, **names: str) -> None:
    """Check that options are None or numbers.

    Args:
        names: field of the options -> its name in a command.

    Raises:
        InputError: one is no number.
    """
    for name, option in names.items():
        if (value := getattr(options, name)) is not None:
            check_is_number(option, value)


def check_is_number(option: str, value: object) -> None:
    """Raise InputError unless `value`, what `option` was given, is a number."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise InputError(f"{option} must be a number, but got {value!r}")


def at_least(options: object, **least: int) -> None:
    """Check that the options named are None or whole numbers at least as large as given.

    Raises:
        InputError: one is smaller, or no whole number.
    """
    for name, bound in least.items():
        value = getattr(options, name)
        if value is None:
            continue
        option = f"--{name.replace('_', '-')}"
        check_whole(option, value)
        if value < bound:
            raise InputError(f"{option} must be at least {bound}, but got {value}")


def at_most(options: object, **most: int) -> None:
    """Check that the options named are None or at most as large as given.

    Raises:
        InputError: one is larger.
    """
    for name, bound in most.items():
        value = getattr(options, name)
        if value is not None and value > bound:
            raise InputError(f"--{name.replace('_', '-')} must be at most {bound:,}, but got {value}")


def check_whole(option: str, value: object) -> None:
    """Check that `value` is a whole number, of Python or NumPy.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise InputError(f"{option} must be a whole number, but got {value!r}")


def check_study(name: str) -> None:
    """Check that folders and terminals take the name of a study.

    Raises:
        InputError: they do not.
    """
    fits = is_text(name) and len(name) <= 120 and len(name.encode()) <= LONGEST_NAME
    if not fits or not re.fullmatch(r"[^\s./\\][^/\\\n]*", name) or CONTROL.search(name):
        raise InputError(
            "--study must be a name without / and \\ and control characters that does not begin with a dot or a"
            f" space, of at most 120 characters and {LONGEST_NAME} bytes, but got {name!r}"
        )


def check_seed(name: str, seed: int) -> None:
    """Check that `seed` is a whole number with 0 <= seed < 2**31, which every generator of random
    numbers here takes.

    Raises:
        InputError: it is not.
    """
    check_whole(name, seed)
    if not 0 <= seed < 2**31:
        raise InputError(f"{name} must be at least 0 and below 2**31, but got {seed}")
