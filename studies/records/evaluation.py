"""Holds how an evaluation ended, as plain data.

Nothing here knows of a database, Optuna or Ray: workers and drivers pass these about. Every value
is checked at construction, so that what reaches the database is finite, aware of its time zone and
plain JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any

from ...blocks.documented import documented
from ...blocks.errors import AutomlError, InputError
from ..quality import ACCURACY
from ..writing.json_values import JSON, canonical, plain_dict
from .candidate_row import CandidateRow
from .field_checks import LARGEST, assign, finite, integer, member, require_text, storable, utc
from .late import Late

__all__ = ["DRIVER", "CandidateRow", "DuplicateEvaluation", "Evaluation", "Fault", "Fidelity", "Purpose", "State"]

DRIVER = "driver"
"""The worker of a training by `automl train`, and not by a worker that confirmed its network."""


class DuplicateEvaluation(AutomlError):
    """The same (candidate, fidelity, seed) is already in the study; nothing was written."""


class State(StrEnum):
    """How an evaluation ended. There is no word for one that still runs: the database holds only
    what finished."""

    COMPLETE = "COMPLETE"
    PRUNED = "PRUNED"
    FAIL = "FAIL"


class Fault(StrEnum):
    """What is at fault when an evaluation fails."""

    CANDIDATE = "candidate"
    """The network: its loss is not finite, it cannot be built, it raises an error."""
    MEMORY = "memory"
    """It needed more memory than there was."""
    MACHINE = "machine"
    """Its worker died again and again; that says nothing about the network."""
    TIME = "time"
    """Its worker did not report for far longer than its epochs take, again and again."""

    def blames_network(self, *, reported: bool) -> bool:
        """Whether such a failure says something about the network, which has `reported` an epoch or
        not. One of which three workers never reported a single epoch, while others are timed, is
        too slow; one that had trained, and was silent later, has a machine to blame."""
        return self in (Fault.CANDIDATE, Fault.MEMORY) or (self is Fault.TIME and not reported)


CUT = "cut by the clock"
"""How the reason of a trial begins that only the time of its search has ended."""


def cut_reason(epoch: int, *, slow: bool = False) -> str:
    """The reason of a trial that the time of its search ended after `epoch`; `slow`: since all of
    that time would not suffice for it."""
    return f"{CUT} after epoch {epoch}" + (": its training takes longer than the search has" if slow else "")


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
    smallest_map: int = 0
    """Pixels a side that the last map keeps, by strides fitted to `size` where it is below the
    candidate's own size; 0 trains with the candidate's own strides."""
    recipe: str = ""
    """Name of the recipe if it is not the study's own, which its candidates were trained with."""
    refit: bool = False
    """Whether it trains on the validation images too. No choice may rest on such a training: what
    stands as its accuracy is that on the test images."""

    def __post_init__(self) -> None:
        assign(self, "epochs", integer("epochs", self.epochs, low=1))
        assign(self, "size", integer("size", self.size, low=1))
        assign(self, "smallest_map", integer("smallest_map", self.smallest_map, low=0))
        assign(self, "fraction", finite("fraction", self.fraction))  # 1 and 1.0 must not be two fidelities
        assign(self, "recipe", storable("recipe", self.recipe))
        if not isinstance(self.refit, bool):
            raise InputError(f"refit must be true or false, but got {self.refit!r}")
        if not 0 < self.fraction <= 1:
            raise InputError(f"0 < fraction <= 1 must hold, but got {self.fraction}")

    def to_dict(self) -> dict[str, JSON]:
        """Plain JSON; `from_dict` reads it back. `smallest_map`, `recipe` and `refit` are left out
        if they are 0, empty and false, because the fidelities of earlier versions have none."""
        newer: dict[str, JSON] = {"smallest_map": self.smallest_map, "recipe": self.recipe, "refit": self.refit}
        given = {name: value for name, value in newer.items() if value}
        return {"epochs": self.epochs, "size": self.size, "fraction": self.fraction, **given}

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
        fitted = f", last map at least {self.smallest_map} px" if self.smallest_map else ""
        recipe = f", recipe {self.recipe}" if self.recipe else ""
        refit = " on training and validation images" if self.refit else ""
        return f"{self.epochs} epochs at {self.size} px{part}{refit}{fitted}{recipe}"


