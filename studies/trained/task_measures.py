"""Holds what is measured of a network that gives labels or numbers, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class LabelMeasure:
    """What is measured of one label."""

    name: str
    """Name of the label."""
    images: int
    """Number of the images that have it."""
    predicted: int
    """Number of images for which it is predicted, from a probability of a half on."""
    average_precision: float | None
    """Average precision of the images ranked by the label's logit; None if none has the label."""
    precision: float
    """Share of the images for which it is predicted that have it; 0 if there are none."""
    recall: float
    """Share of the images that have it for which it is predicted; 0 if there are none."""
    f1: float
    """Harmonic mean of precision and recall."""


@dataclass(frozen=True, kw_only=True)
class LabelMeasures:
    """What is measured of a network that gives labels, on one part of the data."""

    head: ClassVar[tuple[str, ...]] = ("label", "images", "average precision", "precision", "recall", "F1")
    """The columns of the table of labels."""
    confusion: ClassVar[tuple[tuple[int, ...], ...]] = ()
    probabilities: ClassVar[str] = "sigmoid()"
    """What turns logits into probabilities."""

    images: int
    """Number of images."""
    mean_average_precision: float
    """Mean of the average precisions of the labels that images have."""
    macro_f1: float
    """Mean of F1 over these labels."""
    exact: float
    """Share of the images of which all labels are right."""
    log_loss: float
    """Mean binary cross entropy of a label, in nats."""
    temperature: float
    """By which logits are divided for calibrated probabilities; fitted on the validation images."""
    calibrated_log_loss: float
    """The log loss of the calibrated probabilities."""
    classes: tuple[LabelMeasure, ...]
    """Each label."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, with stable keys; `from_dict` reads it."""
        return {**asdict(self), "classes": [asdict(each) for each in self.classes]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LabelMeasures:
        """The measures that `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: `data` is something else.
        """
        numbers = ("mean_average_precision", "macro_f1", "exact", "log_loss", "temperature", "calibrated_log_loss")
        classes = tuple(
            LabelMeasure(
                name=str(each["name"]),
                images=int(each["images"]),
                predicted=int(each["predicted"]),
                average_precision=None if each["average_precision"] is None else float(each["average_precision"]),
                precision=float(each["precision"]),
                recall=float(each["recall"]),
                f1=float(each["f1"]),
            )
            for each in data["classes"]
        )
        return cls(images=int(data["images"]), classes=classes, **{name: float(data[name]) for name in numbers})

    @property
    def rows(self) -> list[list[str]]:
        """The table of labels, without their names."""
        return [
            [
                f"{each.images:,}",
                "-" if each.average_precision is None else f"{each.average_precision:.4f}",
                *(f"{value:.4f}" for value in (each.precision, each.recall, each.f1)),
            ]
            for each in self.classes
        ]

    @property
    def never_predicted(self) -> tuple[str, ...]:
        """The labels that images have and that are never predicted."""
        return tuple(each.name for each in self.classes if each.images and not each.predicted)

    @property
    def in_words(self) -> str:
        """The measures before calibration in a line."""
        return (
            f"mean average precision {self.mean_average_precision:.4f}, macro F1 {self.macro_f1:.4f}, all labels right"
            f" {self.exact:.4f}, log loss {self.log_loss:.4f}"
        )

    def calibration(self, fitted: str) -> str:
        """The temperature, how it was `fitted`, and what it brings in a line."""
        return f"temperature {self.temperature:.3f}, {fitted}: log loss {self.calibrated_log_loss:.4f}"


@dataclass(frozen=True, kw_only=True)
class TargetMeasure:
    """What is measured of one target, in its unit."""

    name: str
    """Name of the target: the column of the table."""
    mae: float
    """Mean absolute error."""
    rmse: float
    """Root mean squared error."""
    r2: float | None
    """Share of the variance that is explained; None if all images have the same number."""
    bias: float
    """Mean of the predictions minus the truth."""
    median: float
    """Median of the truth."""
    guess: float
    """Mean absolute error of that median as the answer for every image."""


@dataclass(frozen=True, kw_only=True)
class TargetMeasures:
    """What is measured of a network that gives numbers, on one part of the data."""

    head: ClassVar[tuple[str, ...]] = ("target", "MAE", "RMSE", "R²", "bias", "MAE of the median")
    """The columns of the table of targets."""
    confusion: ClassVar[tuple[tuple[int, ...], ...]] = ()
    never_predicted: ClassVar[tuple[str, ...]] = ()
    probabilities: ClassVar[str] = ""
    temperature: ClassVar[float] = 1.0

    images: int
    """Number of images."""
    classes: tuple[TargetMeasure, ...]
    """Each target."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, with stable keys; `from_dict` reads it."""
        return {"images": self.images, "classes": [asdict(each) for each in self.classes]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TargetMeasures:
        """The measures that `to_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: `data` is something else.
        """
        classes = tuple(
            TargetMeasure(
                name=str(each["name"]),
                r2=None if each["r2"] is None else float(each["r2"]),
                **{name: float(each[name]) for name in ("mae", "rmse", "bias", "median", "guess")},
            )
            for each in data["classes"]
        )
        return cls(images=int(data["images"]), classes=classes)

    def calibration(self, fitted: str) -> str:
        """Nothing: numbers have no temperature."""
        return ""

    @property
    def rows(self) -> list[list[str]]:
        """The table of targets, without their names."""
        return [
            [
                *(f"{value:.5g}" for value in (each.mae, each.rmse)),
                "-" if each.r2 is None else f"{each.r2:.4f}",
                *(f"{value:.5g}" for value in (each.bias, each.guess)),
            ]
            for each in self.classes
        ]

    @property
    def in_words(self) -> str:
        """The errors of the first targets in a line, in their units."""
        return ", ".join(f"MAE {each.mae:.5g} of {each.name}" for each in self.classes[:6])
