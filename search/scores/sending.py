"""Scores of the user's own on their way to the workers: each with the function that computes it,
which a worker could not always import.

A function of a script, a notebook or a module of the user's travels by value; one of an installed
package by its name.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from ...blocks.errors import InputError
from .registry import Score, foreign, restore


def packed(names: Sequence[str] | None = None) -> bytes:
    """The user's own scores (None: all of them) for `unpacked` in another process; of automl's own
    there is nothing to send.

    Raises:
        InputError: a score cannot be computed here, or its function cannot be sent; the score is
            named.
    """
    own = [score for score in foreign() if names is None or score.name in names]
    if not own:
        return b""  # without importing Ray
    import ray.cloudpickle as pickle

    sent: list[Score] = []
    with ExitStack() as after:
        for score in own:
            function = score.computed_by()
            module = sys.modules.get(getattr(function, "__module__", None) or "")
            if (
                module is not None
                and _is_users(module)
                and module.__name__ not in pickle.list_registry_pickle_by_value()
            ):
                pickle.register_pickle_by_value(module)
                after.callback(pickle.unregister_pickle_by_value, module)
            sent.append(replace(score, function=function))
            try:
                pickle.dumps(sent[-1])
            except Exception as error:  # whatever a function refers to
                reason = (str(error).splitlines() or [type(error).__name__])[0]
                raise InputError(
                    f"the score {score.name!r} must be a function that can be sent to workers, but it cannot be"
                    f" pickled: {reason}"
                ) from None
        return pickle.dumps(sent)


def unpacked(data: bytes) -> None:
    """Make the scores known that another process has packed."""
    if data:
        import ray.cloudpickle as pickle

        for score in pickle.loads(data):
            restore(score)


def _is_users(module: ModuleType) -> bool:
    """Whether it is neither installed nor Python's own; `__main__` travels by value in any case."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__ == "__main__" or module.__name__.startswith("automl."):
        return False
    installed = [
        Path(path).resolve()
        for key, path in sysconfig.get_paths().items()
        if key in ("stdlib", "platstdlib", "purelib", "platlib")
    ]
    return not any(Path(file).resolve().is_relative_to(path) for path in installed)
