"""Holds what is measured of a trained network, as plain data, and reads it back.

The measures of a training lie as JSON beside its weights: `NAME.json` beside `NAME.pt`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from ...blocks.regular_file import read_regular
from ..records.evaluation import Evaluation
from ..store import Folder, StoreError
from ..study import Study
from ..tasks.task import CLASSIFICATION, MULTI_LABEL, REGRESSION
from ..writing.atomic_file import write_text
from .artifacts import local_folder, store_of, weights_place
from .task_measures import LabelMeasures, TargetMeasures

BINS = 15
"""Number of bins of the calibration error."""
WORDS = {
    "accuracy": "accuracy",
    "top5": "top-5",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "auroc": "AUROC",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
}
"""Measures as they are shown."""
NUMBERS = (
    *("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "calibration_error"),
    *("temperature", "calibrated_log_loss", "calibrated_error"),
)
"""Measures that every classifier has."""
PARTS = ("validation", "test")
MEASURES = ".json"
"""Ending of a file of measures."""
MOST_CONFUSED, MOST_SHOWN = 1000, 100
"""Classes up to which the confusion matrix is kept, and to which it is in the JSON of a study."""
LARGEST = 50_000_000
"""Most bytes that a file of measures may have."""


@dataclass(frozen=True, kw_only=True)
class ClassMeasures:
    """What is measured of one class."""

    name: str
    """Name of the class."""
    images: int
    """Number of its images."""
    precision: float
    """Share of the images predicted as this class that are of it; 0 if none is."""
    recall: float
    """Share of its images that are predicted as it; 0 if it has none."""
    f1: float
    """Harmonic mean of precision and recall."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What is measured of a classifier on one part of the data."""

    head: ClassVar[tuple[str, ...]] = ("class", "images", "precision", "recall", "F1")
    """The columns of the table of classes."""
    probabilities: ClassVar[str] = "softmax(1)"
    """What turns logits into probabilities."""

    images: int
    """Number of images."""
    accuracy: float
    """Share of the images whose class has the largest logit."""
    top5: float | None
    """Share of the images whose class is among the five largest logits; None up to five classes."""
    balanced_accuracy: float
    """Mean recall of the classes that have images."""
    macro_f1: float
    """Mean F1 of the classes that have images or are predicted."""
    auroc: float | None
    """Area under the ROC curve of the second of two classes; None with other numbers of classes, or
    if one of them has no image."""
    log_loss: float
    """Mean negative logarithm of the probability of the true class."""
    calibration_error: float
    """Expected calibration error: mean difference of confidence and accuracy in `BINS` bins
    (arXiv:1706.04599)."""
    temperature: float
    """By which logits are divided for calibrated probabilities; fitted on the validation images."""
    calibrated_log_loss: float
    """The log loss of the calibrated probabilities."""
    calibrated_error: float
    """The calibration error of the calibrated probabilities."""
    classes: tuple[ClassMeasures, ...]
    """Each class."""
    confusion: tuple[tuple[int, ...], ...]
    """Number of images of each class (row) that are predicted as each class (column); empty above
    `MOST_CONFUSED` classes."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, with stable keys; `from_dict` reads it."""
        classes, confusion = [asdict(each) for each in self.classes], [list(row) for row in self.confusion]
        return {**asdict(self), "classes": classes, "confusion": confusion}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measures:
        """The measures that `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: `data` is something else.
        """
        classes = tuple(
            ClassMeasures(
                name=str(each["name"]),
                images=int(each["images"]),
                precision=float(each["precision"]),
                recall=float(each["recall"]),
                f1=float(each["f1"]),
            )
            for each in data["classes"]
        )
        confusion = tuple(tuple(int(count) for count in row) for row in data["confusion"])
        if confusion and any(len(row) != len(classes) for row in (confusion, *confusion)):
            raise ValueError("the confusion matrix must have a row and a column for each class")
        numbers: dict[str, Any] = {name: float(data[name]) for name in NUMBERS}
        for name in ("top5", "auroc"):
            numbers[name] = None if data[name] is None else float(data[name])
        return cls(images=int(data["images"]), classes=classes, confusion=confusion, **numbers)

    @property
    def rows(self) -> list[list[str]]:
        """The table of classes, without their names."""
        return [
            [f"{each.images:,}", f"{each.precision:.4f}", f"{each.recall:.4f}", f"{each.f1:.4f}"]
            for each in self.classes
        ]

    @property
    def never_predicted(self) -> tuple[str, ...]:
        """The classes that have images and are never predicted; empty without a confusion
        matrix."""
        predicted = [sum(column) for column in zip(*self.confusion, strict=True)]
        return tuple(
            each.name for each, count in zip(self.classes, predicted, strict=False) if each.images and not count
        )

    @property
    def in_words(self) -> str:
        """The measures before calibration in a line."""
        return ", ".join(
            f"{words} {getattr(self, name):.4f}" for name, words in WORDS.items() if getattr(self, name) is not None
        )

    def calibration(self, fitted: str) -> str:
        """The temperature, how it was `fitted`, and what it brings in a line."""
        return (
            f"temperature {self.temperature:.3f}, {fitted}: log loss"
            f" {self.calibrated_log_loss:.4f}, calibration error {self.calibrated_error:.4f}"
        )


