"""Holds what is known about an exported network, and removes paths and passwords of this machine
from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any

from ...blocks.errors import InputError
from ..quality import ACCURACY
from ..tasks.task import CLASSIFICATION

if TYPE_CHECKING:
    from ..tasks.preprocessing import Preprocessing
    from ..trained.classifier_measures import TrainingMeasures

_PASSWORD = re.compile(r"(://[^:/@\s]*:)[^@\s]+@")
_SQLITE = re.compile(r"(sqlite(?:\+\w+)?:///)[^\s'\"]*[/\\]")
_QUOTED = re.compile(r"(['\"])(?:~|[A-Za-z]:)?[/\\](?:[^'\"]*[/\\])?([^'\"/\\]+)[/\\]?\1")
_ABSOLUTE = re.compile(r"(?<![\w.~:/\\-])(?:~|[A-Za-z]:)?[/\\](?:[^\s'\"/\\]+[/\\])*([^\s'\"/\\]+)[/\\]?")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """How a network was found and trained, and how accurate it is: plain data, written into the
    exported files."""

    study: str
    """Name of the study that found it."""
    command: str
    """The command that started the study; folders of this machine and passwords in it are not
    written."""
    data: str
    """What it was trained on: the name of a known set, or a path, of which only the last part is
    written."""
    classes: tuple[str, ...]
    """Names of the classes, labels or targets, by their output."""
    preprocessing: Preprocessing
    """The steps from an image file to the network's input in training."""
    mean: tuple[float, ...]
    """Mean of each channel of the training images, on the scale from 0 to 1."""
    std: tuple[float, ...]
    """Standard deviation of each channel, on the same scale."""
    accuracy: float | None
    """Accuracy on the validation data, from 0 to 1, or `metric` as it is shown; None: it was
    trained on them."""
    test_accuracy: float | None
    """The same on the test data; None: not tested."""
    epochs: int
    """Epochs of the training."""
    seed: int
    """Seed of initialisation, shuffling and augmentation."""
    mark: str = ""
    """What a reader must know of the training, such as that it was a trial of the search; empty for
    one that confirmed the network."""
    budget: str
    """The bounds on cost of the study; empty for none."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Dimension -> value, as the sampler chose; may be empty."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Package -> version it was trained with."""
    measures: TrainingMeasures | None = None
    """What was measured of it beside its accuracy; None: nothing."""
    metric: str = ACCURACY
    """The quality measure of the study."""
    task: str = CLASSIFICATION
    """What the network gives: "classification", "multi-label" or "regression"."""
    begun: str = ""
    """From which weights the training began, and how much of the network they are; empty if it
    began from noise."""

    def __post_init__(self) -> None:
        if self.epochs < 0:
            raise InputError(f"epochs >= 0 must hold, but got {self.epochs}")
        if len(self.mean) != len(self.std) or not all(value > 0 for value in self.std):
            raise InputError(
                f"mean and std must have one number for each channel, std above 0, but got mean={self.mean},"
                f" std={self.std}"
            )

    @property
    def size(self) -> int:
        """Height and width of the images it was trained at, in pixels."""
        return self.preprocessing.size

    @property
    def public_command(self) -> str:
        """The command without folders of this machine and without passwords."""
        return portable(self.command)

    @property
    def public_data(self) -> str:
        """The data's name, or the last part of their path."""
        for flavour in (PurePosixPath, PureWindowsPath):
            path = flavour(self.data)
            if path.is_absolute() or self.data.startswith("~"):
                return path.name or "data"
        return self.data


def portable(text: str) -> str:
    """`text` with absolute paths cut to their last part and passwords masked.

    >>> portable("automl search --data /home/ada/cats --storage sqlite:////var/automl.db")
    'automl search --data cats --storage sqlite:///automl.db'
    """
    text = _PASSWORD.sub(r"\1***@", text)
    text = _SQLITE.sub(r"\1", text)
    return _ABSOLUTE.sub(r"\1", _QUOTED.sub(r"\1\2\1", text))


def one_line(text: object) -> str:
    """`text` on one line: whatever breaks lines or does not print becomes a space."""
    return " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
