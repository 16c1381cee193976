"""Predicts the seconds of a training from its work, and learns from every epoch that ends.

A formula gives the seconds of a piece of work up to a factor that depends on the machine and, less,
on the kind of network. A Bayesian linear regression of the logarithm of that factor on three
features of the network learns it from what was timed; a network that was timed itself is predicted
mostly by its own times. Recent times count more, since a machine's load changes.

The formula was fitted to updates of 120 networks of 0.5 to 30 MMACs (EfficientNet, ResNet, ResNeXt
with attention) at 16 to 40 px, on one thread of an AMD EPYC with PyTorch 2.15. Small networks are
bound by memory: activations explain their times, multiply-adds hardly do. Its error was 0.25 to 0.4
(standard deviation of the logarithm) from one network to another, 0.2 within a family.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...studies.writing.json_values import JSON
from .training_work import Work

PER_MAC, PER_ACTIVATION = 1e-10, 2e-8
"""Seconds of training for each multiply-add, and for each output element, of each image."""
FORWARD = 0.35
"""Share of the seconds of training an image that classifying it takes."""
PER_LAYER, PER_PARAMETER = 1e-3, 8e-8
"""Seconds of an update for each layer, and for each parameter, whatever the number of images."""
SPREADS = (2.0, 0.2, 0.2, 0.2)
"""Standard deviations of the coefficients before anything was timed: of the constant (the machine)
and of the features (the kind of network)."""
NOISE, OWN_NOISE = 0.25, 0.12
"""Standard deviations of the logarithm of a time about the regression, and about a network's own
factor."""
FADES = 16
"""Number of times noted after which one counts half."""
MOST = 64
"""Networks that are remembered, the last ones timed."""
ERRORS = 48
"""Predictions by which the error is reported, the last ones."""

Vector = NDArray[np.float64]


class TimeModel:
    """Seconds of work on one kind of worker."""

    def __init__(self) -> None:
        """Begin with the formula alone."""
        self._rows: OrderedDict[str, tuple[list[float], float, float, int]] = OrderedDict()
        self._errors: list[float] = []
        self._noted = 0
        self._weights: Vector | None = None
        self._precision = 0.0

    @property
    def known(self) -> bool:
        """Whether anything was timed: before, the speed of the machine is a guess."""
        return bool(self._rows)

    @property
    def error(self) -> float | None:
        """Typical relative error of what was expected of networks before they were timed, the
        median; None before the first."""
        return math.expm1(median(self._errors)) if self._errors else None

    def seconds(self, network: str, work: Iterable[Work]) -> float:
        """Expected seconds of `work` on the network with the id `network`."""
        return sum(self.each(network, work))

    def each(self, network: str, work: Iterable[Work]) -> list[float]:
        """Expected seconds of each piece of the work of one training."""
        parts = list(work)
        factor = math.exp(self._factor(network, parts)) if parts else 0.0
        return [factor * _formula(part) for part in parts]

    def rates(self, network: str, full: Work, update: Work) -> tuple[float, float]:
        """Expected seconds of training `network` on an image of the size of `update`, and of an
        update beside its images; `full` is one of the size at which its training ends."""
        factor = math.exp(self._factor(network, [full]))
        return factor * _image(update), factor * _update(update)

    def note(self, network: str, work: Iterable[Work], seconds: float) -> None:
        """Learn that `work` on `network` took `seconds`. The error of what was expected of a
        network that was not timed before is kept, once something was timed at all."""
        parts = list(work)
        if not parts or not seconds > 0:
            return
        if self.known and network not in self._rows:
            self._errors = [*self._errors, abs(math.log(self.seconds(network, parts) / seconds))][-ERRORS:]
        seen = math.log(seconds / sum(map(_formula, parts)))
        _, before, _, count = self._rows.pop(network, ([], seen, 0.0, 0))
        self._noted += 1
        mean = before + (seen - before) / min(count + 1, 3)  # of the last few: the load changes
        self._rows[network] = _features(parts), mean, float(self._noted), count + 1
        while len(self._rows) > MOST:
            self._rows.popitem(last=False)
        self._weights = None

    def to_dict(self) -> dict[str, JSON]:
        """Plain JSON; `from_dict` reads it back."""
        rows: list[JSON] = [
            [network, list(features), mean, count] for network, (features, mean, _, count) in self._rows.items()
        ]
        return {"rows": rows, "errors": list(self._errors)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TimeModel:
        """The model that `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: `data` are something else.
        """
        found = cls()
        for network, features, mean, count in data["rows"]:
            if len(features) != len(SPREADS):
                raise ValueError(f"a network must have {len(SPREADS)} features, but got {len(features)}")
            found._noted += 1
            found._rows[network] = [float(one) for one in features], float(mean), float(found._noted), int(count)
        found._errors = [float(one) for one in data["errors"]]
        return found

    def _factor(self, network: str, parts: list[Work]) -> float:
        """Logarithm of the factor between the seconds and the formula."""
        expected = float(np.array(_features(parts)) @ self._fitted())
        if network not in self._rows:
            return expected
        _, own, _, count = self._rows[network]
        weight = NOISE**2 / (NOISE**2 + OWN_NOISE**2 / count)
        return expected + weight * (own - expected)

    def _fitted(self) -> Vector:
        if self._weights is None:
            precision = np.diag(1 / np.square(SPREADS))
            moment = np.zeros(len(SPREADS))
            for features, mean, when, _ in self._rows.values():
                row, weight = np.array(features), 0.5 ** ((self._noted - when) / FADES) / NOISE**2
                precision += weight * np.outer(row, row)
                moment += weight * mean * row
            self._weights = np.asarray(np.linalg.solve(precision, moment), np.float64)
        return self._weights


def _formula(work: Work) -> float:
    """Seconds up to the factor that is learned."""
    return _image(work) * (work.images + FORWARD * work.validated) + _update(work) * work.updates


def _image(work: Work) -> float:
    return PER_MAC * work.macs + PER_ACTIVATION * work.activations


def _update(work: Work) -> float:
    return PER_LAYER * work.layers + PER_PARAMETER * work.params


def _features(parts: list[Work]) -> list[float]:
    """A constant, and logarithms of what kinds of networks differ in; about 0 for common ones."""
    work = parts[-1]
    return [
        1.0,
        math.log(work.macs / work.activations / 40),
        math.log(work.layers / 12),
        math.log(work.activations / 1e5) / 2,
    ]
