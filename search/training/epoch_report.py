"""What a trainer reports after each epoch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Report:
    """The results of one epoch."""

    epoch: int
    """Number of epochs done, including this one."""
    accuracy: float
    """Top-1 accuracy on the validation images, of the averaged weights if the recipe averages; NaN
    if there are none."""
    loss: float
    """Mean training loss over the images of the epoch, each taken when it was trained on."""
    seconds: float
    """Wall time of training and validation in seconds."""
    images: int
    """Number of images trained on in this epoch."""
    training: float = 0.0
    """Seconds of training alone, without resizing and validation; part of `seconds`."""
