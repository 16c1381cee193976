"""Looks quality measures up by name.

Ten come with automl. A package declares others in the group of entry points `automl.measures`,
which workers find too; those that a script registers are sent to them.
"""

from __future__ import annotations

import inspect
import re

from ...blocks.errors import InputError
from ...blocks.registry import Registry
from .classification import Accuracy, Auroc, BalancedAccuracy, LogLoss, MacroF1
from .multi_label import LabelF1, MeanAveragePrecision
from .protocol import Measure
from .regression import R2, MeanAbsoluteError, RootMeanSquaredError

ACCURACY = "accuracy"
"""The measure of a search where none is named."""


def _accepted(name: str, part: object) -> Measure:
    """`part` as a measure: an instance, or a class that needs no arguments."""
    made = part
    if inspect.isclass(part) and issubclass(part, Measure) and not inspect.isabstract(part):
        made = part()
    if not isinstance(made, Measure):
        got = part.__name__ if inspect.isclass(part) else type(part).__name__
        raise InputError(f"the measure {name!r} must be derived from Measure, but got {got}")
    if made.name != name:
        raise InputError(f"a measure must be registered by its own name, but {made.name!r} is declared as {name!r}")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name == "score":
        raise InputError(
            f"the name of a measure must be small letters, digits and -, and not 'score', but got {name!r}"
        )
    return made


measures: Registry[Measure] = Registry(
    "metric", "automl.measures", accept=_accepted, home=lambda measure: type(measure).__module__
)
"""All quality measures by name."""


def register(measure: Measure) -> Measure:
    """Register `measure` by its name.

    Raises:
        InputError: its name is taken or not allowed.
    """
    return measures.add(measure.name, measure)


def measure(name: str) -> Measure:
    """The measure called `name`.

    Raises:
        InputError: it does not exist; the nearest name is given.
    """
    return measures.known.get(name) or measures.get(name)


def measure_names() -> list[str]:
    """Names of all measures, those of installed packages included, in order of registration."""
    return measures.names()


_of_classes: tuple[Measure, ...] = (Accuracy(), BalancedAccuracy(), MacroF1(), Auroc(), LogLoss())
_of_labels: tuple[Measure, ...] = (MeanAveragePrecision(), LabelF1())
_of_numbers: tuple[Measure, ...] = (MeanAbsoluteError(), RootMeanSquaredError(), R2())
for _measure in (*_of_classes, *_of_labels, *_of_numbers):
    register(_measure)
