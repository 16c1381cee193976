"""Sends scores of the user's own to workers, together with the functions that compute them.

A function of a script, a notebook or a module outside the installed packages is sent by value,
since a worker could not import it; a function of an installed package is sent by name. Scores of
automl, and those that installed packages declare as entry points, are found by the worker itself.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from ..by_value import by_value, is_users, require_picklable
from .registry import Score, scores


def packed(names: Sequence[str] | None = None) -> bytes:
    """Those of the scores `names` (None: of all) that a worker cannot find itself, pickled for
    `unpacked`; empty if there are none.

    Raises:
        InputError: a score cannot be computed here, or its function cannot be pickled.
    """
    scores.load()
    own = [score for name, score in scores.foreign().items() if names is None or name in names]
    if not own:
        return b""  # without importing Ray
    import ray.cloudpickle as pickle

    sent: list[Score] = []
    with ExitStack() as after:
        for score in own:
            function = score.computed_by()
            module = sys.modules.get(getattr(function, "__module__", None) or "")
            if module is not None and is_users(module):
                after.enter_context(by_value([module]))
            sent.append(replace(score, module="", function=function))
            require_picklable(sent[-1], f"the score {score.name!r} must be a function")
        return pickle.dumps(sent)


def unpacked(data: bytes) -> None:
    """Register the scores that another process has packed."""
    if data:
        import ray.cloudpickle as pickle

        scores.adopt({score.name: score for score in pickle.loads(data)})
