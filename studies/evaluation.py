"""What a study remembers, as plain data: candidates with their cost, and how their evaluations
ended.

Nothing here knows of a database, Optuna or Ray: workers and drivers pass these about. Every value
is checked at construction, so that what reaches the database is finite, aware of its time zone and
plain JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any, TypeVar

from ..blocks.documented import documented
from ..blocks.errors import AutomlError, InputError
from .json_values import JSON, canonical, plain_dict

_Word = TypeVar("_Word", bound=StrEnum)
_LARGEST = 2**63 - 1  # the database's 64-bit integers


class DuplicateEvaluation(AutomlError):
    """The same (candidate, fidelity, seed) is already in the study; nothing was written."""


class State(StrEnum):
    """How an evaluation ended. There is no word for one that still runs: the database holds only
    what finished."""

    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"


class Purpose(StrEnum):
    """What an evaluation was for."""

    SEARCH = "search"
    """A trial of the study; Optuna has it too."""
    FINAL = "final"
    """The training of a network that was chosen; Optuna has no trial of it."""


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How much training an evaluation gets."""

    epochs: int
    """Passes over the training data."""
    size: int
    """Height and width in pixels at which it trains."""
    fraction: float = 1.0
    """Part of the training data used, above 0 up to 1."""

    def __post_init__(self) -> None:
        _set(self, "epochs", _integer("epochs", self.epochs, low=1))
        _set(self, "size", _integer("size", self.size, low=1))
        _set(self, "fraction", _finite("fraction", self.fraction))  # 1 and 1.0 must not be two fidelities
        if not 0 < self.fraction <= 1:
            raise InputError(f"0 < fraction <= 1 must hold, but got {self.fraction}")

    def to_dict(self) -> dict[str, JSON]:
        """Plain JSON; `from_dict` reads it back."""
        return {"epochs": self.epochs, "size": self.size, "fraction": self.fraction}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Fidelity:
        """The fidelity that `to_dict` wrote."""
        return cls(**data)

    @property
    def passes(self) -> float:
        """How often a training sees the whole training data: epochs times fraction."""
        return self.epochs * self.fraction

    @property
    def key(self) -> str:
        """Canonical JSON: equal for equal fidelities; part of what makes an evaluation unique."""
        return canonical(self.to_dict())

    def __str__(self) -> str:
        part = "" if self.fraction == 1 else f" on {self.fraction:.3g} of the data"
        return f"{self.epochs} epochs at {self.size} px{part}"


@documented
@dataclass(frozen=True, kw_only=True)
class CandidateRow:
    """A candidate as it is stored: its id, its text and its cost, which any table shows without
    building the network."""

    id: str
    """SHA-256 of the canonical JSON of the network."""
    spec: str
    """Canonical JSON text from which the candidate is read back."""
    macs: int
    """Multiply-adds for one image at the deployment size."""
    params: int
    """Trainable numbers."""
    activations: int
    """Output elements of the layers that count."""

    def __post_init__(self) -> None:
        _text("id of a candidate", self.id)
        if len(self.id) > 128:
            raise InputError(f"the id of a candidate must be of 128 characters at most, but got {len(self.id)}")
        _text("spec of a candidate", self.spec)
        for name in ("macs", "params", "activations"):
            _set(self, name, _integer(name, getattr(self, name), low=0))


