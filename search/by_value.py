"""Sends the user's own functions and classes to other processes by value, since those could not
import their modules: of a script, a notebook, or a file outside the installed packages."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType

from ..blocks.errors import InputError, first_line


@contextmanager
def by_value(modules: Iterable[ModuleType]) -> Iterator[None]:
    """Within the `with` block Ray pickles what these modules define by value."""
    import ray.cloudpickle as pickle

    with ExitStack() as after:
        for module in modules:
            if module.__name__ not in pickle.list_registry_pickle_by_value():
                pickle.register_pickle_by_value(module)
                after.callback(pickle.unregister_pickle_by_value, module)
        yield


def require_picklable(part: object, must_be: str) -> None:
    """Check that a part of the user's own can be pickled, within the `with` block that it needs.

    Args:
        part: a class, a function, or an object.
        must_be: the beginning of the error, which says what it must be: "the block 'x' must be a
            class".

    Raises:
        InputError: it cannot be pickled.
    """
    import ray.cloudpickle as pickle

    try:
        pickle.dumps(part)
    except Exception as error:  # any error of an object that the part refers to
        raise InputError(
            f"{must_be} that can be sent to workers, but it cannot be pickled: {first_line(error)}"
        ) from None


def users_modules() -> list[ModuleType]:
    """All modules of the user's own that have been imported."""
    known = list(sys.modules.items())
    return [one for name, one in known if isinstance(one, ModuleType) and one.__name__ == name and is_users(one)]


def is_users(module: ModuleType) -> bool:
    """Whether `module` is neither installed, nor Python's or automl's own, nor `__main__`, which is
    always pickled by value."""
    file, name = getattr(module, "__file__", None), module.__name__
    if not isinstance(file, str) or name == "__main__" or f"{name}.".startswith("automl."):
        return False
    if not os.path.isabs(file):  # torch's modules of operators have the name of no file
        return False
    return not any(Path(file).resolve().is_relative_to(path) for path in _installed())


@cache
def _installed() -> tuple[Path, ...]:
    """Where installed packages and Python's own modules are."""
    return tuple(
        Path(path).resolve()
        for key, path in sysconfig.get_paths().items()
        if key in ("stdlib", "platstdlib", "purelib", "platlib")
    )