@documented
@dataclass(frozen=True, kw_only=True)
class Evaluation(Late):
    """One (candidate, fidelity, seed) that ended, with what was seen on the way."""

    candidate_id: str
    """Id of the network."""
    fidelity: Fidelity
    """Fidelity of the full training; one that was stopped early got less, see `curve`."""
    seed: int
    """Seed of initialisation, shuffling and augmentation."""
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
    Of a refit the accuracy on the test images."""
    test_accuracy: float | None = None
    """Only for a network finally chosen: the test data is looked at once."""
    seconds: float
    """Wall time in the worker in seconds."""
    worker: str = ""
    """Host and process of the worker."""
    device: str = "cpu"
    """What it ran on, e.g. `cuda:0`."""
    reason: str | None = None
    """Why it failed or was stopped early."""
    fault: Fault | None = None
    """What was at fault, if it failed; None in failures that older versions recorded."""
    checkpoint: str | None = None
    """Where its weights lie, if they were kept."""
    started: datetime
    """Aware; kept in UTC."""
    finished: datetime
    """Aware; kept in UTC."""
    trial: int | None = None
    """Optuna's trial number, filled in by the database."""
    origin: str = ""
    """What proposed it: "random" (the search's random part, or the random sampler), "reference" (a
    published network), another sampler's name, or "" (a final training)."""
    scores: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Zero-cost scores of the network by name, where they were computed."""
    metric: str = ACCURACY
    """The quality measure of its study: what stands where "accuracy" is said here, larger being
    better (`quality`); a log loss, say, has its sign changed."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it unique in a study: candidate, fidelity, seed."""
        return self.candidate_id, self.fidelity.key, self.seed

    @property
    def validated(self) -> float | None:
        """The accuracy on validation images; None of a refit, which was trained on them."""
        return None if self.fidelity.refit else self.accuracy

    @property
    def confirms(self) -> bool:
        """Whether it is a final training by which its network may be compared: no refit."""
        return self.purpose is Purpose.FINAL and not self.fidelity.refit

    @property
    def cut(self) -> bool:
        """Whether the time of its search ended it, and not its accuracy."""
        return self.state is State.PRUNED and (self.reason or "").startswith(CUT)

    def __post_init__(self) -> None:
        require_text("candidate_id", self.candidate_id)
        assign(self, "seed", integer("seed", self.seed, low=-LARGEST - 1))
        assign(self, "purpose", member(Purpose, "purpose", self.purpose))
        assign(self, "state", member(State, "state", self.state))
        assign(self, "settings", plain_dict(self.settings, "settings"))
        assign(self, "curve", checked_curve(self.curve))
        assign(self, "scores", {str(name): finite(f"score {name}", value) for name, value in self.scores.items()})
        for name in ("worker", "device", "reason", "checkpoint", "origin"):
            assign(self, name, storable(name, getattr(self, name)))
        for name in ("accuracy", "test_accuracy"):
            if getattr(self, name) is not None:
                assign(self, name, finite(name, getattr(self, name)))
        assign(self, "seconds", finite("seconds", self.seconds))
        for name in ("started", "finished"):
            assign(self, name, utc(name, getattr(self, name)))
        if self.seconds < 0:
            raise InputError(f"seconds >= 0 must hold, but got {self.seconds}")
        if self.state is State.COMPLETE and self.accuracy is None:
            raise InputError("a COMPLETE evaluation must have an accuracy, but got None")
        if self.state is State.FAIL and not self.reason:
            raise InputError("a FAIL must have a reason, but got none")
        if self.fault is not None:
            assign(self, "fault", member(Fault, "fault", self.fault))
            if self.state is not State.FAIL:
                raise InputError(f"only a FAIL has a fault, but got {self.fault} of a {self.state} evaluation")


def checked_curve(curve: Iterable[Iterable[Any]]) -> tuple[tuple[int, float], ...]:
    """A curve of integers and finite numbers. Raises InputError if it is none, or if its epochs do
    not rise."""
    found = tuple((integer("epoch", epoch, low=0), finite("accuracy in the curve", value)) for epoch, value in curve)
    epochs = [epoch for epoch, _ in found]
    if any(after <= before for before, after in pairwise(epochs)):
        raise InputError(f"the epochs of a curve must rise, but got {epochs}")
    return found