@documented
@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One (candidate, fidelity, seed) that ended, with what was seen on the way."""

    candidate_id: str
    """Which network."""
    fidelity: Fidelity
    """How much training it was to get; one stopped early got less, see `curve`."""
    seed: int
    """Of initialisation, shuffling and augmentation."""
    purpose: Purpose
    """A trial of the search, or the training of a chosen network."""
    state: State
    """How it ended."""
    settings: Mapping[str, JSON] = field(hash=False)
    """Dimension -> value as sampled, readable: `{"attention": "eca", "eca_kernel": 5}`."""
    curve: tuple[tuple[int, float], ...]
    """(epoch, validation accuracy) as reported, epochs rising."""
    accuracy: float | None
    """Validation accuracy at the end; None where there is none (a failure before the first report).
    """
    test_accuracy: float | None = None
    """Only for a network finally chosen: the test data is looked at once."""
    seconds: float
    """Wall time in the worker."""
    worker: str = ""
    """Where it ran: host, process."""
    device: str = "cpu"
    """What it ran on, e.g. `cuda:0`."""
    reason: str | None = None
    """Why it failed or was stopped early."""
    checkpoint: str | None = None
    """Where its weights lie, if they were kept."""
    started: datetime
    """Aware; kept in UTC."""
    finished: datetime
    """Aware; kept in UTC."""
    trial: int | None = None
    """Optuna's trial number, filled in by the database."""
    origin: str = ""
    """Who proposed it: "random" (the search's random part, or the random sampler), another
    sampler's name, or nobody (a final training)."""
    scores: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Zero-cost scores of the network by name, where they were computed."""

    def __post_init__(self) -> None:
        _text("candidate_id", self.candidate_id)
        _set(self, "seed", _integer("seed", self.seed, low=-_LARGEST - 1))
        _set(self, "purpose", _member(Purpose, "purpose", self.purpose))
        _set(self, "state", _member(State, "state", self.state))
        _set(self, "settings", plain_dict(self.settings, "settings"))
        _set(
            self,
            "curve",
            tuple(
                (_integer("epoch", epoch, low=0), _finite("accuracy in the curve", value))
                for epoch, value in self.curve
            ),
        )
        _set(self, "scores", {str(name): _finite(f"score {name}", value) for name, value in self.scores.items()})
        for name in ("worker", "device", "reason", "checkpoint", "origin"):
            _set(self, name, _storable(name, getattr(self, name)))
        for name in ("accuracy", "test_accuracy"):
            if getattr(self, name) is not None:
                _set(self, name, _finite(name, getattr(self, name)))
        _set(self, "seconds", _finite("seconds", self.seconds))
        for name in ("started", "finished"):
            _set(self, name, _utc(name, getattr(self, name)))
        epochs = [epoch for epoch, _ in self.curve]
        if any(after <= before for before, after in pairwise(epochs)):
            raise InputError(f"the epochs of a curve must rise, but got {epochs}")
        if self.seconds < 0:
            raise InputError(f"seconds >= 0 must hold, but got {self.seconds}")
        if self.state is State.COMPLETE and self.accuracy is None:
            raise InputError("a COMPLETE evaluation must have an accuracy, but got None")
        if self.state is State.FAIL and not self.reason:
            raise InputError("a FAIL must have a reason, but got none")


def _set(instance: object, name: str, value: object) -> None:
    object.__setattr__(instance, name, value)  # how a frozen dataclass normalises its own fields


def _text(name: str, value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InputError(f"{name} must be a text that is not empty, but got {value!r}")


def _storable(name: str, value: object) -> str | None:
    """Text that every database takes: the reason of a failure may quote anything, and must not make
    a second failure of its recording."""
    if value is None and name in ("reason", "checkpoint"):
        return None
    if not isinstance(value, str):
        raise InputError(f"{name} must be a text, but got {value!r}")
    return value.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")


def _integer(name: str, value: Any, *, low: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        number = None
    if number is None or number != value or isinstance(value, bool):
        raise InputError(f"{name} must be an integer, but got {value!r}")
    if not low <= number <= _LARGEST:
        raise InputError(f"{low} <= {name} <= {_LARGEST} must hold, but got {value!r}")
    return number


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be a number, but got {value!r}") from None
    if not math.isfinite(number):
        raise InputError(
            f"{name} must be a finite number, but got {number} (an evaluation that leaves the numbers is a FAIL with a"
            " reason)"
        )
    return number


def _member(kind: type[_Word], name: str, value: Any) -> _Word:
    try:
        return kind(value)
    except ValueError:
        raise InputError(f"{name} must be one of {', '.join(kind)}, but got {value!r}") from None


def _utc(name: str, value: Any) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InputError(f"{name} must be a time with a time zone, such as datetime.now(UTC), but got {value!r}")
    return value.astimezone(UTC)
