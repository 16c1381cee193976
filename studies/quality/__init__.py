"""Quality measures: how good a network is, by the names that `--metric` takes."""

from .protocol import Measure
from .registry import ACCURACY, measure, measure_names, measures, register

__all__ = ["ACCURACY", "Measure", "measure", "measure_names", "measures", "register"]