PartMeasures: TypeAlias = Measures | LabelMeasures | TargetMeasures
"""What is measured on one part of the data, by what the network gives."""
KINDS: dict[str, type[PartMeasures]] = {
    CLASSIFICATION: Measures,
    MULTI_LABEL: LabelMeasures,
    REGRESSION: TargetMeasures,
}


@dataclass(frozen=True, kw_only=True)
class TrainingMeasures:
    """What is kept of a training beside its weights."""

    recipe: Mapping[str, Any]
    """The recipe with which the network was trained."""
    parts: Mapping[str, PartMeasures]
    """Measures on the validation images, unless it was trained on them, and on the test images, if
    it was tested."""
    task: str = CLASSIFICATION
    """What the network gives: "classification", "multi-label" or "regression"."""

    @property
    def part(self) -> str:
        """The part to show: test if it was measured, else validation."""
        return "test" if "test" in self.parts else "validation"

    @property
    def temperature(self) -> float:
        """By which logits are divided for calibrated probabilities."""
        return next(iter(self.parts.values())).temperature

    @property
    def calibration(self) -> str:
        """How probabilities are calibrated, and what that brings on the part to show; empty if they
        are not."""
        if "validation" in self.parts:
            return self.parts[self.part].calibration("fitted on validation images")
        return "" if self.temperature == 1 else self.parts[self.part].calibration("that of an earlier training")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, with stable keys."""
        parts = {part: measures.to_dict() for part, measures in self.parts.items()}
        task = {} if self.task == CLASSIFICATION else {"task": self.task}
        return {"recipe": dict(self.recipe), **task, "temperature": self.temperature, **parts}

    def short(self) -> dict[str, Any]:
        """The same as `to_dict`, with empty confusion matrices above `MOST_SHOWN` classes."""
        found = self.to_dict()
        for part, measures in self.parts.items():
            if len(measures.classes) > MOST_SHOWN and "confusion" in found[part]:
                found[part]["confusion"] = []
        return found

    def write(self, weights: Path) -> None:
        """Write them beside a file of weights."""
        write_text(measures_file(weights), json.dumps(self.to_dict(), ensure_ascii=False) + "\n")


def kept_measures(study: Study, evaluation: Evaluation) -> TrainingMeasures | None:
    """What was measured of a training; None if it kept no weights, or was trained by a worker or an
    earlier version, or the file is damaged."""
    try:
        weights = weights_place(study, evaluation)
        if weights is None:
            return None
        kept = json.loads(_read(study, measures_file(weights)))
        task = str(kept["task"]) if "task" in kept else CLASSIFICATION
        kind = KINDS[task]
        parts = {part: kind.from_dict(kept[part]) for part in PARTS if part in kept}
        recipe = dict(kept["recipe"])
        return TrainingMeasures(recipe=recipe, parts=parts, task=task) if parts else None
    except (OSError, KeyError, TypeError, ValueError, RecursionError, StoreError):
        return None


def _read(study: Study, file: Path) -> bytes:
    """A file of measures: that of this machine, else that at the study's URL."""
    store = store_of(study)
    if file.exists() or isinstance(store, Folder):
        return read_regular(file, most=LARGEST)
    with store.reading(file.relative_to(local_folder(study)).as_posix()) as found:
        return found.read(LARGEST)


def measures_file(weights: Path) -> Path:
    """The file of the measures of a network, by that of its weights."""
    return weights.with_suffix(MEASURES)
